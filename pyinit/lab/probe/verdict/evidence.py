"""What a judge sees of a network's layers: which are idle and why, and what each is compared with.

A layer whose zero weights receive a gradient is not dead, nor is a layer that only waits for it; the last
layer is dead only if its weights receive none. Targets tell the units of the last layer apart, and a skip
those of the layers that it joins, so these are not symmetric.

A signal is compared with the rms of the input. That counts as 1 where it speaks against the verdict, unless
every activation is homogeneous, as relu, leaky_relu and linear are; behind a normalization it is 1. The rms
of fewer than 8 units is largely chance: for them the rms that their weights and inputs make likely is judged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ....linalg.statistics import Moments
from ..measure.facts import LayerFacts
from ..measure.measure import Measured
from .judge import DEAD, Evidence, Finding, Signal

__all__ = ["FEW", "evidence_of", "is_silent", "rms"]

FEW = 8
"""Of fewer units the rms is largely chance."""

# float32 ends at 1.4e-45
_LOST = 1e-30
_TINY = 1e-300


def evidence_of(facts: tuple[LayerFacts, ...], measured: Measured) -> list[Evidence]:
    """Return what a judge sees of each layer."""
    scale = rms(measured.inputs) or 1.0
    is_free = all(one.is_homogeneous for one in facts)
    low, high = (scale, scale) if is_free else (min(scale, 1.0), max(scale, 1.0))
    found = []
    for at, one in enumerate(facts):
        if one.layer.norm is not None:
            low = high = 1.0
        found.append(_of_layer(facts, measured, at, (low, high)))
    return found


def is_silent(made: Moments) -> bool:
    """Return whether so many units of an activation are silent that its layer is dead."""
    return made.dead is not None and made.dead >= DEAD


def rms(numbers: Moments) -> float:
    """Return the root of the mean square."""
    return math.sqrt(numbers.second_moment)


def _of_layer(
    facts: tuple[LayerFacts, ...], measured: Measured, at: int, scale: tuple[float, float]
) -> Evidence:
    own, found = facts[at], measured.layers[at]
    size, norm = _size(own, measured, at), _norm(own, found)
    last = _norm(facts[-1], measured.layers[-1])
    ratio = norm / last if norm is not None and last else None
    zero_weights = None
    if _is_zero(found["weight"]) and _learns(facts, measured, at):
        seen = "weight gradient" in found
        zero_weights = Finding("healthy", "zero weights" if seen else "zero weights, not run back", at)
    return Evidence(
        at,
        found,
        Finding("healthy", "keeps its signal" if norm is None else "keeps its size", at),
        own.layer.activation.name,
        own.saturated_from,
        _idle(facts, measured, at),
        _is_symmetric(facts, measured, at),
        zero_weights,
        Signal(size, own.layer.activation.name, *scale),
        _unreached(facts, measured, at, last) if ratio == 0.0 and last else None,
        ratio,
        max(abs(math.log(max(size, _TINY))), abs(math.log(norm)) if norm else 0.0),
    )


def _idle(facts: tuple[LayerFacts, ...], measured: Measured, at: int) -> Finding | None:
    made = measured.layers[at]["activation"]
    if made.second_moment != 0.0 and not is_silent(made):
        return None
    if any(_is_lost(rms(one["activation"])) for one in measured.layers[:at]):
        return Finding("vanishing", "lost signal", at)
    nothing = at > 0 and measured.layers[at - 1]["activation"].second_moment == 0.0
    if nothing and any(_begins_to_learn(one) for one in measured.layers[:at]):
        return Finding("healthy", "waits for the input", at)
    if _learns(facts, measured, at):
        return None
    if made.second_moment == 0.0:
        return Finding("dead", "zero output", at)
    return Finding("dead", "silent units", at, made.dead or 0.0)


def _unreached(facts: tuple[LayerFacts, ...], measured: Measured, at: int, last: float) -> Finding:
    """Return what holds of a layer to which a gradient of 0 comes back."""
    after = list(zip(facts, measured.layers, strict=True))[at + 1 :]
    if any(_is_lost((_norm(*one) or 0.0) / last) for one in after):
        return Finding("vanishing", "lost gradient", at)
    if any(_begins_to_learn(found) for _, found in after):
        return Finding("healthy", "waits for the gradient", at)
    return Finding("dead", "no gradient", at)


def _is_zero(weight: Moments) -> bool:
    return weight.minimum == weight.maximum == 0.0


def _begins_to_learn(found: Mapping[str, Moments]) -> bool:
    """Return whether a layer's weights are 0 but receive a gradient, which changes them."""
    gradient = found.get("weight gradient")
    return gradient is not None and gradient.second_moment > 0.0 and _is_zero(found["weight"])


def _learns(facts: tuple[LayerFacts, ...], measured: Measured, at: int) -> bool:
    """Return whether a layer that makes only 0 receives a gradient: from weights of 0, or as the last."""
    found, is_last = measured.layers[at], at == len(facts) - 1
    gradient = found.get("weight gradient")
    if gradient is None:
        return is_last and _is_zero(found["weight"])
    return gradient.second_moment > 0.0 and (is_last or _is_zero(found["weight"]))


def _is_symmetric(facts: tuple[LayerFacts, ...], measured: Measured, at: int) -> bool:
    """Return whether units of a layer get the same from the layer before and from the one after it."""
    layer = facts[at].layer
    if layer.units == 1 or at == len(facts) - 1:
        return False
    if layer.branch is not None or facts[at + 1].layer.branch is not None:
        return False
    pair = (measured.layers[one]["weight"] for one in (at, at + 1))
    return facts[at].bias.std == 0.0 and all(weight.minimum == weight.maximum for weight in pair)


def _is_lost(size: float) -> bool:
    """Return whether one more layer may round a number to 0."""
    return 0.0 < size < _LOST


def _size(own: LayerFacts, measured: Measured, at: int) -> float:
    """Return the rms of what enters an activation; of few units, the one to expect."""
    layer, found = own.layer, measured.layers[at]
    if layer.units >= FEW or layer.norm is not None or layer.branch is not None:
        return rms(found["pre-activation"])
    entering = measured.layers[at - 1]["activation"] if at else measured.inputs
    weight = found["weight"]
    spread = layer.inputs * weight.variance * entering.second_moment
    shared = layer.inputs * weight.mean * entering.mean
    return math.sqrt(spread + shared**2 + own.bias.second_moment)


def _norm(own: LayerFacts, found: Mapping[str, Moments]) -> float | None:
    """Return the norm of a row's gradient, or None where the run did not go back."""
    gradient = found.get("gradient")
    return None if gradient is None else math.sqrt(gradient.second_moment * own.layer.units)
