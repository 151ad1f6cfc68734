"""Axes of histograms: as given, or from what a matrix is expected to hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ....errors import RecipeError
from ....linalg.statistics import Axis, LinearAxis, LogAxis
from ....stream.arguments import count, flag
from ....theory.activation import Activation

__all__ = ["KINDS", "Axes", "axes_of", "ends", "reached", "spanning"]

KINDS = ("pre-activation", "activation", "gradient", "weight", "weight gradient")
"""What a report says of each layer."""

# about 1e-9 to 1e9, which shows a second moment of 1e-18, too
_LOG = LogAxis(-30, 30, 1)
_MOST_BINS = 4096
# float32 holds no more
_MOST = 3e38
# of half an axis: steps of 1/64 to 1/128 of it
_KEPT_BITS = 7


@dataclass(frozen=True)
class Axes:
    """How many bins, over which range, on which scale."""

    bins: int
    ranges: Mapping[str, tuple[float, float]]
    log: bool

    def fixed(self, kind: str) -> Axis | None:
        """Return the axis that was given, or None where it follows the numbers."""
        if kind in self.ranges:
            return LinearAxis(*self.ranges[kind], self.bins)
        return _LOG if self.log else None

    def around(self, kind: str, x: npt.NDArray[Any]) -> Axis:
        """Return the axis that was given, or one that spans these numbers."""
        axis = self.fixed(kind)
        if axis is not None:
            return axis
        low, high = float(x.min(initial=np.inf)), float(x.max(initial=-np.inf))
        if not (math.isfinite(low) and math.isfinite(high)):
            kept = x[np.isfinite(x)]
            low, high = (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)
        return spanning(low, high, self.bins)


def axes_of(bins: Any, range_: Any, log: Any) -> Axes:
    """Return the axes that the arguments of a probe describe."""
    bins, log = count("bins", bins, 1, _MOST_BINS, advice="Use 64."), flag("log", log)
    if range_ is None:
        ranges: dict[str, tuple[float, float]] = {}
    elif isinstance(range_, Mapping):
        unknown = [kind for kind in range_ if kind not in KINDS]
        if unknown:
            raise RecipeError(f"a range is of {', '.join(KINDS)}; got {unknown[0]!r}. Name one of them.")
        ranges = {kind: _pair(pair) for kind, pair in range_.items()}
    else:
        ranges = dict.fromkeys(KINDS[:2], _pair(range_))
    return Axes(int(bins), ranges, log)


def _pair(value: Any) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        low, high = 0.0, 0.0
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RecipeError(f"a range is two finite numbers, low < high; got {value!r}. Write (-3, 3).")
    return low, high


_PARTS = np.arange(129) / 128
"""Where a range is asked for values."""


def reached(phi: Activation, low: float, high: float) -> tuple[float, float]:
    """Return the range of phi on [low, high]."""
    x = np.empty(len(_PARTS) + 1 + len(phi.kinks))
    # as linspace makes it, in a quarter of its time
    x[: len(_PARTS)] = _PARTS * (high - low) + low
    x[len(_PARTS) - 1] = high
    x[len(_PARTS) :] = [min(max(kink, low), high) for kink in (0.0, *phi.kinks)]
    with np.errstate(all="ignore"):
        values = phi.value(x)
    kept = values[np.isfinite(values)]
    return (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)


def ends(axis: Axis) -> tuple[float, float]:
    """Return the first and the last edge of an axis."""
    if isinstance(axis, LinearAxis):
        return axis.low, axis.high
    return float(axis.edges[0]), float(axis.edges[-1])


def spanning(low: float, high: float, bins: int) -> LinearAxis:
    """Return an axis that contains low and high, with their rounding errors, and has a width in any case.

    Ends are rounded outward by at most a hundredth of the width: low and high come from sums and functions of
    NumPy, whose last bits depend on the machine, and those of a histogram must not.
    """
    low, high = max(low, -_MOST), min(high, _MOST)
    middle, half = (low + high) / 2.0, (high - low) / 2.0
    most = max(abs(low), abs(high))
    if half <= 1e-6 * most:
        half = 0.5 * most
    half = half * (1.0 + 1e-6) + 1e-6 * most or 0.5
    # a power of two, so that ends are exact everywhere
    step = math.ldexp(1.0, math.frexp(half)[1] - _KEPT_BITS)
    return LinearAxis(
        math.floor((middle - half) / step) * step, math.ceil((middle + half) / step) * step, bins
    )
