"""Where an activation is flat: there a unit no longer responds to its input."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ....theory.activation import Activation
from ...network.passes import applied

__all__ = ["FLAT", "SATURATED", "flat_ends", "flat_share", "saturated_from"]

FLAT = 0.05
"""An activation is flat where its slope is at most this share of its steepest."""
SATURATED = 0.25
"""Share of numbers on flat ends from which a layer is saturated; of some activations more."""

_MOST = 0.9
_FAR = np.concatenate((np.arange(0.0, 64.0, 1.0 / 64.0), [100.0, 300.0, 1e3, 1e4])).astype(np.float32)


@lru_cache(maxsize=64)
def flat_ends(phi: Activation) -> tuple[float, float]:
    """Return the pre-activations at and beyond which an activation is flat.

    (-inf, inf) unless it is flat at both ends: an activation that is flat at one end only, such as relu, is
    not saturated there but switched off. Both are float32, computed from the kernels' slopes, so that they
    have the same bits on every machine.
    """
    right, left = _steepness(phi, _FAR), _steepness(phi, -_FAR)
    if np.isnan([right, left]).all():
        return -math.inf, math.inf
    most = FLAT * float(np.nanmax([right, left]))
    steep_right, steep_left = (np.flatnonzero(~(side <= most)) for side in (right, left))
    last = len(_FAR) - 1
    if not len(steep_right) or not len(steep_left) or last in (steep_right[-1], steep_left[-1]):
        return -math.inf, math.inf
    return -_end(phi, -1.0, steep_left[-1], most), _end(phi, 1.0, steep_right[-1], most)


def flat_share(phi: Activation, std: float) -> float:
    """Return the share of normal numbers of mean 0 at which an activation is flat."""
    if std == 0.0:
        return 0.0
    return sum(math.erfc(abs(end) / (std * math.sqrt(2.0))) for end in flat_ends(phi)) / 2.0


def saturated_from(phi: Activation) -> float:
    """Return the share of numbers on flat ends from which a layer is saturated.

    hardtanh is flat for 32 % of what has unit variance, and works: twice that is too much.
    """
    return min(max(SATURATED, 2.0 * flat_share(phi, 1.0)), _MOST)


def _end(phi: Activation, side: float, steep: int, most: float) -> float:
    low, high = _FAR[steep], _FAR[steep + 1]
    while (middle := low + (high - low) / np.float32(2.0)) not in (low, high):
        if _steepness(phi, side * np.full(1, middle, np.float32)).item() <= most:
            high = middle
        else:
            low = middle
    return float(high)


def _steepness(phi: Activation, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.abs(applied(phi, x, slope=True))
