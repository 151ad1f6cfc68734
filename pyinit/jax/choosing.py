"""The recipe that a caller gives for each leaf of a model: one recipe, ordered patterns, or a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..errors import RecipeError
from ..recipes.matching import check_matched, deciding
from ..recipes.recipe import Recipe, as_recipe
from ..recipes.rules import Rule, as_rules, is_one_recipe
from ..stream.window import Shape

__all__ = ["Choice", "Recipes", "chosen"]

Recipes: TypeAlias = (
    "str | Recipe | Mapping[str, Recipe | str] | Iterable[Any] | Callable[[str, Shape], Recipe | str | None]"
)


@dataclass(frozen=True)
class Choice:
    """What the caller requests for a leaf.

    Parameters
    ----------
    recipe : Recipe or None
        None leaves the leaf to its default.
    everywhere : bool
        Whether the recipe was given for all leaves; it then applies to those that are drawn at random.
    zero_rows : tuple of int
        Rows that are set to zero.
    """

    recipe: Recipe | None = None
    everywhere: bool = False
    zero_rows: tuple[int, ...] = ()


def chosen(recipe: Any, leaves: Mapping[str, Shape]) -> dict[str, Choice]:
    """Return the choice for every leaf, by its name.

    Raises
    ------
    RecipeError
        If a pattern matches no leaf, or something given is not a recipe.
    """
    if recipe is None:
        return dict.fromkeys(leaves, Choice())
    if is_one_recipe(recipe):
        return dict.fromkeys(leaves, Choice(as_recipe(recipe), everywhere=True))
    if callable(recipe):
        return {name: _answered(recipe(name, shape), name) for name, shape in leaves.items()}
    rules = as_rules(recipe)
    check_matched(rules, leaves)
    first = deciding(rules)
    return {name: _of_rule(first(name, _is_kernel(shape)), name) for name, shape in leaves.items()}


def _answered(answer: Any, name: str) -> Choice:
    try:
        return Choice() if answer is None else Choice(as_recipe(answer))
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from None


def _of_rule(rule: Rule | None, name: str) -> Choice:
    return Choice() if rule is None else Choice(rule.recipe_for(name), zero_rows=rule.zero_rows)


def _is_kernel(shape: Shape) -> bool:
    # a norm's scale may have the shape (1, 1, 1, features)
    return len(shape) == 2 or sum(n != 1 for n in shape) > 1
