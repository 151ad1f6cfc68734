"""The interval in which chance alone leaves a mean square: log-normal, within 2 standard deviations."""

from __future__ import annotations

import math

from ....theory.band import log_normal_ends
from ....theory.law import Spread
from ....theory.state import TINY

__all__ = ["band", "band_of_weight"]

_SIGMAS = 2.0
# a logarithm's variance; beyond, the median of a log-normal number is 3000 times below its mean
_WIDEST = 16.0
# of a mean square: float32 sums and normalization, with room
_ROUNDING = 1e-4

Ends = tuple[float | None, float | None]


def band(mean: float, log_variance: float, is_drawn: bool) -> Ends:
    """Return the ends of the interval, which holds the mean; None where not only chance decides."""
    if not is_drawn or not log_variance <= _WIDEST:
        return None, None
    log_median = math.log(max(mean, TINY)) - log_variance / 2.0
    low, high = log_normal_ends(log_median, log_variance, _SIGMAS)
    return min(low, mean) * (1.0 - _ROUNDING), max(high, mean) * (1.0 + _ROUNDING)


def band_of_weight(weight: Spread, count: int) -> Ends:
    """Return the ends of the interval around the mean square of `count` weights."""
    if not weight.drawn:
        return None, None
    sampling = _SIGMAS * weight.second_moment * math.sqrt(2.0 / count)
    return max(weight.second_moment - sampling, 0.0), weight.second_moment + sampling
