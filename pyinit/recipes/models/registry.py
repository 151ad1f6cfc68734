"""The table of model recipes by name: `pyinit.recipes` looks a name up, and a user adds one."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from ...errors import RecipeError
from ...stream.arguments import brief
from ..names import suggestion
from ..recipe import is_known
from ..rules import Rule
from . import encoders, language, recurrent, special, uniform, vision
from .entry import Entry

__all__ = ["TABLE", "recipes", "register_model", "table"]

TABLE: dict[str, Entry] = {
    entry.name: entry
    for module in (uniform, language, encoders, vision, recurrent, special)
    for entry in module.ENTRIES
}
"""The recipes of models, by name."""

_BUILTIN = frozenset(TABLE)


def recipes(name: str, **options: Any) -> tuple[Rule, ...]:
    """Return the rules by which a model begins, by the name of the model or of the library that starts it.

    Parameters
    ----------
    name : str
        A name of the table in ``docs/reference/models.md``, or one that `pyinit.register_model` added.
    **options
        What the rules need of the model, such as ``depth=32`` or ``width=4096``; the table lists them.

    Returns
    -------
    tuple of Rule
        For `pyinit.init_params`, `pyinit.write_checkpoint`, `pyinit.torch.materialize`,
        `pyinit.jax.init_tree` and all others that take rules. Put rules of your own in front:
        ``[("*.A_log", "zeros"), *pyinit.recipes("qwen3-next")]``. A tensor of which the recipe says nothing
        is an error, and so is a recipe that finds none of the tensors that it is about.

    Raises
    ------
    RecipeError
        If the name or an option is unknown, or an option is missing, such as the depth of a recipe that
        divides by it.

    Examples
    --------
    >>> import pyinit as pi
    >>> shapes = {"h.0.attn.c_proj.weight": (64, 64), "h.0.attn.c_attn.weight": (64, 192),
    ...           "h.0.mlp.c_fc.weight": (64, 256), "h.0.mlp.c_proj.weight": (256, 64),
    ...           "wte.weight": (1000, 64)}
    >>> params = pi.init_params(shapes, pi.recipes("gpt2", depth=1), key=0)
    >>> bool(abs(params["h.0.mlp.c_proj.weight"].std() / (0.02 / 2**0.5) - 1) < 0.03)
    True
    >>> pi.recipes("gpt2")
    Traceback (most recent call last):
    pyinit.errors.RecipeError: the model recipe 'gpt2' needs depth; got none. Write \
pyinit.recipes('gpt2', depth=...).
    """
    if not isinstance(name, str) or name not in TABLE:
        known = suggestion(name, sorted(TABLE)) if isinstance(name, str) else "Give a name."
        raise RecipeError(f"unknown model recipe {brief(name)}. {known}")
    return TABLE[name].rules(options)


def register_model(
    name: str, make: Callable[..., Any], *, formula: str = "", source: str = "", used: str = ""
) -> None:
    """Let `pyinit.recipes`, and ``pyinit init --recipe``, know a recipe of a model by a name.

    Parameters
    ----------
    name : str
        A name that is not one of pyinit's; a second registration replaces the first.
    make : callable
        Takes the options by name, and returns rules: a mapping of pattern to recipe, or a sequence of
        `pyinit.Rule` or (pattern, recipe). An option without a default is one that callers must give.
    formula, source, used : str
        What the table says of it.

    Raises
    ------
    RecipeError
        If the name is pyinit's own, that of a recipe of one tensor, or not a name.

    Examples
    --------
    >>> import pyinit as pi
    >>> def narrow(*, depth, std=0.01):
    ...     out = pi.Rule("*.down.weight", pi.normal(std=std), depth=pi.Depth(depth))
    ...     return [out, ("*.weight", pi.normal(std=std)), ("*.bias", "zeros")]
    >>> pi.register_model("narrow", narrow)
    >>> len(pi.recipes("narrow", depth=4))
    3
    """
    if not isinstance(name, str) or not name or name.strip() != name:
        raise RecipeError(f"a model recipe needs a name; got {brief(name)}. Give a text.")
    if name in _BUILTIN:
        raise RecipeError(f"{name!r} is a model recipe of pyinit's. Give yours another name.")
    if is_known(name):
        raise RecipeError(f"{name!r} is a recipe of one tensor. Give a model's recipe another name.")
    if not callable(make):
        raise RecipeError(
            f"a model recipe is a function that returns rules; got {brief(make)}. Write "
            "register_model(name, function)."
        )
    for option in signature(make).parameters.values():
        if option.kind not in (option.POSITIONAL_OR_KEYWORD, option.KEYWORD_ONLY):
            raise RecipeError(
                f"a model recipe takes its options by name; got {option} in {name!r}. Name each option."
            )
    TABLE[name] = Entry(name, make, formula, source, used, is_own=False)


def table() -> str:
    """Return pyinit's own model recipes as a table in Markdown; ``docs/reference/models.md`` holds it."""
    heads = ("name", "options", "what it draws", "source", "who uses it, and when")
    own = (TABLE[name].cells() for name in TABLE if name in _BUILTIN)
    lines = [heads, ("---",) * len(heads), *own]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    print(table(), end="")
