"""Between what chance leaves a mean square: log-normal, within 2 standard deviations."""

from __future__ import annotations

import math

from .weights import Spread

__all__ = ["band", "band_of_weight"]

_SIGMAS = 2.0
# a logarithm's variance; beyond, the middle of a log-normal number is 3000 times below its mean
_WIDEST = 16.0
# of a mean square: float32 sums and normalization, with room
_ROUNDING = 1e-4
_TINY = 1e-300
# exp of it is still finite
_MOST = 690.0

Ends = tuple[float | None, float | None]


def band(middle: float, log_variance: float, is_drawn: bool) -> Ends:
    """Return the ends around a mean, which they hold; None where not only chance decides."""
    if not is_drawn or not log_variance <= _WIDEST:
        return None, None
    spread = _SIGMAS * math.sqrt(log_variance)
    centre = math.log(max(middle, _TINY)) - log_variance / 2.0
    low, high = (math.exp(min(centre + side * spread, _MOST)) for side in (-1.0, 1.0))
    return min(low, middle) * (1.0 - _ROUNDING), max(high, middle) * (1.0 + _ROUNDING)


def band_of_weight(weight: Spread, count: int) -> Ends:
    """Return the ends around the mean square of so many weights."""
    if not weight.drawn:
        return None, None
    sampling = _SIGMAS * weight.second_moment * math.sqrt(2.0 / count)
    return max(weight.second_moment - sampling, 0.0), weight.second_moment + sampling
