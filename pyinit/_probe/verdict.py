"""Is a layer fit to learn, if not, why, and what to do: thresholds on what was measured.

Checked in this order; the first that holds is a layer's verdict, and the first that holds of any layer is the
network's:

========== ===============================================================================================
exploding  numbers that are not finite
dead       the activation is 0 for every row; or at least 90 % of units are 0, or flat, for every row; or no
           gradient comes back. Weights of 0 that get a gradient are not dead, nor what waits for them; and
           the last layer is dead only if its weights get none
symmetric  all weights are one number, and all of the next layer too, with no skip between: units that are
           the same stay the same
saturated  an activation that is flat at both ends, and at least 25 % of what enters it where its slope is at
           most 5 % of the steepest; of hardtanh twice what unit variance puts there, 63 %
exploding  rms of what enters the activation more than 10 times that of the input, or the gradient's norm more
           than 10 times that of the last layer's
vanishing  the same, less than a tenth
healthy    none of these
========== ===============================================================================================

Only relu, leaky_relu and linear know no scale; for any other activation the input's rms counts as 1 where
that speaks against the verdict, and behind a normalization it is 1. Of fewer than 8 units the rms is largely
chance: of those the rms counts that their weights and inputs lead one to expect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..moments import Moments
from .measure import Measured
from .remedy import remedy
from .saturation import SATURATED
from .way import Facts

__all__ = ["DEAD", "EXPLODED", "SATURATED", "VANISHED", "Kind", "Verdict", "judged"]

Kind: TypeAlias = Literal["healthy", "vanishing", "exploding", "saturated", "dead", "symmetric"]

DEAD = 0.9
"""Share of silent units from which a layer is dead."""
VANISHED = 0.1
"""Ratio of rms below which a signal, or of norms below which a gradient, has vanished."""
EXPLODED = 10.0
"""Ratio above which it has exploded."""

_FEW = 8
# float32 ends at 1.4e-45
_LOST = 1e-30
_ORDER: tuple[Kind, ...] = ("dead", "symmetric", "saturated", "exploding", "vanishing")


_AWAKES = "its weights are 0 but get a gradient: one step makes numbers of them."
_UNSEEN = "its weights are 0; only a run back shows whether they get a gradient."
# in the order in which a run makes them
_FORWARD = ("weight", "pre-activation", "activation")
_BACK = ("gradient", "weight gradient")


@dataclass(frozen=True)
class Verdict:
    """One word, the reason in words, and what to do."""

    kind: Kind
    reason: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" + (f" Fix: {self.fix}" if self.fix else "")


def judged(facts: Facts, measured: Measured) -> tuple[tuple[Verdict, ...], Verdict]:
    """Return a verdict on each layer, and one on the network."""
    layers = []
    scale = math.sqrt(measured.inputs.second_moment)
    free = all(one.is_homogeneous for one in facts)
    low, high = (scale, scale) if free else (min(scale, 1.0), max(scale, 1.0))
    if scale == 0.0:
        low = high = 1.0
    last = _norm(measured, facts, len(facts) - 1)
    for at in range(len(facts)):
        if facts[at].layer.norm is not None:
            low = high = 1.0
        kind, reason = _of_layer(facts, measured, at, (low, high), last)
        layers.append(Verdict(kind, reason, remedy(kind, facts, measured, at)))
    return tuple(layers), _of_network(facts, layers, measured)


def _of_layer(
    facts: Facts, measured: Measured, at: int, scale: tuple[float, float], last: float | None
) -> tuple[Kind, str]:
    layer, found = facts[at].layer, measured.layers[at]
    for kind, numbers in found.items():
        if numbers.nonfinite:
            return "exploding", f"{numbers.nonfinite} numbers of its {kind} are not finite."
    entering, made, weight = found["pre-activation"], found["activation"], found["weight"]
    if made.second_moment == 0.0 or (made.dead is not None and made.dead >= DEAD):
        if any(_is_lost(_rms(one["activation"])) for one in measured.layers[:at]):
            return "vanishing", "what layers before it left is below float32's range."
        if _waits(measured, at):
            return (
                "healthy",
                "what enters it is 0 until a layer before it, whose weights are 0, has made a step.",
            )
        if not _learns(facts, measured, at):
            if made.second_moment == 0.0:
                return "dead", "it makes 0 for every row."
            return "dead", f"{made.dead:.0%} of its units are silent for every row."
    if _is_symmetric(facts, measured, at):
        return "symmetric", f"all its weights are {weight.mean:.4g}, so all units are and stay the same."
    if _is_zero(weight) and _learns(facts, measured, at):
        return "healthy", _AWAKES if "weight gradient" in found else _UNSEEN
    if entering.saturated is not None and entering.saturated >= facts[at].saturated_from:
        reason = f"{entering.saturated:.0%} of what enters {layer.activation.name} is where it is flat"
        return "saturated", f"{reason} (rms {_rms(entering):.3g})."
    size, (low, high) = _size(facts, measured, at), scale
    if size > EXPLODED * high:
        return "exploding", f"what enters {layer.activation.name} has rms {size:.3g}, the input {high:.3g}."
    if size < VANISHED * low:
        return "vanishing", f"what enters {layer.activation.name} has rms {size:.3g}, the input {low:.3g}."
    norm = _norm(measured, facts, at)
    if norm is not None and last:
        ratio = norm / last
        if ratio == 0.0:
            deeper = (_norm(measured, facts, one) or 0.0 for one in range(at + 1, len(facts)))
            if any(_is_lost(one / last) for one in deeper):
                return "vanishing", "the gradient that comes back is below float32's range."
            if any(_awakes(one) for one in measured.layers[at + 1 :]):
                return (
                    "healthy",
                    "no gradient comes back until a layer after it, whose weights are 0, has made a step.",
                )
            return "dead", "no gradient comes back to it."
        if ratio > EXPLODED:
            return "exploding", f"the gradient that comes back is {ratio:.3g} times the last layer's."
        if ratio < VANISHED:
            return "vanishing", f"the gradient that comes back is {ratio:.2g} of the last layer's."
    return "healthy", "what enters it and what comes back keep their size."


def _is_zero(weight: Moments) -> bool:
    return weight.minimum == weight.maximum == 0.0


def _awakes(found: dict[str, Moments]) -> bool:
    """Return whether a layer's weights are 0 but get a gradient: one step makes numbers of them."""
    gradient = found.get("weight gradient")
    return gradient is not None and gradient.second_moment > 0.0 and _is_zero(found["weight"])


