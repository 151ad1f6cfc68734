"""Rational approximations near minimax, with float32 coefficients, in multiple precision.

`rational(function, weight, interval, top, bottom, base)` returns p[0..top] and q[0..bottom], all of them
float32 numbers, that make max |weight(x) (function(x) - (base + p(x)) / q(x))| small on the interval, and
that maximum. With base 1, p[0] is as small as the rounding of q[0], and x + x p(x) loses nothing near 0.

Why two steps: the exchange of Remez loses its alternation on rationals from any but a close start. So the
denominator comes from least squares, reweighted (Sanathanan-Koerner, then Lawson), and is rounded; the
numerator is then the true minimax polynomial for that rounded denominator.

References
----------
C. K. Sanathanan, J. Koerner 1963; C. L. Lawson 1961; Y. Nakatsukasa, O. Sete, L. N. Trefethen 2018,
The AAA algorithm for rational approximation, section 10.
"""

import mpmath as mp
import numpy as np
from minimax import Function, Real, remez

GRID = 240
SANATHANAN_KOERNER, LAWSON = 8, 12


def float32(value: Real) -> Real:
    return mp.mpf(float(np.float32(mp.nstr(value, 60))))


def rational(
    function: Function, weight: Function, interval: tuple[Real, Real], top: int, bottom: int, base: int
) -> tuple[list[Real], list[Real], Real]:
    low, high = (mp.mpf(end) for end in interval)
    points = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / GRID) for k in range(GRID + 1)]
    values = [function(x) for x in points]
    weights = [weight(x) for x in points]
    start = function(low)
    first = base / start if base else mp.mpf(1)
    q = [float32(first * c) for c in _denominator(points, values, weights, top, bottom)]
    # What remains when the first coefficient is taken as exact; `low` is not quite 0.
    known = start * q[0] - base
    if abs(known) < low:
        known = mp.mpf(0)
    rest, _ = remez(
        lambda x: (function(x) * _at(q, x) - base - known) / x,
        lambda x: weight(x) * x / _at(q, x),
        interval,
        top - 1,
        GRID,
    )
    p = [float32(known), *(float32(c) for c in rest)]
    errors = (
        w * (f - (base + _at(p, x)) / _at(q, x)) for x, f, w in zip(points, values, weights, strict=True)
    )
    return p, q, max(abs(e) for e in errors)


def _denominator(
    points: list[Real], values: list[Real], weights: list[Real], top: int, bottom: int
) -> list[Real]:
    """Least squares of weight (p - f q) / q', q' being the q of the round before, then Lawson's weights."""
    q_values = [mp.mpf(1)] * len(points)
    lawson = [mp.mpf(1)] * len(points)
    best, least = [mp.mpf(1)], mp.inf
    for step in range(SANATHANAN_KOERNER + LAWSON):
        scales = [w * mp.sqrt(v) / abs(q) for w, v, q in zip(weights, lawson, q_values, strict=True)]
        p, q = _least_squares(points, values, scales, top, bottom)
        q_values = [_at(q, x) for x in points]
        errors = [
            abs(w * (f - _at(p, x) / d)) for w, f, x, d in zip(weights, values, points, q_values, strict=True)
        ]
        largest = max(errors)
        if largest < least:
            best, least = q, largest
        if step >= SANATHANAN_KOERNER:
            lawson = [v * e / largest + mp.mpf("1e-12") for v, e in zip(lawson, errors, strict=True)]
    return best


def _least_squares(
    points: list[Real], values: list[Real], scales: list[Real], top: int, bottom: int
) -> tuple[list[Real], list[Real]]:
    size = top + 1 + bottom
    normal, right = mp.zeros(size, size), mp.zeros(size, 1)
    for x, f, scale in zip(points, values, scales, strict=True):
        row = [x**k for k in range(top + 1)] + [-f * x**k for k in range(1, bottom + 1)]
        for i in range(size):
            right[i] += row[i] * f * scale**2
            for j in range(size):
                normal[i, j] += row[i] * row[j] * scale**2
    solution = mp.lu_solve(normal, right)
    p = [solution[k] for k in range(top + 1)]
    return p, [mp.mpf(1), *(solution[top + k] for k in range(1, bottom + 1))]


def _at(coefficients: list[Real], x: Real) -> Real:
    return mp.polyval(coefficients[::-1], x)
