"""Which weights would make a network healthy, according to theory; a suggestion is checked by it first."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from ....errors import RecipeError
from ....recipes.recipe import Recipe
from ....recipes.scaling import variance_scaling
from ....theory.activation import Activation, activation
from ....theory.gain import gain as gain_of
from ....theory.moments import second_moment, slope_moment
from ...network.dense import Dense, default_recipe
from ..measure.facts import LayerFacts
from ..measure.saturation import flat_share, saturated_from
from ..measure.spread import spread_of

__all__ = ["Facts", "Family", "Way", "is_weak", "skips_heal", "suggested", "way_out"]

Facts: TypeAlias = tuple[LayerFacts, ...]
Family: TypeAlias = Callable[[Activation], tuple[Recipe, float]]
"""From an activation to a recipe and its gain over 1 / sqrt(fan)."""

# ratios of rms, and of gradients, within which a verdict is healthy with some room for chance
_LOW, _HIGH = 0.15, 7.0
# variances nearer than this have the same moments here
_DIGITS = 3


@dataclass(frozen=True)
class Way:
    """Weights with which a network is healthy; if so marked, without biases, or on a standardized input."""

    recipe: Family
    unbiased: bool = False
    standardized: bool = False


@lru_cache(maxsize=64)
def suggested(phi: Activation) -> tuple[Recipe, float]:
    """Return the recipe that suits an activation, and its gain."""
    if not phi.is_builtin:
        return _scaled(phi)
    recipe = default_recipe(phi)
    return recipe, math.sqrt(getattr(recipe, "scale", 1.0))


@lru_cache(maxsize=64)
def _scaled(phi: Activation) -> tuple[Recipe, float]:
    """Return the recipe that keeps unit variance through an activation."""
    try:
        gain = gain_of(phi.value)
    except RecipeError:
        gain = 1.0
    return variance_scaling(gain**2, "fan_in", "normal"), gain


@lru_cache(maxsize=64)
def way_out(facts: Facts, square: float, other: str | None = None) -> Way | None:
    """Return the first way that theory finds healthy, or None; `square` is the input's second moment.

    `other` replaces each hidden activation. Norms and skips are not followed: what suits without them is
    taken to suit with them.
    """
    hidden = None if other is None else activation(other)
    if any(one.layer.norm is not None or one.layer.branch is not None for one in facts):
        return Way(suggested)
    is_biased = any(one.layer.bias is not None for one in facts)
    for standardized in (False, True):
        for unbiased in (False, True) if is_biased else (False,):
            for family in (suggested, _scaled):
                way = Way(family, unbiased, standardized)
                if _keeps(facts, 1.0 if standardized else square, way, hidden):
                    return way
    return None


def _keeps(facts: Facts, square: float, way: Way, hidden: Activation | None) -> bool:
    """Return whether signal and gradient keep their size, and no layer saturates, in a wide network."""
    last = len(facts) - 1
    low, high = _LOW**2 * min(square, 1.0), _HIGH**2 * max(square, 1.0)
    passed = []
    for at, one in enumerate(facts):
        layer = one.layer
        phi = layer.activation if hidden is None or at == last else hidden
        weight = spread_of(way.recipe(phi)[0], (layer.inputs, layer.units)).std ** 2
        square = layer.inputs * weight * square
        if not way.unbiased:
            square += one.bias.second_moment
        if not low <= square <= high or flat_share(phi, math.sqrt(square)) >= saturated_from(phi):
            return False
        square, slope = _moments(phi, round(math.log(square), _DIGITS))
        passed.append((weight, slope))
    ratio = 1.0
    for at in reversed(range(last)):
        # squared norm of a row's gradient over that of the last layer's
        ratio *= facts[at].layer.units * passed[at + 1][0] * passed[at][1]
        if not _LOW**2 <= ratio <= _HIGH**2:
            return False
    return True


def is_weak(phi: Activation) -> bool:
    """Return whether gradients lose half or more in each layer, though weights keep unit variance."""
    made, slope = _moments(phi, 0.0)
    return slope < made / 2.0


@lru_cache(maxsize=64)
def skips_heal(facts: Facts, square: float) -> bool:
    """Return whether scaled skips, with weights as they are by default, keep signal and gradient."""
    layers, blocks = [one.layer for one in facts], len(facts) - 2
    if blocks < 1 or len({layer.units for layer in layers[:-1]}) > 1:
        return False
    if any(layer.norm is not None or layer.branch is not None for layer in layers):
        return False
    low, high, ratio = _LOW**2 * min(square, 1.0), _HIGH**2 * max(square, 1.0), 1.0
    # of the stream, and of what the next layer adds to it
    stream, added = 0.0, square * _weight(layers[0])
    for layer, after in pairwise(layers):
        phi = layer.activation
        stream += added
        if not low <= stream <= high or flat_share(phi, math.sqrt(stream)) >= saturated_from(phi):
            return False
        made, slope = _moments(phi, round(math.log(stream), _DIGITS))
        weight = _weight(after) / blocks
        added, ratio = made * weight, ratio * (1.0 + slope * weight)
    return ratio <= _HIGH**2


def _weight(layer: Dense) -> float:
    """Return by how much weights, as they are by default, multiply a second moment."""
    std = spread_of(default_recipe(layer.activation), (layer.inputs, layer.units)).std
    return layer.inputs * std**2


@lru_cache(maxsize=4096)
def _moments(phi: Activation, log_variance: float) -> tuple[float, float]:
    """Return E phi^2 and E phi'^2; nan for a function that is too rough to be integrated."""
    variance = math.exp(log_variance)
    try:
        return float(second_moment(phi, variance)), float(slope_moment(phi, variance))
    except RecipeError:
        return math.nan, math.nan