def _waits(measured: Measured, at: int) -> bool:
    """Return whether nothing but 0 reaches a layer only because one before it has to make a step."""
    nothing = at > 0 and measured.layers[at - 1]["activation"].second_moment == 0.0
    return nothing and any(_awakes(one) for one in measured.layers[:at])


def _learns(facts: Facts, measured: Measured, at: int) -> bool:
    """Return whether a layer that makes 0 gets a gradient all the same: from weights of 0, or as the last."""
    found, is_last = measured.layers[at], at == len(facts) - 1
    gradient = found.get("weight gradient")
    if gradient is None:
        return is_last and _is_zero(found["weight"])
    return gradient.second_moment > 0.0 and (is_last or _is_zero(found["weight"]))


def _is_symmetric(facts: Facts, measured: Measured, at: int) -> bool:
    """Return whether units of a layer get the same from the layer before and from the one after it.

    Targets tell the units of the last layer apart, a skip those of the layers it joins.
    """
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


def _of_network(facts: Facts, layers: list[Verdict], measured: Measured) -> Verdict:
    first = _first_not_finite(measured)
    if first is not None:
        at, count, kind = first
        reason = f"not finite from layers.{at} on: {count} numbers of its {kind} are not finite."
        return Verdict("exploding", reason, layers[at].fix)
    for kind in _ORDER:
        hit = [at for at, verdict in enumerate(layers) if verdict.kind == kind]
        if hit:
            worst = hit[0] if kind in ("saturated", "dead", "symmetric") else _worst(facts, measured, hit)
            reason = f"{len(hit)} of {len(layers)} layers; layers.{worst}: {layers[worst].reason}"
            return Verdict(kind, reason, layers[worst].fix)
    for at, found in enumerate(measured.layers):
        if _awakes(found) or layers[at].reason == _UNSEEN:
            return Verdict("healthy", f"layers.{at}: {layers[at].reason}")
    return Verdict("healthy", "signal and gradient keep their size in every layer.")


def _first_not_finite(measured: Measured) -> tuple[int, int, str] | None:
    """Return layer, count and kind of the first numbers that are not finite: forward, then back."""
    forward = [(at, kind) for at in range(len(measured.layers)) for kind in _FORWARD]
    back = [(at, kind) for at in reversed(range(len(measured.layers))) for kind in _BACK]
    for at, kind in forward + back:
        numbers = measured.layers[at].get(kind)
        if numbers is not None and numbers.nonfinite:
            return at, numbers.nonfinite, kind
    return None


def _worst(facts: Facts, measured: Measured, hit: list[int]) -> int:
    def off(at: int) -> float:
        signal = math.log(max(_size(facts, measured, at), 1e-300))
        norm = _norm(measured, facts, at)
        return max(abs(signal), abs(math.log(norm)) if norm else 0.0)

    return max(hit, key=off)


def _size(facts: Facts, measured: Measured, at: int) -> float:
    """Return the rms of what enters an activation; of few units, the one to expect."""
    layer, found = facts[at].layer, measured.layers[at]
    if layer.units >= _FEW or layer.norm is not None or layer.branch is not None:
        return _rms(found["pre-activation"])
    entering = measured.layers[at - 1]["activation"] if at else measured.inputs
    weight, bias = found["weight"], facts[at].bias
    spread = layer.inputs * weight.variance * entering.second_moment
    shared = layer.inputs * weight.mean * entering.mean
    return math.sqrt(spread + shared**2 + bias.second_moment)


def _rms(numbers: Moments) -> float:
    return math.sqrt(numbers.second_moment)


def _norm(measured: Measured, facts: Facts, at: int) -> float | None:
    """Return the norm of a row's gradient, or None where the run did not go back."""
    found = measured.layers[at].get("gradient")
    return None if found is None else math.sqrt(found.second_moment * facts[at].layer.units)
