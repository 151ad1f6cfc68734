"""The numbers of functions of a uniform draw: what is made of u, where it ends, its mean and its std.

u width + start, u in [0, 1), is the argument of the function: log2 of the value for `log_uniform` and
`inverse_softplus`, the uniform value itself for `log_of_uniform` and `log_decay`.
Why Decimal: no math library decides a bit, so the numbers are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from typing import NamedTuple

import numpy as np

from ..stream.dtypes import DType, resolve

__all__ = [
    "Argument",
    "exponents",
    "inverse_softplus",
    "log",
    "log_decay",
    "moments_of_inverse_softplus",
    "moments_of_log",
    "moments_of_log_decay",
    "moments_of_log_uniform",
    "step",
    "uniform",
]

# A difference of two logarithms of neighbouring floats keeps 60 digits.
_CONTEXT = Context(prec=80, Emin=-(10**6), Emax=10**6)
# The first part of `start` is a multiple of 2^-15 or 2^-40: start less an integer is then exact.
_START_BITS = {"float32": 15, "float64": 40}


class Argument(NamedTuple):
    """u width + start, each of two numbers that are added, in the kernels' order."""

    start: float
    start_rest: float
    width: float
    width_rest: float


def exponents(low: float, high: float, dtype: DType) -> Argument:
    """Return log2(low) + u log2(high / low)."""
    with localcontext(_CONTEXT):
        two = Decimal(2).ln()
        start, width = Decimal(low).ln() / two, (Decimal(high) / Decimal(low)).ln() / two
        grid = Decimal(2) ** _START_BITS[dtype.compute]
        first = (start * grid).to_integral_value(rounding="ROUND_HALF_EVEN") / grid
        whole = float(width)
        return Argument(float(first), float(start - first), whole, float(width - Decimal(whole)))


def uniform(low: float, high: float, dtype: DType) -> Argument:
    """Return the same low + u (high - low) as `pyinit.uniform` draws."""
    compute = resolve(dtype.compute)
    start = compute.round(low)
    return Argument(start, 0.0, compute.round(compute.round(high) - start), 0.0)


def step(dtype: DType) -> float:
    """Return the distance of two draws: u is a multiple of it."""
    return 2.0**-53 if dtype.compute == "float64" else 2.0**-24


def log(x: float) -> Decimal:
    """Return ln x to nearly all digits; x > 0."""
    with localcontext(_CONTEXT):
        return Decimal(x).ln()


def inverse_softplus(t: float) -> Decimal:
    """Return ln(e^t - 1); t > 0."""
    with localcontext(_CONTEXT):
        exact = Decimal(t)
        # e^-t is less than the last digit from 200 on
        return exact if exact > 200 else exact + (1 - (-exact).exp()).ln()


def log_decay(square: float, below_one: float) -> Decimal:
    """Return ln(-ln(square) / 2), 0 < square <= 1, where 1 counts as 1 - below_one."""
    with localcontext(_CONTEXT):
        exact = min(Decimal(square), 1 - Decimal(below_one))
        return (-exact.ln() / 2).ln()


def moments_of_log_uniform(low: float, high: float, floor: float) -> tuple[float, float]:
    """Return mean and std of max(t, floor), where the logarithm of t is uniform."""
    with localcontext(_CONTEXT):
        a, b = Decimal(low), Decimal(high)
        c = max(a, Decimal(floor))
        length = (b / a).ln()
        below = (c / a).ln() / length
        mean = c * below + (b - c) / length
        square = c * c * below + (b * b - c * c) / (2 * length)
        return float(mean), float(max(square - mean * mean, Decimal(0)).sqrt())


def moments_of_log(low: float, high: float) -> tuple[float, float]:
    """Return mean and std of ln v, v uniform; low may be 0."""
    with localcontext(_CONTEXT):
        a, b = Decimal(low), Decimal(high)
        log_a, log_b = (x.ln() if x else Decimal(0) for x in (a, b))
        mean = (b * log_b - a * log_a) / (b - a) - 1
        square = (b * (log_b * log_b - 2 * log_b + 2) - a * (log_a * log_a - 2 * log_a + 2)) / (b - a)
        return float(mean), float(max(square - mean * mean, Decimal(0)).sqrt())


# nodes of a panel, and the most of ln t that one panel covers
_NODES, _PANEL = 24, 4.0


def _mean_and_std(
    function: Callable[[float], float], low: float, high: float, *, share_at_low: float = 0.0
) -> tuple[float, float]:
    """Return mean and std of a function of a number that is uniform on [low, high].

    Of all draws, `share_at_low` are `low` itself. At the ends the function may have the singularity of a
    logarithm.
    """
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    count = max(math.ceil((high - low) / _PANEL), 8)
    values, shares = [function(low)] if share_at_low else [], [share_at_low] if share_at_low else []
    for panel in range(count):
        for point, weight in zip(points, weights, strict=True):
            at = (panel + (1 + float(point)) / 2) / count
            # x = at^3 (10 - 15 at + 6 at^2): flat at both ends, so that a logarithm is smooth there
            x = at**3 * (10 - 15 * at + 6 * at * at)
            values.append(function(low + (high - low) * x))
            shares.append((1 - share_at_low) * 30 * (at * (1 - at)) ** 2 * float(weight) / 2 / count)
    mean = math.fsum(s * v for s, v in zip(shares, values, strict=True))
    return mean, math.sqrt(math.fsum(s * (v - mean) ** 2 for s, v in zip(shares, values, strict=True)))


def moments_of_inverse_softplus(low: float, high: float, floor: float) -> tuple[float, float]:
    """Return mean and std of ln(e^t - 1), t as for `moments_of_log_uniform`."""

    def inverse(x: float) -> float:
        t = math.exp(x)
        return t + math.log(-math.expm1(-t))

    start, begin, stop = math.log(low), math.log(max(low, floor)), math.log(high)
    return _mean_and_std(inverse, begin, stop, share_at_low=(begin - start) / (stop - start))


def moments_of_log_decay(low: float, high: float) -> tuple[float, float]:
    """Return mean and std of ln(-ln(v) / 2), v uniform on [low, high]."""
    return _mean_and_std(lambda v: math.log(-math.log(v) / 2), low, high)
