"""Layers that learn at one rate: the between-layer scaling of Krähenbühl et al."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import RecipeError
from ...linalg.statistics import statistics
from ...recipes.distributions import normal
from ...stream.key import Key
from ..network.network import Network
from ..network.passes import Parts, Pass, backward, forward
from .receipt import LsuvLayer

__all__ = ["NEAR", "ROUNDS", "balanced", "check_homogeneous", "grown"]

Array = npt.NDArray[np.float32]

_HOMOGENEOUS = ("linear", "relu", "leaky_relu")
"""Activations for which phi(c z) = c phi(z), c > 0."""
ROUNDS = 10
NEAR = 0.01
"""The relative difference of rates below which the scaling ends."""


def check_homogeneous(network: Network) -> None:
    """Refuse a network whose output would change if one layer grows and another shrinks."""
    for at, layer in enumerate(network.layers):
        has = "a norm" if layer.norm else "a skip" if layer.branch is not None else layer.activation.name
        if has not in _HOMOGENEOUS:
            raise RecipeError(
                f"scaling 'between' needs layers without norm and skip, with {', '.join(_HOMOGENEOUS)}; got "
                f"layers.{at} with {has}. Use scaling='unit'."
            )


def balanced(
    network: Network, made: Sequence[LsuvLayer], x: Array, root: Key, threads: int | None
) -> list[LsuvLayer]:
    """Return the layers with factors and biases for which all weights change at one rate.

    r_k = rms(dW_k) / rms(W_k) for an output's gradient of independent normal numbers; c_k = sqrt(r_k / r),
    r the geometric mean of all r_k; W_k <- c_k W_k and b_k <- c_1 ... c_k b_k. The c_k have the product 1.
    """
    layers = list(made)
    if len(layers) < len(network.layers):
        # a dead layer has no rate
        return layers
    dy = normal()((len(x), network.widths[-1]), key=root.fold_in("between"))
    for _ in range(ROUNDS):
        rates = _rates(network, layers, x, dy, threads or 0)
        if not (np.isfinite(rates) & (rates > 0)).all():
            return layers
        logs = np.log(rates)
        apart = logs - logs.mean()
        if np.abs(apart).max() < NEAR:
            break
        scale = np.exp(apart / 2)
        whole = np.cumprod(scale)
        layers = [grown(one, scale[at], whole[at]) for at, one in enumerate(layers)]
    return _measured(network, layers, x, threads or 0)


def _parts(network: Network, layers: Sequence[LsuvLayer]) -> list[Parts]:
    return [
        Parts(
            one.weight_for(),
            None if layer.bias is None else one.bias_for(layer.units),
        )
        for layer, one in zip(network.layers, layers, strict=True)
    ]


def _run(network: Network, parts: Sequence[Parts], x: Array, threads: int) -> list[Pass]:
    passes: list[Pass] = []
    for layer, own in zip(network.layers, parts, strict=True):
        passes.append(forward(layer, own, passes[-1].activation if passes else x, None, threads))
    return passes


def _rates(
    network: Network, layers: Sequence[LsuvLayer], x: Array, dy: Array, threads: int
) -> npt.NDArray[np.float64]:
    """Return rms(gradient) / rms(weight) of each layer."""
    parts = _parts(network, layers)
    passes = _run(network, parts, x, threads)
    rates = np.empty(len(layers), np.float64)
    gradient: Any = dy
    for at in reversed(range(len(layers))):
        layer, own, made = network.layers[at], parts[at], passes[at]
        dw = np.empty((layer.inputs, layer.units), np.float32)
        back = backward(layer, own, made.x, made.inside, gradient, None, Parts(dw), threads)
        rates[at] = np.sqrt(statistics(dw).second_moment / statistics(own.weight).second_moment)
        gradient = back.inputs
    return rates


def grown(one: LsuvLayer, scale: float, whole: float) -> LsuvLayer:
    """Return a layer whose weight has grown by a factor, and whose bias has by that of all layers so far."""
    return replace(one, factors=_times(one.factors, scale), bias=_times(one.bias, whole))


def _times(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(float(np.float32(value * factor)) for value in values)


def _measured(network: Network, layers: Sequence[LsuvLayer], x: Array, threads: int) -> list[LsuvLayer]:
    passes = _run(network, _parts(network, layers), x, threads)
    return [
        replace(one, after=statistics(made.inside.z).std) for one, made in zip(layers, passes, strict=True)
    ]
