"""What would help a network: the recipe that suits, with its gain and std beside the layer's own, or else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ....recipes.recipe import Recipe
from ....theory.law import Spread
from ..measure.facts import LayerFacts
from ..measure.measure import Measured
from ..measure.spread import spread_of
from .cure import Facts, Family, is_weak, skips_heal, suggested, way_out
from .judge import Finding
from .verdict import Remedy

__all__ = ["SAME", "Fit", "Probed", "nearest_of_the_worst", "remedy"]

SAME = 0.05
"""Stds whose logarithms are nearer than this are the same advice."""

# an input of this rms saturates what unit inputs do not
_LARGE = 3.0
# units of a layer that is to blame for others that are dead
_OFF = 0.9
_BETTER = ("tanh", "relu")


@dataclass(frozen=True)
class Fit:
    """The recipe that suits a layer, its gain and std, and the spread that the layer has now."""

    recipe: Recipe
    gain: float
    std: float
    now: Spread

    @property
    def excess(self) -> float:
        """|ln| of the layer's std over the one that suits; a mean of the weights is beyond any."""
        if not 0.0 < self.now.std < math.inf or self.now.mean != 0.0:
            return math.inf
        return abs(math.log(self.now.std / self.std))

    def remedy(self, layer: str, **other: Any) -> Remedy:
        """Return the remedy that draws the weights of `layer` so, with `other` fields beside it."""
        return Remedy(layer, self.recipe, self.gain, self.std, self.now.std, self.now.mean or None, **other)


def nearest_of_the_worst(excess: Sequence[float], pool: Iterable[int], at: int) -> int:
    """Return the layer of a pool nearest to `at` among those that are at least half as far off as any."""
    candidates = list(pool)
    most = max(excess[one] for one in candidates)
    return min((one for one in candidates if excess[one] >= most / 2), key=lambda one: abs(one - at))


@dataclass(frozen=True)
class Probed:
    """A network, what was measured of it, and the names of its layers."""

    facts: Facts
    measured: Measured
    names: Sequence[str]

    @property
    def input_square(self) -> float:
        """Second moment of the input."""
        return self.measured.inputs.second_moment

    def activation(self, at: int) -> str:
        """Return how a layer's activation is called."""
        return self.facts[at].layer.activation.name


def remedy(probed: Probed, found: Finding) -> Remedy | None:
    """Return what to do about a finding; nothing for a healthy layer."""
    facts, kind, at = probed.facts, found.kind, found.at
    if kind == "healthy":
        return None
    scale = math.sqrt(probed.input_square)
    if scale == 0.0:
        return Remedy(other="rows that are not all 0", why="no weights tell rows of 0 apart")
    if kind == "dead":
        return _revived(probed, at)
    if kind == "saturated" and at == 0 and scale > _LARGE:
        return Remedy(standardize="rms", input_size=scale)
    if kind == "exploding" and any(one.layer.branch == 1.0 for one in facts):
        return Remedy(residual=True, why="scaled skips divide the branches")
    if kind in ("vanishing", "exploding") and any(one.layer.norm is not None for one in facts):
        return _behind_norm(probed, found, scale)
    return _drawn(probed, at, at) if kind == "symmetric" else _rescaled(probed, found)


def _behind_norm(probed: Probed, found: Finding, scale: float) -> Remedy:
    """Return what helps where the scale of weights does not count."""
    has_skips = any(one.layer.branch is not None for one in probed.facts)
    if found.kind == "vanishing" and is_weak(probed.facts[found.at].layer.activation):
        name = probed.activation(found.at)
        return Remedy(activations=_BETTER, activation=name, why="the activation passes little on")
    if has_skips and scale > _LARGE:
        return Remedy(standardize="rms", input_size=scale, why="the input outweighs the branches")
    return Remedy(residual=not has_skips, other="fewer layers", why="normalization hides the scale")


def _rescaled(probed: Probed, found: Finding) -> Remedy:
    facts, at = probed.facts, found.at
    way = way_out(facts, probed.input_square)
    if way is None:
        return Remedy(**_otherwise(probed, at))
    first: dict[str, Any] = {}
    if way.standardized:
        first |= {"standardize": "rms", "input_size": math.sqrt(probed.input_square)}
    if way.unbiased:
        first["zero_biases"] = True
    fits = [_fit(one, way.recipe) for one in facts]
    to_blame = _to_blame(fits, at) if found.kind in ("vanishing", "exploding") else at
    if fits[to_blame].excess > SAME:
        return fits[to_blame].remedy(probed.names[to_blame], **first)
    if first:
        return Remedy(**first)
    if any(one.bias.second_moment > 0.0 for one in facts):
        return Remedy(zero_biases=True)
    return Remedy(other="wider or fewer layers", why="the std suits already")


def _drawn(probed: Probed, to_blame: int, at: int) -> Remedy:
    """Return what to draw in place of weights that are no draws, and what else it takes."""
    way = way_out(probed.facts, probed.input_square)
    other = _otherwise(probed, at) if way is None else {}
    fit = _fit(probed.facts[to_blame], suggested if way is None else way.recipe)
    return fit.remedy(probed.names[to_blame], **other)


def _otherwise(probed: Probed, at: int) -> dict[str, Any]:
    """Return what helps where no std does: skips, or another activation, if these do."""
    facts, square = probed.facts, probed.input_square
    name = probed.activation(at if at < len(facts) - 1 else max(at - 1, 0))
    residual = skips_heal(facts, square)
    heal = tuple(
        better for better in _BETTER if better != name and way_out(facts, square, better) is not None
    )
    return {
        "residual": residual,
        "activations": heal,
        "activation": name,
        "layers": len(facts),
        "other": "" if residual or heal else "fewer layers",
        "why": "no std keeps both",
    }


def _revived(probed: Probed, at: int) -> Remedy:
    """Return what to do about layers that are off, or that none of a gradient reaches for one that is."""
    made = [one["activation"] for one in probed.measured.layers]
    off = [i for i, one in enumerate(made) if one.second_moment == 0.0 or (one.dead or 0.0) >= _OFF]
    to_blame = off[0] if off else at
    layer, own, inputs = probed.names[to_blame], probed.facts[to_blame], probed.measured.inputs
    if _fit(own, suggested).excess == math.inf:
        return _drawn(probed, to_blame, at)
    if own.bias.second_moment > 0.0:
        return Remedy(layer, zero_biases=True)
    if to_blame == 0 and abs(inputs.mean) > math.sqrt(inputs.variance):
        return Remedy(standardize="mean", input_size=inputs.mean)
    name = probed.activation(to_blame)
    if name == "relu":
        return Remedy(layer, activations=(("leaky_relu", 0.01),), activation=name, why="no unit is ever off")
    return Remedy(
        layer, activation=name, other="another activation", why="weights and biases are not to blame"
    )


def _to_blame(fits: Sequence[Fit], at: int) -> int:
    """Return the nearest layer whose weights are far from what suits, at least half as far as any.

    The output's count only where all others suit: it cannot make up for them.
    """
    excess = [fit.excess for fit in fits]
    hidden = range(len(excess) - 1)
    pool = hidden if any(excess[one] > SAME for one in hidden) else range(len(excess))
    return nearest_of_the_worst(excess, pool, at)


@lru_cache(maxsize=256)
def _fit(facts: LayerFacts, family: Family) -> Fit:
    layer = facts.layer
    recipe, gain = family(layer.activation)
    return Fit(recipe, gain, spread_of(recipe, (layer.inputs, layer.units)).std, facts.weight)
