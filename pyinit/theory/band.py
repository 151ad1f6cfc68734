"""The interval in which chance leaves a number whose logarithm is normal."""

from __future__ import annotations

import math

import numpy as np

from .domain import Values, nonnegative

__all__ = ["log_normal_band", "log_normal_ends"]

# exp of it is still finite
_MOST = 690.0


def log_normal_ends(log_median: float, log_variance: float, sigmas: float) -> tuple[float, float]:
    """Return exp(log_median -+ sigmas * sqrt(log_variance))."""
    spread = sigmas * math.sqrt(log_variance)
    low, high = (math.exp(min(log_median + side * spread, _MOST)) for side in (-1.0, 1.0))
    return low, high


def log_normal_band(log_median: Values, log_variance: Values, sigmas: float) -> tuple[Values, Values]:
    """Return the same of arrays of one dimension."""
    width = float(nonnegative("sigmas", sigmas))
    ends = [log_normal_ends(*pair, width) for pair in zip(log_median, log_variance, strict=True)]
    low, high = np.array(ends).reshape(-1, 2).T
    return low, high
