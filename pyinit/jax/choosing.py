"""What a caller's recipe says of each leaf of a model: one recipe, ordered patterns, or a function."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import RecipeError
from ..recipe import Recipe, from_dict
from ..rules import Rule, as_rules
from ..window import Shape

__all__ = ["Choice", "Recipes", "as_recipe", "chosen"]

Recipes: TypeAlias = (
    "str | Recipe | Mapping[str, Recipe | str] | Iterable[Any] | Callable[[str, Shape], Recipe | str | None]"
)


@dataclass(frozen=True)
class Choice:
    """What the caller says of a leaf.

    Parameters
    ----------
    recipe : Recipe or None
        None leaves the leaf as it is without a recipe.
    everywhere : bool
        Whether the recipe speaks of every leaf, and so only of those that are drawn at random.
    zero_rows : tuple of int
        Rows that are zero all the same.
    """

    recipe: Recipe | None = None
    everywhere: bool = False
    zero_rows: tuple[int, ...] = ()


def as_recipe(value: Any) -> Recipe:
    """Return a recipe, given it or its name."""
    if isinstance(value, str):
        return from_dict(value)
    if not isinstance(value, Recipe):
        raise RecipeError(f"a recipe is needed; got {value!r}. Give pyinit.normal() or another.")
    return value


def chosen(recipe: Any, leaves: Mapping[str, Shape]) -> dict[str, Choice]:
    """Return what is said of every leaf, by its name.

    Raises
    ------
    RecipeError
        If a pattern matches no leaf, or what is given is no recipe.
    """
    if recipe is None:
        return dict.fromkeys(leaves, Choice())
    if isinstance(recipe, str | Recipe):
        return dict.fromkeys(leaves, Choice(as_recipe(recipe), everywhere=True))
    if callable(recipe):
        return {name: _answered(recipe(name, shape), name) for name, shape in leaves.items()}
    rules = as_rules(_named(recipe))
    _check_all_match(rules, leaves)
    return {name: _first(rules, name, shape) for name, shape in leaves.items()}


def _answered(answer: Any, name: str) -> Choice:
    try:
        return Choice() if answer is None else Choice(as_recipe(answer))
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from None


def _first(rules: Sequence[Rule], name: str, shape: Shape) -> Choice:
    for rule in rules:
        if rule.matches(name, is_kernel=_is_kernel(shape)):
            return Choice(rule.recipe, zero_rows=rule.zero_rows)
    return Choice()


def _is_kernel(shape: Shape) -> bool:
    # (1, 1, 1, features) is a norm's
    return len(shape) == 2 or sum(n != 1 for n in shape) > 1


def _named(recipes: Any) -> Any:
    """Return patterns with recipes for the recipes' names."""
    pairs = list(recipes.items()) if isinstance(recipes, Mapping) else recipes
    if not isinstance(pairs, list | tuple):
        return pairs
    return [
        (pair[0], from_dict(pair[1])) if isinstance(pair, tuple) and isinstance(pair[-1], str) else pair
        for pair in pairs
    ]


def _check_all_match(rules: Sequence[Rule], leaves: Mapping[str, Shape]) -> None:
    for rule in rules:
        if not any(rule.matches(name, is_kernel=_is_kernel(shape)) for name, shape in leaves.items()):
            plain = rule.match.replace("*", "").strip(".")
            near = difflib.get_close_matches(plain, leaves, n=3, cutoff=0.0)
            raise RecipeError(
                f"pattern {rule.match!r} matches no leaf; the nearest names are "
                f"{', '.join(map(repr, near)) or 'none'}. Correct it."
            )
