"""What to do about a verdict: the recipe that suits, with its gain and std beside the layer's own."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from .. import _gain
from ..activation import Activation
from ..dense import Dense, default_recipe, said
from ..errors import RecipeError
from ..network import Network
from ..recipe import Recipe
from ..scaling import variance_scaling
from .measure import Measured
from .weights import Spread, spread_of

__all__ = ["remedy", "scale_free"]

# stds nearer than this are the same advice
_SAME = 0.05
# an input of this rms saturates what unit inputs do not
_LARGE = 3.0
_FAMOUS = {
    "fan_in": {2.0: "pi.he_normal()", 1.0: "pi.lecun_normal()"},
    "fan_avg": {1.0: "pi.glorot_normal()"},
}


def scale_free(network: Network) -> bool:
    """Return whether phi(2 x) = 2 phi(x) for every activation: then a signal has no scale of its own."""
    x = np.array([-3.0, -0.5, 0.5, 3.0])
    return all(
        np.allclose(layer.activation.value(2.0 * x), 2.0 * layer.activation.value(x), rtol=1e-6)
        for layer in network.layers
    )


def remedy(kind: str, network: Network, measured: Measured, at: int) -> str:
    """Return what to do, in words; nothing for a healthy layer."""
    if kind == "healthy":
        return ""
    scale = math.sqrt(measured.inputs.second_moment)
    if kind == "saturated" and at == 0 and scale > _LARGE:
        return f"standardize the input, whose rms is {scale:.3g}."
    if kind == "exploding" and any(one.branch == 1.0 for one in network.layers):
        return 'residual="scaled", which divides each branch by the root of their number.'
    if kind in ("vanishing", "exploding") and any(one.norm is not None for one in network.layers):
        return (
            'fewer layers, or residual="scaled": behind a normalization the scale of weights changes nothing.'
        )
    return _rescaled(kind, network, at)


def _rescaled(kind: str, network: Network, at: int) -> str:
    to_blame = _to_blame(network, at) if kind in ("vanishing", "exploding") else at
    layer = network.layers[to_blame]
    recipe, gain = suggested(layer.activation)
    std, now = _stds(layer)
    if kind != "symmetric" and _excess(layer) <= _SAME:
        return _deeper(kind, layer.activation)
    text = f"{_written(recipe)}, gain {gain:.4g}: std {std:.3g} where this is {now.std:.3g}"
    if now.mean:
        text += f" about a mean of {now.mean:.3g}"
    return (f"in layers.{to_blame}, " if to_blame != at else "") + text + "."


def _to_blame(network: Network, at: int) -> int:
    """Return the nearest layer whose weights are far from what suits, at least half as far as any.

    The output's count only where all others suit: it cannot make up for them.
    """
    excess = [_excess(layer) for layer in network.layers]
    hidden = range(len(excess) - 1)
    pool = hidden if any(excess[one] > _SAME for one in hidden) else range(len(excess))
    most = max(excess[one] for one in pool)
    return min((one for one in pool if excess[one] >= most / 2), key=lambda one: abs(one - at))


def _excess(layer: Dense) -> float:
    """Return |ln| of a layer's std over the one that suits; a mean of the weights is beyond any."""
    std, now = _stds(layer)
    return abs(math.log(now.std / std)) if now.std > 0.0 and now.mean == 0.0 else math.inf


@lru_cache(maxsize=256)
def _stds(layer: Dense) -> tuple[float, Spread]:
    """Return the std that suits a layer, and the spread that it has."""
    shape = layer.inputs, layer.units
    return spread_of(suggested(layer.activation)[0], shape, None).std, spread_of(layer.recipe, shape, None)


def _deeper(kind: str, phi: Activation) -> str:
    """Return what helps where the weights already have the std that suits."""
    if kind == "dead":
        return 'zero biases, or ("leaky_relu", 0.01): no unit of it is ever off.'
    if kind == "saturated":
        return 'norm="layer" before the activation, or smaller inputs.'
    if phi.name in ("sigmoid", "softplus"):
        return f'"tanh" or "relu" for {phi.name}, which passes little on whatever the weights.'
    return 'wider or fewer layers, residual="scaled" or norm="layer": the std is already the one that suits.'


def suggested(phi: Activation) -> tuple[Recipe, float]:
    """Return the recipe that suits an activation, and its gain over 1 / sqrt(fan)."""
    if isinstance(said(phi), Activation):
        try:
            gain = _gain.gain(phi.value)
        except RecipeError:
            gain = 1.0
        return variance_scaling(gain**2, "fan_in", "normal"), gain
    recipe = default_recipe(phi)
    return recipe, math.sqrt(getattr(recipe, "scale", 1.0))


def _written(recipe: Recipe) -> str:
    known = _FAMOUS.get(getattr(recipe, "mode", ""), {}).get(getattr(recipe, "scale", math.nan))
    return known or f"pi.{recipe!r}"
