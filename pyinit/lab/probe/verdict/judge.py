"""The judge: thresholds on what was measured decide what is found of each layer, and of the network.

Checked in this order; the first that holds is a layer's verdict, and the first that holds of any layer is the
network's:

========== ===============================================================================================
exploding  numbers that are not finite
dead       the activation is 0 for every row; or at least 90 % of units are 0, or flat, for every row; or no
           gradient comes back
symmetric  all weights are one number, and all of the next layer too: units that are the same stay the same
saturated  an activation that is flat at both ends, and at least 25 % of what enters it where its slope is at
           most 5 % of the steepest; of hardtanh twice what unit variance puts there, 63 %
exploding  rms of what enters the activation more than 10 times that of the input, or the gradient's norm more
           than 10 times that of the last layer's
vanishing  the same, less than a tenth
healthy    none of these
========== ===============================================================================================

Networks and modules of torch differ in their `Evidence`: which layers are compared with what, and which are
idle for a good reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ....linalg.statistics import Moments
from ..measure.saturation import SATURATED
from .verdict import Cause, Kind

__all__ = ["DEAD", "EXPLODED", "SATURATED", "VANISHED", "Evidence", "Finding", "Signal", "finding", "summary"]

DEAD = 0.9
"""Share of silent units from which a layer is dead."""
VANISHED = 0.1
"""Ratio of rms below which a signal, or of norms below which a gradient, has vanished."""
EXPLODED = 10.0
"""Ratio above which it has exploded."""

_ORDER: tuple[Kind, ...] = ("dead", "symmetric", "saturated", "exploding", "vanishing")
# of these kinds the layer that is furthest off decides for the network; of the others the first
_BY_SIZE = ("exploding", "vanishing")
# healthy, and worth mentioning for the whole network
_NOTABLE = ("zero weights", "zero weights, not run back")
# in the order in which a run makes them
_FORWARD = ("weight", "pre-activation", "activation")
_BACK = ("gradient", "weight gradient")


@dataclass(frozen=True)
class Finding:
    """What was found of a layer, and the numbers that show it.

    Parameters
    ----------
    kind : str
    cause : str
    at : int
        Which layer.
    amount, beside : float
        The number that decided, and what it was compared with or stands beside it.
    what : str
        What the number is of: a kind of moments, or an activation.
    affected : int
        Layers of this kind, where the finding stands for the whole network; 0 where it is a layer's own.
    """

    kind: Kind
    cause: Cause
    at: int
    amount: float = 0.0
    beside: float = 0.0
    what: str = ""
    affected: int = 0


@dataclass(frozen=True)
class Signal:
    """The rms of what enters an activation, the activation's name, and the sizes to compare the rms with."""

    rms: float
    enters: str
    low: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """One layer, as the judge sees it.

    Parameters
    ----------
    at : int
        Which layer.
    moments : mapping of str to Moments
        By kind.
    healthy : Finding
        What holds where nothing is wrong.
    activation : str
        How its activation is called.
    saturated_from : float or None
        The share of pre-activations on flat ends from which it is saturated; None where that is not known.
    idle : Finding or None
        What holds where it makes only 0, or its units are silent; None where neither is the case.
    is_symmetric : bool
        Whether its weights, and the next layer's, are one number, and nothing tells its units apart.
    zero_weights : Finding or None
        What holds where its weights are 0 and it will learn all the same.
    signal : Signal or None
        None where the size of the signal counts for nothing.
    unreached : Finding or None
        What holds where the gradient that comes back is 0.
    gradient_ratio : float or None
        The gradient's norm over the last layer's; None where it is not compared.
    distance : float
        How far the sizes of its signal and gradient are from 1, to choose the worst of several layers.
    """

    at: int
    moments: Mapping[str, Moments]
    healthy: Finding
    activation: str
    saturated_from: float | None = None
    idle: Finding | None = None
    is_symmetric: bool = False
    zero_weights: Finding | None = None
    signal: Signal | None = None
    unreached: Finding | None = None
    gradient_ratio: float | None = None
    distance: float = 0.0


def finding(seen: Evidence) -> Finding:
    """Return what holds of a layer."""
    at, entering = seen.at, seen.moments["pre-activation"]
    for kind, numbers in seen.moments.items():
        if numbers.nonfinite:
            return Finding("exploding", "not finite", at, numbers.nonfinite, what=kind)
    if seen.idle is not None:
        return seen.idle
    if seen.is_symmetric:
        return Finding("symmetric", "equal weights", at, seen.moments["weight"].mean)
    if seen.zero_weights is not None:
        return seen.zero_weights
    share, limit = entering.saturated, seen.saturated_from
    if share is not None and limit is not None and share >= limit:
        rms = entering.second_moment**0.5
        return Finding("saturated", "flat activation", at, share, rms, seen.activation)
    signal, ratio = seen.signal, seen.gradient_ratio
    if signal is not None and signal.rms > EXPLODED * signal.high:
        return Finding("exploding", "large signal", at, signal.rms, signal.high, signal.enters)
    if signal is not None and signal.rms < VANISHED * signal.low:
        return Finding("vanishing", "small signal", at, signal.rms, signal.low, signal.enters)
    if seen.unreached is not None:
        return seen.unreached
    if ratio is not None and ratio > EXPLODED:
        return Finding("exploding", "large gradient", at, ratio)
    if ratio is not None and ratio < VANISHED:
        return Finding("vanishing", "small gradient", at, ratio)
    return seen.healthy


def summary(layers: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:
    """Return the finding that decides for all layers, or None where all keep their size."""
    first = _first_not_finite(layers)
    if first is not None:
        return first
    for kind in _ORDER:
        hit = [one for one in findings if one.kind == kind]
        if hit:
            worst = max(hit, key=lambda one: layers[one.at].distance) if kind in _BY_SIZE else hit[0]
            return replace(worst, affected=len(hit))
    return next((one for one in findings if one.cause in _NOTABLE), None)


def _first_not_finite(layers: Sequence[Evidence]) -> Finding | None:
    """Return the first numbers that are not finite, in the order of the run: forward, then back."""
    forward = [(one, kind) for one in layers for kind in _FORWARD]
    back = [(one, kind) for one in reversed(layers) for kind in _BACK]
    for one, kind in forward + back:
        numbers = one.moments.get(kind)
        if numbers is not None and numbers.nonfinite:
            return Finding("exploding", "not finite", one.at, numbers.nonfinite, what=kind)
    return None
