"""What predictions need to know of an activation of normal numbers, for all layers in one sweep."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..activation import Activation
from ..theory.domain import Rows, Values
from ..theory.gaussian import expectation_of_rows

__all__ = ["integrals"]

_TINY = 1e-300
_BENT = ("linear", "relu", "leaky_relu")


def integrals(phi: Activation, variance: Values, mean: Values, square: Values) -> dict[str, Values]:
    """Return six numbers for each mean and variance, `square` being E[phi^2].

    "average" E[phi], "slope" E[phi'], "slope square" E[phi'^2], "slope fourth" E[phi'^4], "kurtosis"
    E[phi^4] / E[phi^2]^2 - 1, "response" d ln E[phi^2] / d ln variance.
    """
    if phi.is_builtin and phi.name in _BENT and not mean.any():
        return _bent(phi, variance)
    held = np.maximum(square, _TINY)
    scale, count = np.sqrt(held), len(variance)
    integrands: dict[str, Callable[[Values, Values, Values, Rows], Values]] = {
        "average": lambda u, value, slope, at: value,
        "slope": lambda u, value, slope, at: slope,
        "slope square": lambda u, value, slope, at: slope**2,
        "slope fourth": lambda u, value, slope, at: slope**4,
        "kurtosis": lambda u, value, slope, at: (value / scale[at]) ** 4,
        "response": lambda u, value, slope, at: value * slope * (u - mean[at]) / held[at],
    }

    def all_of_them(u: Values, row: Rows) -> Values:
        value, slope, result = phi.value(u), phi.slope(u), np.empty_like(u)
        which, at = row // count, row[:, None] % count
        for number, integrand in enumerate(integrands.values()):
            here = which == number
            result[here] = integrand(u[here], value[here], slope[here], at[here])
        return result

    times = len(integrands)
    at_all = np.tile(variance, times), np.tile(mean, times)
    wary = not phi.is_builtin and not phi.kinks
    found = expectation_of_rows(all_of_them, *at_all, phi.kinks, phi.precision, wary=wary)
    named = dict(zip(integrands, found.reshape(times, count), strict=True))
    named["kurtosis"] = np.maximum(named["kurtosis"] - 1.0, 0.0)
    named["response"] = np.where(variance > _TINY, named["response"], 0.0)
    return named


def _bent(phi: Activation, variance: Values) -> dict[str, Values]:
    """Return the same for two lines that meet at 0, without integrals."""
    left, right = (float(slope) for slope in phi.slope(np.array([-1.0, 1.0])))
    second, fourth = (left**2 + right**2) / 2.0, (left**4 + right**4) / 2.0
    one = np.where(variance > 0.0, 1.0, 0.0)
    return {
        "average": (right - left) * np.sqrt(variance / (2.0 * math.pi)),
        "slope": np.full_like(variance, (left + right) / 2.0),
        "slope square": np.full_like(variance, second),
        "slope fourth": np.full_like(variance, fourth),
        "kurtosis": (3.0 * fourth / second**2 - 1.0) * one,
        "response": one,
    }
