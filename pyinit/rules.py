"""Ordered rules: the first whose pattern matches a parameter's name says what it should be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from .distributions import Constant, ones, zeros
from .errors import LayoutError, RecipeError
from .fans import Axes
from .recipe import Recipe, from_dict
from .strict_json import parsed, shown
from .window import Shape

__all__ = ["CONVENTIONS", "Rule", "as_rules", "fitted", "redrawn", "rules_from_json"]


@dataclass(frozen=True)
class Rule:
    """Says what the parameters whose names match should be.

    Parameters
    ----------
    match : str
        A pattern for the whole name: ``*`` stands for any characters, dots included, ``?`` for one,
        ``[0-9]`` for one of a set, and ``|`` separates alternatives.
    recipe : Recipe
        What they should be.
    zero_rows : tuple of int
        Rows (indices along the first axis) that are zero all the same, such as a padding token's.
    kernels_only : bool
        Match only kernels: parameters with a layout, thus with fans, and at least 2 dimensions.
    no_kernels : bool
        Match only what is no kernel.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.rules import Rule
    >>> rule = Rule("*.c_proj.weight", pi.normal(std=0.01))
    >>> rule.matches("h.0.mlp.c_proj.weight", is_kernel=True)
    True
    """

    match: str
    recipe: Recipe
    zero_rows: tuple[int, ...] = ()
    kernels_only: bool = False
    no_kernels: bool = False

    def matches(self, name: str, *, is_kernel: bool) -> bool:
        """Tell whether the rule speaks of the parameter."""
        excluded = self.no_kernels if is_kernel else self.kernels_only
        return not excluded and _pattern(self.match).fullmatch(name) is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the rule as `rules_from_json` reads it."""
        content: dict[str, Any] = {"match": self.match, "recipe": self.recipe.to_dict()}
        if self.zero_rows:
            content["zero_rows"] = list(self.zero_rows)
        if self.kernels_only:
            content["kernels_only"] = True
        if self.no_kernels:
            content["no_kernels"] = True
        return content


@lru_cache(maxsize=1024)
def _pattern(match: str) -> re.Pattern[str]:
    """Globs without the platform's idea of case; a set that is never closed stands for itself."""
    from fnmatch import translate

    return re.compile("|".join(f"(?:{translate(part)})" for part in match.split("|")))


#: What nearly every model does with what is not a kernel; used where no family says otherwise.
CONVENTIONS: tuple[Rule, ...] = (
    Rule("*.running_var|running_var", ones()),
    Rule("*.running_mean|running_mean|*.num_batches_tracked|num_batches_tracked", zeros()),
    Rule(
        "*norm*.weight|*Norm*.weight|*ln_?.weight|*.ln*.weight|*.bn*.weight|bn*.weight",
        ones(),
        # adaptive norms hold linear layers: norm1.linear.weight is a matrix
        no_kernels=True,
    ),
    Rule("*.bias|bias", zeros()),
)


def fitted(recipe: Recipe, axes: Axes, shape: Shape, *, is_convolution: bool = False) -> Recipe:
    """Return the recipe with the axes of the weight's owner, where the recipe names none itself.

    Parameters
    ----------
    recipe : Recipe
        Returned unchanged if it names a layout or axes, or does not depend on axes.
    axes : Axes
        How the owner uses the weight; of an unknown owner, the layout of the door alone.
    shape : tuple of int
        Of the whole weight.
    is_convolution : bool
        Whether the axes that are neither channels nor `axes.batch_axis` are a receptive field.

    Returns
    -------
    Recipe
        `batch_axis`, `groups`, `transposed` and `stride` of the recipe itself stay where they are given.

    Raises
    ------
    LayoutError
        If the weight has more axes than the owner explains, or the recipe lacks an option that it needs.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.fans import Axes
    >>> fitted(pi.he_normal(), Axes(layout="torch"), (10, 1000)).plan((10, 1000)).fan_in
    1000
    """
    options = {field.name: field.default for field in fields(recipe)}
    if "layout" not in options:
        return recipe
    if any(getattr(recipe, name, None) is not None for name in ("layout", "in_axis", "out_axis", "compat")):
        return recipe
    of_owner: dict[str, Any] = {}
    for place in fields(Axes):
        value = getattr(axes, place.name)
        if value == place.default:
            continue
        if place.name not in options:
            raise LayoutError(
                f"{recipe.verb} does not take {place.name}, which this weight needs: "
                f"{place.name}={value!r}. Name the layout or the axes in the recipe."
            )
        if getattr(recipe, place.name) == options[place.name]:
            of_owner[place.name] = value
    result = replace(recipe, **of_owner)
    if (
        not is_convolution
        and not recipe.is_of_convolutions
        and (axes.in_axis is None or axes.out_axis is None)
    ):
        unexplained = Axes(
            batch_axis=getattr(result, "batch_axis", ()),
            groups=getattr(result, "groups", 1),
            transposed=getattr(result, "transposed", False),
        )
        unexplained.check_field(shape, recipe.verb)
    return result


