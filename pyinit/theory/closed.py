"""Gaussian moments of activations that have formulas: fast, and exact where quadrature is not needed.

Each is checked against quadrature by tests/theory/test_closed.py. A missing entry is None: quadrature then.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .activation import Activation
from .curves import erf
from .domain import Values

__all__ = ["Closed", "closed"]


@dataclass(frozen=True)
class Closed:
    """What is known of one activation, as functions of variances q, q1, q2 and a correlation c.

    mean(q) = E phi, second(q) = E phi^2, slope(q, k) = E phi'^(2k), pair(q1, q2, c) = E phi(u1) phi(u2),
    slope_pair the same of phi', gap(q, d) = E phi^2 - E phi(u1) phi(u2) at c = 1 - d, without cancellation.
    """

    mean: Callable[[Values], Values] | None = None
    second: Callable[[Values], Values] | None = None
    slope: Callable[[Values, int], Values] | None = None
    pair: Callable[[Values, Values, Values], Values] | None = None
    slope_pair: Callable[[Values, Values, Values], Values] | None = None
    gap: Callable[[Values, Values], Values] | None = None


def closed(of: Activation) -> Closed:
    """Return the formulas of an activation of the registry; of any other, none."""
    if not of.is_builtin:
        return _NONE
    return _FORMS.get(of.name, _NONE) if of.parameter is None else _leaky(of.parameter)


def _leaky(a: float) -> Closed:
    """Return the formulas of a x + (1 - a) relu(x): relu with a = 0, linear with 1 (Cho and Saul 2009)."""
    bend = 1.0 - a

    def pair(q1: Values, q2: Values, c: Values) -> Values:
        angle = np.arccos(c)
        corner = (np.sqrt((1.0 - c) * (1.0 + c)) + c * (math.pi - angle)) / (2.0 * math.pi)
        result: Values = np.sqrt(q1 * q2) * (a * c + bend * bend * corner)
        return result

    def gap(q: Values, d: Values) -> Values:
        angle = 2.0 * np.arcsin(np.sqrt(d / 2.0))
        corner = d - (np.sin(angle) - angle * np.cos(angle)) / math.pi
        return q * (a * d + bend * bend * corner / 2.0)

    def slope_pair(q1: Values, q2: Values, c: Values) -> Values:
        result: Values = a + bend * bend * (math.pi - np.arccos(c)) / (2.0 * math.pi) + 0.0 * (q1 + q2)
        return result

    return Closed(
        mean=lambda q: bend * np.sqrt(q / (2.0 * math.pi)),
        second=lambda q: (1.0 + a * a) / 2.0 * q,
        slope=lambda q, k: np.full_like(q, (1.0 + a ** (2 * k)) / 2.0),
        pair=pair,
        slope_pair=slope_pair,
        gap=gap,
    )


def _erf_pair(q1: Values, q2: Values, c: Values) -> Values:
    ratio = 2.0 * np.sqrt(q1 * q2) * c / np.sqrt((1.0 + 2.0 * q1) * (1.0 + 2.0 * q2))
    result: Values = 2.0 / math.pi * np.arcsin(ratio)
    return result


def _erf_slope_pair(q1: Values, q2: Values, c: Values) -> Values:
    # (1 + 2 q1)(1 + 2 q2) - 4 q1 q2 c^2, expanded
    result: Values = (4.0 / math.pi) / np.sqrt(1.0 + 2.0 * (q1 + q2) + 4.0 * q1 * q2 * (1.0 - c) * (1.0 + c))
    return result


def _erf_gap(q: Values, d: Values) -> Values:
    # sin of the difference of the two arcsines, for d in [0, 1]
    high = 2.0 * q / (1.0 + 2.0 * q)
    low = high * (1.0 - d)
    cos_high = np.sqrt(1.0 + 4.0 * q) / (1.0 + 2.0 * q)
    cos_low = np.sqrt((1.0 - low) * (1.0 + low))
    sum_ = high * cos_low + low * cos_high
    sine = np.divide(high * high * d * (2.0 - d), sum_, out=np.zeros_like(sum_), where=sum_ > 0)
    result: Values = 2.0 / math.pi * np.arcsin(np.minimum(sine, 1.0))
    return result


def _sin_slope(q: Values, k: int) -> Values:
    """E cos^(2k): the binomial sum of E cos(2 j u) = exp(-2 j^2 q)."""
    total: Values = np.full_like(q, float(math.comb(2 * k, k)))
    for j in range(1, k + 1):
        total = total + 2.0 * math.comb(2 * k, k - j) * np.exp(-2.0 * j * j * q)
    return total / 4.0**k


def _sin_pair(q1: Values, q2: Values, c: Values) -> Values:
    both, shared = (q1 + q2) / 2.0, np.sqrt(q1 * q2) * c
    result: Values = (np.exp(shared - both) - np.exp(-shared - both)) / 2.0
    return result


def _sin_slope_pair(q1: Values, q2: Values, c: Values) -> Values:
    both, shared = (q1 + q2) / 2.0, np.sqrt(q1 * q2) * c
    result: Values = (np.exp(shared - both) + np.exp(-shared - both)) / 2.0
    return result


def _sin_gap(q: Values, d: Values) -> Values:
    result: Values = -np.expm1(-q * d) * (1.0 + np.exp(-q * (2.0 - d))) / 2.0
    return result


def _gelu_second(q: Values) -> Values:
    root = np.sqrt(1.0 + 2.0 * q)
    result: Values = q * (0.25 + (q / ((1.0 + q) * root) + np.arctan(q / root) / 2.0) / math.pi)
    return result


def _hardtanh_inside(q: Values) -> tuple[Values, Values]:
    """Return the probability of |u| < 1, and 2 a p(a) at a = 1 / sqrt(q)."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = 1.0 / np.sqrt(q)
        edge = np.where(q > 0, 2.0 * a * np.exp(-a * a / 2.0) / math.sqrt(2.0 * math.pi), 0.0)
    return erf(a / math.sqrt(2.0)), np.nan_to_num(edge)


def _hardtanh_second(q: Values) -> Values:
    inside, edge = _hardtanh_inside(q)
    return q * (inside - edge) + (1.0 - inside)


_NONE = Closed()
_FORMS: dict[str, Closed] = {
    "linear": _leaky(1.0),
    "relu": _leaky(0.0),
    "erf": Closed(
        mean=np.zeros_like,
        second=lambda q: 2.0 / math.pi * np.arcsin(2.0 * q / (1.0 + 2.0 * q)),
        slope=lambda q, k: (4.0 / math.pi) ** k / np.sqrt(1.0 + 4.0 * k * q),
        pair=_erf_pair,
        slope_pair=_erf_slope_pair,
        gap=_erf_gap,
    ),
    "sin": Closed(
        mean=np.zeros_like,
        second=lambda q: -np.expm1(-2.0 * q) / 2.0,
        slope=_sin_slope,
        pair=_sin_pair,
        slope_pair=_sin_slope_pair,
        gap=_sin_gap,
    ),
    "gelu": Closed(mean=lambda q: q / np.sqrt(2.0 * math.pi * (1.0 + q)), second=_gelu_second),
    "hardtanh": Closed(
        mean=np.zeros_like, second=_hardtanh_second, slope=lambda q, k: _hardtanh_inside(q)[0]
    ),
    "tanh": Closed(mean=np.zeros_like),
    "softsign": Closed(mean=np.zeros_like),
}
