"""A user's own recipes, of a tensor and of a model, under names that strings and JSON may use."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from ..errors import RecipeError
from ..stream.arguments import brief
from .makers import maker
from .models.entry import Entry
from .models.registry import BUILTIN, TABLE
from .recipe import Recipe, is_known, named
from .schemes.registry import SCHEMES

__all__ = ["register_model", "register_recipe"]

_OF_USERS: set[str] = set()


def register_recipe(name: str, make: Callable[..., Recipe]) -> None:
    """Let strings and JSON call a recipe of your own by a name, wherever a recipe is taken.

    Parameters
    ----------
    name : str
        A name that is not one of pyinit's; a second registration replaces the first.
    make : callable
        Returns a recipe; its parameters are those of the name. Give it a parameter ``layout`` if the recipe
        counts fans. A subclass of `pyinit.Recipe`, a frozen dataclass with a method `make_plan`, is one too.

    Raises
    ------
    RecipeError
        If the name is pyinit's own, that of a recipe of models or of a scheme, or not a name.

    Examples
    --------
    >>> import pyinit as pi
    >>> def gamma(g=0.5, *, layout=None):
    ...     return pi.variance_scaling(g**2, layout=layout)
    >>> pi.register_recipe("gamma", gamma)
    >>> pi.recipe_from_json('{"recipe": "gamma", "g": 0.25}').plan((100, 10)).std
    0.025
    """
    if not isinstance(name, str) or not name or name.strip() != name:
        raise RecipeError(f"a recipe needs a name; got {brief(name)}. Give a text.")
    if is_known(name) and name not in _OF_USERS:
        raise RecipeError(f"{name!r} is a recipe of pyinit's. Give yours another name.")
    if name in TABLE or name in SCHEMES:
        what = "a recipe of models" if name in TABLE else "a scheme"
        raise RecipeError(f"{name!r} is {what}. Give a tensor's recipe another name.")
    if not callable(make):
        raise RecipeError(
            f"a recipe's maker is a function that returns a recipe; got {brief(make)}. Write "
            "register_recipe(name, function)."
        )
    _OF_USERS.add(name)
    named(maker(name, make), name)


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
        If the name is pyinit's own, that of a scheme or of a recipe of one tensor, or not a name.

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
    if name in BUILTIN:
        raise RecipeError(f"{name!r} is a model recipe of pyinit's. Give yours another name.")
    if name in SCHEMES:
        raise RecipeError(f"{name!r} is a scheme of pyinit's. Give a model's recipe another name.")
    if is_known(name):
        raise RecipeError(f"{name!r} is a recipe of one tensor. Give a model's recipe another name.")
    if not callable(make):
        raise RecipeError(
            f"a model recipe is a function that returns rules; got {brief(make)}. Write "
            "register_model(name, function)."
        )
    try:
        options = signature(make).parameters.values()
    except ValueError:
        raise RecipeError(
            f"a model recipe is a function whose options have names; Python knows none of {brief(make)}. "
            "Write register_model(name, function)."
        ) from None
    for option in options:
        if option.kind not in (option.POSITIONAL_OR_KEYWORD, option.KEYWORD_ONLY):
            raise RecipeError(
                f"a model recipe takes its options by name; got {option} in {name!r}. Name each option."
            )
    TABLE[name] = Entry(name, make, formula, source, used, is_own=False)