def redrawn(rules: Iterable[Rule], recipe: Recipe) -> tuple[Rule, ...]:
    """Return rules in which kernels that were drawn at random follow `recipe` instead.

    Norms, biases, buffers and whatever else has no fans keep the values of the rules. A padding
    row stays zero.
    """

    def each() -> Iterator[Rule]:
        for rule in rules:
            if not (isinstance(rule.recipe, Constant) or rule.no_kernels):
                yield Rule(rule.match, recipe, rule.zero_rows, kernels_only=True)
            yield rule

    return tuple(each())


def as_rules(recipes: object) -> tuple[Rule, ...]:
    """Return what the caller gave as ordered rules.

    A recipe alone is a rule for every name; a mapping or a sequence of pairs goes from pattern to
    recipe, in order.
    """
    if isinstance(recipes, Recipe):
        return (Rule("*", recipes),)
    pairs = list(recipes.items()) if isinstance(recipes, Mapping) else recipes
    if not isinstance(pairs, Sequence) or isinstance(pairs, str):
        raise RecipeError(
            f"recipes are a Recipe, or patterns and recipes in order; got {recipes!r}. "
            'Use {"*.bias": pyinit.zeros(), "*": pyinit.he_normal()}.'
        )
    return tuple(_as_rule(pair) for pair in pairs)


def _as_rule(pair: object) -> Rule:
    if isinstance(pair, Rule):
        return pair
    if isinstance(pair, tuple) and len(pair) == 2:
        match, recipe = pair
        if isinstance(match, str) and isinstance(recipe, Recipe):
            return Rule(match, recipe)
    raise RecipeError(
        f"a rule is a pattern and a Recipe; got {pair!r}. Use ('*.weight', pyinit.he_normal())."
    )


def rules_from_json(
    content: object, defaults: Sequence[Rule] | None = None, where: str = "recipe"
) -> tuple[Rule, ...]:
    """Return the rules that a JSON value describes.

    Parameters
    ----------
    content : str or list
        A list of ``{"match": pattern, "recipe": ...}`` objects, with ``"zero_rows"``,
        ``"kernels_only"`` and ``"no_kernels"`` where wanted; the string ``"default"`` in the list
        stands for all of `defaults`. JSON text is read first.
    defaults : sequence of Rule, optional
        The model's own rules.
    where : str
        What to call the content in an error.

    Returns
    -------
    tuple of Rule
        In order.

    Raises
    ------
    RecipeError
        If the content is not JSON, holds NaN, or is not a list of rules.

    Examples
    --------
    >>> from pyinit.rules import rules_from_json
    >>> rules_from_json('[{"match": "*.bias", "recipe": "zeros"}, {"match": "*", "recipe": "he_normal"}]')[1]
    Rule(match='*', recipe=variance_scaling(scale=2.0), zero_rows=(), kernels_only=False, \
no_kernels=False)
    """
    if isinstance(content, str):
        content = parsed(content, where, RecipeError)
    if not isinstance(content, list) or not content:
        raise RecipeError(
            f"{where} must be a list of rules, each with a pattern and a recipe; got {shown(content)}. "
            'Write [{"match": "*", "recipe": "he_normal"}].'
        )
    rules: list[Rule] = []
    for position, item in enumerate(content):
        if item != "default":
            rules.append(_rule(item, f"{where}, rule {position}"))
        elif defaults is None:
            raise RecipeError(
                f"{where}, rule {position}: this model has no default rules; write out a pattern and a recipe"
            )
        else:
            rules.extend(defaults)
    return tuple(rules)


_FIELDS = {"match", "recipe", "zero_rows", "kernels_only", "no_kernels"}


def _rule(item: object, where: str) -> Rule:
    if not isinstance(item, dict) or not {"match", "recipe"} <= set(item) <= _FIELDS:
        raise RecipeError(
            f"{where} needs 'match' and 'recipe', may have 'zero_rows', 'kernels_only', 'no_kernels'; "
            f"got {shown(item)}"
        )
    match, zero_rows = item["match"], item.get("zero_rows", [])
    if not isinstance(match, str) or not match:
        raise RecipeError(f"{where}: 'match' is a pattern such as \"*.weight\"; got {shown(match)}")
    if not isinstance(zero_rows, list) or not all(type(row) is int and row >= 0 for row in zero_rows):
        raise RecipeError(f"{where}: 'zero_rows' is a list of row indices >= 0; got {shown(zero_rows)}")
    kinds = {name: item.get(name, False) for name in ("kernels_only", "no_kernels")}
    for name, value in kinds.items():
        if not isinstance(value, bool):
            raise RecipeError(f"{where}: '{name}' is true or false; got {shown(value)}")
    if all(kinds.values()):
        raise RecipeError(f"{where}: 'kernels_only' and 'no_kernels' leave nothing to match; keep one")
    try:
        recipe = from_dict(item["recipe"])
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
    return Rule(match, recipe, tuple(zero_rows), **kinds)
