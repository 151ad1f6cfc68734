"""Ordered rules: the first whose pattern matches a parameter's name decides its recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from ..errors import LayoutError, RecipeError
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .composite import Composite
from .distributions import Constant, ones, zeros
from .fans import Axes
from .recipe import Recipe, as_recipe, is_maker
from .rule import Rule, check_rows, fits

__all__ = [
    "CONVENTIONS",
    "Rule",
    "as_rules",
    "check_rows",
    "fits",
    "fitted",
    "is_one_recipe",
    "redrawn",
    "rules_of",
]


_NORMS = "*norm*.{0}|*Norm*.{0}|*ln_?.{0}|*.ln*.{0}|ln*.{0}|*.bn*.{0}|bn*.{0}"

#: How nearly every model sets parameters that are not kernels; used unless a family has rules of its own.
CONVENTIONS: tuple[Rule, ...] = (
    Rule("*.running_var|running_var", ones()),
    Rule("*.running_mean|running_mean|*.num_batches_tracked|num_batches_tracked", zeros()),
    # adaptive norms hold linear layers: norm1.linear.weight is a matrix
    Rule("|".join(_NORMS.format(end) for end in ("weight", "scale", "gamma")), ones(), no_kernels=True),
    Rule("|".join(_NORMS.format(end) for end in ("offset", "beta")), zeros(), no_kernels=True),
    Rule("*.bias|bias", zeros()),
    # in_proj_bias of attention, bias_hh_l0 of recurrent layers; but a table of biases is a kernel
    Rule("*_bias|*.bias_*|bias_*", zeros(), no_kernels=True),
)


def fitted(recipe: Recipe, axes: Axes, shape: Shape, *, is_convolution: bool = False) -> Recipe:
    """Return the recipe with the axes of the weight's owner, where the recipe names none itself.

    Parameters
    ----------
    recipe : Recipe
        Returned unchanged if it names a layout or axes, or does not depend on axes.
    axes : Axes
        How the owner uses the weight; for an unknown owner, only the layout of the framework.
    shape : tuple of int
        Shape of the whole weight.
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
    >>> from pyinit.recipes.fans import Axes
    >>> fitted(pi.he_normal(), Axes(layout="torch"), (10, 1000)).plan((10, 1000)).fan_in
    1000
    """
    if isinstance(recipe, Composite):

        def fit(part: Recipe, shared: Axes, extent: Shape) -> Recipe:
            return fitted(part, shared, extent, is_convolution=is_convolution)

        return recipe.fitted(axes, shape, fit)
    options = {field.name: field.default for field in fields(recipe)}
    if "layout" not in options:
        return recipe
    if any(getattr(recipe, name, None) is not None for name in ("layout", "in_axis", "out_axis", "compat")):
        return recipe
    of_owner: dict[str, Any] = {}
    for place in fields(Axes):
        value = getattr(axes, place.name)
        # a stride affects only fans
        if value == place.default or (place.name == "stride" and place.name not in options):
            continue
        if place.name not in options:
            raise LayoutError(
                f"{recipe.called} does not take {place.name}, which this weight needs: "
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
        unexplained.check_field(shape, recipe.called)
    return result


def redrawn(rules: Iterable[Rule], recipe: Recipe) -> tuple[Rule, ...]:
    """Return rules in which kernels that were drawn at random follow `recipe` instead.

    Norms, buffers and whatever else has no fans keep the values of the rules; biases that were drawn become
    zeros. A padding row stays zero.
    """

    def each() -> Iterator[Rule]:
        for rule in rules:
            if not (isinstance(rule.recipe, Constant) or rule.no_kernels):
                yield Rule(rule.match, recipe, rule.zero_rows, kernels_only=True, optional=rule.optional)
                if all(part.endswith("bias") for part in rule.match.split("|")):
                    yield Rule(rule.match, zeros(), no_kernels=True)
                    continue
            yield rule

    return tuple(each())


@dataclass(frozen=True, repr=False)
class _UnknownVector(Recipe):
    """Refuses a vector called weight that no convention names: it may be a norm's scale."""

    verb: ClassVar[str] = "unknown"
    recipe: Recipe

    def __repr__(self) -> str:
        return repr(self.recipe)

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict; a file that could be written has no such vector."""
        return self.recipe.to_dict()

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Raise the recipe's own error, or else one that says what to do."""
        self.recipe.make_plan(shape, dtype)
        raise RecipeError(
            f"one recipe is for what is drawn at random, and a weight of shape {shape} may be a norm's, "
            'which is not. Give a mapping that names it, such as {"*.bn.weight": "ones", "*": "normal"}.'
        )


def is_one_recipe(recipes: object) -> bool:
    """Return whether a caller gave one recipe, or its name, for everything that is drawn at random."""
    # a maker counts as one recipe, and as_recipe then reports that it was not called
    return isinstance(recipes, Recipe | str) or is_maker(recipes)


def rules_of(recipes: object, defaults: Iterable[Rule] | None = None) -> tuple[Rule, ...]:
    """Return what a caller gave for a whole model as ordered rules.

    Parameters
    ----------
    recipes : Recipe, str, mapping or sequence
        One recipe, or its name, is for everything that is drawn at random; norms, biases and buffers keep
        what the model or `CONVENTIONS` make of them. A mapping of patterns, or a sequence of rules or
        (pattern, recipe), is used as it is, in order; nothing is added.
    defaults : iterable of Rule, optional
        The model's own rules, which say what is not drawn; by default `CONVENTIONS`, and then every other
        tensor follows the one recipe, whatever its rank.

    Returns
    -------
    tuple of Rule
        The first that matches a name decides.

    Raises
    ------
    RecipeError
        If it is none of these, or a recipe's name is unknown.

    Examples
    --------
    >>> from pyinit.recipes.rules import rules_of
    >>> [rule.recipe for rule in rules_of("he_normal") if rule.matches("l1.bias", is_kernel=False)]
    [zeros(), he_normal()]
    >>> rules_of({"*.bias": "zeros"})
    (Rule(match='*.bias', recipe=zeros(), zero_rows=(), kernels_only=False, no_kernels=False),)
    """
    if not is_one_recipe(recipes):
        return as_rules(recipes)
    recipe = as_recipe(recipes)
    if defaults is not None:
        return redrawn(defaults, recipe)
    # such as the batch norms that a Sequential numbers
    vectors = recipe if isinstance(recipe, Constant) else _UnknownVector(recipe)
    return (*CONVENTIONS, Rule("*.weight|weight", vectors, no_kernels=True), Rule("*", recipe))


def as_rules(recipes: object) -> tuple[Rule, ...]:
    """Return a mapping, or a sequence of rules or pairs, as ordered rules; one recipe applies to every name.

    Raises
    ------
    RecipeError
        If it is something else, or a recipe's name is unknown.
    """
    if is_one_recipe(recipes):
        return (Rule("*", as_recipe(recipes)),)
    pairs = list(recipes.items()) if isinstance(recipes, Mapping) else recipes
    if not isinstance(pairs, Sequence):
        raise RecipeError(
            f"recipes are one recipe, or patterns and recipes in order; got {recipes!r:.100}. "
            'Use {"*.bias": "zeros", "*": pyinit.he_normal()}.'
        )
    return tuple(_as_rule(pair) for pair in pairs)


def _as_rule(pair: object) -> Rule:
    if isinstance(pair, Rule):
        return pair
    if isinstance(pair, tuple | list) and len(pair) == 2:
        return Rule(*pair)
    raise RecipeError(
        f"a rule is a pattern and a recipe; got {pair!r:.100}. Use ('*.weight', pyinit.he_normal())."
    )
