"""One rule: a recipe for the parameters whose names match a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from ..errors import RecipeError
from ..stream.arguments import is_integer
from ..stream.window import Shape
from .depth import Depth
from .recipe import Recipe, as_recipe

__all__ = ["Rule", "check_rows", "fits"]


@dataclass(frozen=True)
class Rule:
    """A recipe for the parameters whose names match a pattern.

    Parameters
    ----------
    match : str
        A name, or a pattern for the whole name: ``*`` stands for any characters, dots included, ``?`` for
        one, ``[0-9]`` for one of a set, and ``|`` separates alternatives.
    recipe : Recipe, str or dict
        The recipe, its name, or a dict; see `pyinit.recipe_from_dict`.
    zero_rows : tuple of int
        Rows (indices along the first axis) that are set to zero, such as a padding token's.
    kernels_only : bool
        Match only kernels: parameters with a layout, thus with fans, and at least 2 dimensions.
    no_kernels : bool
        Match only parameters that are not kernels.
    depth : Depth, optional
        Multiply the draws by the factor of the network's depth, or of the parameter's layer.
    optional : bool
        The rule may match nothing; otherwise that is an error.
    advice : str
        What that error adds; also the error of a tied tensor, of which this rule decides nothing, because the
        rule for its other name does. It does not count in a comparison, and is not written as JSON.

    Examples
    --------
    >>> import pyinit as pi
    >>> rule = pi.Rule("*.c_proj.weight", pi.normal(std=0.01))
    >>> rule.matches("h.0.mlp.c_proj.weight", is_kernel=True)
    True
    """

    match: str
    recipe: Recipe
    zero_rows: tuple[int, ...] = ()
    kernels_only: bool = False
    no_kernels: bool = False
    depth: Depth | None = None
    optional: bool = False
    advice: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.match, str) or not self.match:
            raise RecipeError(f'a rule needs a name or a pattern; got {self.match!r}. Write "*.weight".')
        object.__setattr__(self, "recipe", as_recipe(self.recipe, f"a recipe for {self.match!r}"))
        object.__setattr__(self, "zero_rows", _rows(self.zero_rows))
        if not (self.depth is None or isinstance(self.depth, Depth)):
            raise RecipeError(f"a rule's depth is a Depth; got {self.depth!r:.100}. Write pyinit.Depth(32).")

    def __repr__(self) -> str:
        # what few rules have is shown where it is
        shown = [
            f for f in fields(self) if f.repr and (f.name not in _FEW or getattr(self, f.name) != f.default)
        ]
        return f"Rule({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"

    def recipe_for(self, name: str) -> Recipe:
        """Return the recipe of the parameter of this name, with the factor of its depth."""
        if self.depth is None:
            return self.recipe
        factor = self.depth.factor(name)
        # a subclass that is no dataclass itself may hold numbers that == does not compare
        is_known = "__dataclass_fields__" in type(self.recipe).__dict__
        return _scaled(self.recipe, factor) if is_known else self.recipe.scaled(factor)

    def matches(self, name: str, *, is_kernel: bool) -> bool:
        """Return whether the rule applies to the parameter."""
        excluded = self.no_kernels if is_kernel else self.kernels_only
        return not excluded and fits(self.match, name)

    def check_rows(self, shape: Shape) -> None:
        """Refuse zero rows that a tensor of this shape does not have."""
        check_rows(self.zero_rows, shape)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as ``--recipe`` and a JSON spec read it."""
        content: dict[str, Any] = {"match": self.match, "recipe": self.recipe.to_dict()}
        if self.zero_rows:
            content["zero_rows"] = list(self.zero_rows)
        if self.kernels_only:
            content["kernels_only"] = True
        if self.no_kernels:
            content["no_kernels"] = True
        if self.depth is not None:
            content["depth"] = self.depth.to_dict()
        if self.optional:
            content["optional"] = True
        return content


_FEW = ("depth", "optional")


@lru_cache(maxsize=1024)
def _scaled(recipe: Recipe, factor: float) -> Recipe:
    """Return the recipe of all parameters of a layer, made once."""
    return recipe.scaled(factor)


def check_rows(zero_rows: Iterable[int], shape: Shape) -> None:
    """Refuse zero rows that a tensor of this shape does not have."""
    rows = shape[0] if shape else 0
    for row in zero_rows:
        if not 0 <= row < rows:
            raise RecipeError(
                f"shape {shape} has no row {row} to keep zero. Count from 0, or leave zero_rows out."
            )


def _rows(rows: Any) -> tuple[int, ...]:
    listed = tuple(rows) if isinstance(rows, tuple | list) else (None,)
    if not all(is_integer(row) for row in listed):
        raise RecipeError(f"zero_rows is a tuple of row indices; got {rows!r}. Write zero_rows=(0,).")
    return tuple(int(row) for row in listed)


def fits(match: str, name: str) -> bool:
    """Return whether a name fits a pattern, or equals it."""
    # a name with brackets is its own pattern too
    return match == name or _pattern(match).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def _pattern(match: str) -> re.Pattern[str]:
    """Return a glob, compiled so that case counts on every platform; an unclosed set stands for itself."""
    from fnmatch import translate

    return re.compile("|".join(f"(?:{translate(part)})" for part in match.split("|")))
