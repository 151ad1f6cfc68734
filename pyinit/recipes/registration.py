"""A user's own recipe of a tensor, under a name that strings and JSON may use."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import RecipeError
from ..stream.arguments import brief
from .makers import maker
from .models.registry import TABLE
from .recipe import Recipe, is_known, named

__all__ = ["register_recipe"]

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
        If the name is pyinit's own, that of a recipe of models, or not a name.

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
    if name in TABLE:
        raise RecipeError(f"{name!r} is a recipe of models. Give a tensor's recipe another name.")
    if not callable(make):
        raise RecipeError(
            f"a recipe's maker is a function that returns a recipe; got {brief(make)}. Write "
            "register_recipe(name, function)."
        )
    _OF_USERS.add(name)
    named(maker(name, make), name)
