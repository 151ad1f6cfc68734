"""What ``--recipe`` names: a recipe, a recipe of models, or a file of rules."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint.spec import Spec
from ..errors import RecipeError
from ..recipes.models.registry import TABLE, recipes
from ..recipes.models.roles import ROLES
from ..recipes.recipe import Recipe, from_dict
from ..recipes.rules import CONVENTIONS, Rule, fits
from ..recipes.rules_json import rules_from_json
from ..stream.strict_json import parsed
from .definition import without_default

__all__ = ["recipes_of"]


def recipes_of(text: str, spec: Spec | None) -> Recipe | tuple[Rule, ...]:
    """Return what ``--recipe`` names for a model: one recipe, or a list of rules.

    A model without a spec is a module: its "default", what it does where no rule matches, stands last.
    """
    content: object = text
    where = "--recipe"
    if text in TABLE:
        return recipes(text, **_of_config(text, spec))
    if text.lstrip().startswith(("{", "[")):
        content = parsed(text, where, RecipeError)
    elif text.endswith(".json") or Path(text).is_file():
        if not Path(text).is_file():
            raise RecipeError(f"--recipe: there is no file '{text}'; name a recipe or a JSON file of rules")
        where = text
        content = parsed(Path(text).read_bytes(), where, RecipeError)
    if isinstance(content, list) and spec is None:
        return rules_from_json(without_default(content, where), (), where)
    if isinstance(content, list):
        assert spec is not None
        return rules_from_json(content, spec.rules if spec.rules is not None else CONVENTIONS, where)
    if isinstance(content, dict) and isinstance(content.get("model"), str):
        options = {name: value for name, value in content.items() if name != "model"}
        return recipes(content["model"], **{**_of_config(content["model"], spec), **options})
    return from_dict(content)


_FIELDS = {
    "depth": ("num_hidden_layers", "n_layer", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "vocabulary": ("vocab_size",),
}
_STEPS = {
    "a_min": ("linear_a_log_min",),
    "a_max": ("linear_a_log_max",),
    "time_step_min": ("time_step_min", "linear_dt_min"),
    "time_step_max": ("time_step_max", "linear_dt_max"),
    "time_step_floor": ("time_step_floor", "linear_dt_init_floor"),
}
"""What may be a fraction, unlike sizes."""


def _of_config(model: str, spec: Spec | None) -> dict[str, int | float]:
    """Return the options that the configuration says: sizes, steps, a tie, the padding row."""
    config = {} if spec is None or spec.config is None else spec.config
    takes = [option.name for option in TABLE[model].options] if model in TABLE else []
    found = {
        option: next((config[field] for field in fields if type(config.get(field)) in kinds), None)
        for kinds, options in (((int,), _FIELDS), ((int, float), _STEPS))
        for option, fields in options.items()
        if option in takes
    }
    said: dict[str, int | float] = {option: value for option, value in found.items() if value is not None}
    if "tied" in takes and spec is not None and any(fits(ROLES["head"], alias) for alias in spec.ties):
        said["tied"] = True
    rows = {row for rule in (spec.rules or () if spec is not None else ()) for row in rule.zero_rows}
    if "padding" in takes and len(rows) == 1:
        said["padding"] = rows.pop()
    return said
