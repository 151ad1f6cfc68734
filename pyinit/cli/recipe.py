"""What ``--recipe`` names: a recipe, a recipe of models, a scheme, or a file of rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from ..checkpoint.blueprint import Blueprint
from ..checkpoint.spec import Spec
from ..errors import RecipeError
from ..recipes.lookup import entry_of, recipes
from ..recipes.models.registry import TABLE
from ..recipes.models.roles import ROLES
from ..recipes.names import nearest
from ..recipes.recipe import Recipe, from_dict, is_known, known_names
from ..recipes.rules import CONVENTIONS, Rule, fits
from ..recipes.rules_json import rules_from_json
from ..recipes.schemes.registry import SCHEMES, scheme
from ..recipes.schemes.scheme import Scheme
from ..stream.strict_json import parsed
from .definition import without_default

__all__ = ["besides", "recipes_of"]


def recipes_of(text: str, spec: Spec | None) -> Recipe | tuple[Rule, ...] | Scheme:
    """Return what ``--recipe`` names for a model: one recipe, a list of rules, or a scheme.

    A model without a spec is a module: its "default", what it does where no rule matches, stands last.
    """
    content: object = text
    where = "--recipe"
    if entry_of(text) is not None:
        return _named(text, {}, spec)
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
        return _named(content["model"], options, spec)
    is_one = content is not text or is_known(text)
    if not is_one and (close := nearest(text, (*known_names(), *TABLE, *SCHEMES))):
        raise RecipeError(f"unknown recipe {text!r:.100}. Did you mean {', '.join(close)}?")
    return from_dict(content)


def _named(name: str, options: dict[str, object], spec: Spec | None) -> tuple[Rule, ...] | Scheme:
    """Return the rules, or the scheme, of a name; the configuration says what the options do not."""
    options = {**_of_config(name, spec), **options}
    return scheme(name, **options) if name in SCHEMES else recipes(name, **options)


_FIELDS = {
    "depth": ("num_hidden_layers", "n_layer", "num_layers"),
    "width": ("hidden_size", "n_embd", "d_model"),
    "hidden": ("intermediate_size", "n_inner"),
    "attention": ("attention_hidden_size",),
    "head_size": ("head_size",),
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
    entry = entry_of(model)
    takes = [] if entry is None else [option.name for option in entry.options]
    found = {
        option: next((config[field] for field in fields if type(config.get(field)) in kinds), None)
        for kinds, options in (((int,), _FIELDS), ((int, float), _STEPS))
        for option, fields in options.items()
        if option in takes
    }
    said: dict[str, int | float] = {option: value for option, value in found.items() if value is not None}
    heads: list[int] = [
        config[field] for field in ("num_attention_heads", "head_dim") if type(config.get(field)) is int
    ]
    if "attention" in takes and len(heads) == 2:
        # all heads together may be wider than the stream
        said["attention"] = math.prod(heads)
    if "tied" in takes and spec is not None and any(fits(ROLES["head"], alias) for alias in spec.ties):
        said["tied"] = True
    rows = {row for rule in (spec.rules or () if spec is not None else ()) for row in rule.zero_rows}
    if "padding" in takes and len(rows) == 1:
        said["padding"] = rows.pop()
    return said


def besides(scheme: Scheme, blueprint: Blueprint) -> Iterator[str]:
    """Yield what a scheme needs beside the weights: learning rates, and what the model's code has to do."""
    lines = list(scheme.lines(draft.name for draft in blueprint.drafts))
    if lines:
        yield f"{scheme.name} is more than these weights; training and the model also need:"
        yield from (f"  {line}" for line in lines)
