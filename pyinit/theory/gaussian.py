"""Expectations of functions of one or two Gaussian variables, to about 1e-12, kinks included.

One variable: panels that grow away from the function's own features, edges at its kinks, halved where it
matters (`quadrature.integrals`); the Gaussian is cut at 12 standard deviations, which leaves out 1e-32 of the
mass. Two variables of correlation c: given their shared part they are independent, so that

    E[f(u1) f(u2)] = E_x[m(x) m(+-x)],  m(x) = E_y[f(sqrt(q) (sqrt(|c|) x + sqrt(1 - |c|) y))],

and E[f(u)^2] - E[f(u1) f(u2)] = E_x[Var_y f] has no subtraction, which keeps its digits as c goes to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..errors import RecipeError
from .domain import Rows, Values
from .quadrature import integrals

__all__ = ["covariance", "expectation", "expectation_of_rows", "spread"]

Function = Callable[[Values], Values]

_REACH = 12.0
_PANELS = 16
_STEPS = np.linspace(0.0, 1.0, _PANELS + 1)
# rows at a time: a few MB of nodes
_ROWS = 1024
# from the width of a kink to 1 in so many panels
_GROWTH = 8
# the error of inner integrals that outer ones do not chase
_NESTED = 1e-11


def expectation(
    f: Function, variance: Values, mean: Values, kinks: tuple[float, ...] = (), precision: float = 0.0
) -> Values:
    """Return E[f(mean + sqrt(variance) z)], z standard normal, of flat arrays of one shape.

    If no kinks are given, they are searched for: the author of the function may not have stated them.
    """
    return expectation_of_rows(lambda u, row: f(u), variance, mean, kinks, precision, wary=not kinks)


def expectation_of_rows(
    f: Callable[[Values, Rows], Values],
    variance: Values,
    mean: Values,
    kinks: tuple[float, ...] = (),
    precision: float = 0.0,
    *,
    wary: bool = False,
) -> Values:
    """Return the same of f(u, row), where each row has a function of its own."""
    sd = np.sqrt(variance)

    def at(z: Values, row: Rows) -> Values:
        return f(mean[row, None] + sd[row, None] * z, row)

    return _averaged(at, _edges(sd, mean, kinks), precision, wary=wary)


def covariance(
    f: Function, q1: Values, q2: Values, c: Values, kinks: tuple[float, ...] = (), precision: float = 0.0
) -> Values:
    """Return E[f(u1) f(u2)], the variances q1 and q2, the correlation c, of flat arrays of one shape."""
    shared, rest = np.sqrt(np.abs(c)), 1.0 - np.abs(c)
    side = np.where(c < 0, -shared, shared)
    alike = bool(np.array_equal(q1, q2) and (c >= 0).all())

    def smoothed(x: Values, row: Rows, q: Values, part: Values) -> Values:
        mean = (np.sqrt(q) * part)[row, None] * x
        own = np.broadcast_to((q * rest)[row, None], x.shape)
        found = expectation_of_rows(lambda u, _: f(u), own.ravel(), mean.ravel(), kinks, precision)
        return found.reshape(x.shape)

    def at(x: Values, row: Rows) -> Values:
        first = smoothed(x, row, q1, shared)
        return first * (first if alike else smoothed(x, row, q2, side))

    mirrored = kinks if alike else tuple({*kinks, *(-kink for kink in kinks)})
    edges = _edges(np.sqrt(q1) * shared, np.zeros_like(q1), mirrored, _blur(np.abs(c)))
    return _averaged(at, edges, max(precision, _NESTED))


def spread(
    f: Function,
    q: Values,
    distance: Values,
    floor: Values,
    kinks: tuple[float, ...] = (),
    precision: float = 0.0,
) -> Values:
    """Return E[f(u)^2] - E[f(u1) f(u2)] at correlation 1 - distance, distance in [0, 1].

    `floor` is what rounding f leaves of the result: no digits are looked for below it.
    """
    shared = np.sqrt(q * (1.0 - distance))

    def at(x: Values, row: Rows) -> Values:
        middle = (shared[row, None] * x).ravel()
        own = np.broadcast_to((q * distance)[row, None], x.shape).ravel()
        sd, mean = np.sqrt(own), expectation_of_rows(lambda u, _: f(u), own, middle, kinks, precision)

        def square(y: Values, inner: Rows) -> Values:
            result: Values = (f(middle[inner, None] + sd[inner, None] * y) - mean[inner, None]) ** 2
            return result

        # f - mean keeps the rounding errors of f, which are much where f saturates
        rounded = 1e-14 * np.abs(mean)
        lost = rounded * (np.abs(f(middle + sd) - f(middle - sd)) + rounded)
        edges = _edges(sd, middle, kinks)
        return _averaged(square, edges, max(precision, _NESTED), lost).reshape(x.shape)

    edges = _edges(shared, np.zeros_like(q), kinks, _blur(1.0 - distance))
    return _averaged(at, edges, max(precision, 10 * _NESTED), floor)


def _averaged(
    f: Callable[[Values, Rows], Values],
    edges: Values,
    precision: float,
    floor: Values | None = None,
    *,
    wary: bool = False,
) -> Values:
    """Return the mean of f(z, row) over a standard normal z, on each row's panels."""
    result = np.empty(len(edges))
    for start in range(0, len(edges), _ROWS):
        block = slice(start, start + _ROWS)

        def integrand(z: Values, row: Rows, start: int = start) -> Values:
            density: Values = np.exp(-z * z / 2.0) / math.sqrt(2.0 * math.pi)
            return f(z, row + start) * density

        with np.errstate(all="ignore"):
            lost = None if floor is None else floor[block]
            found = integrals(integrand, edges[block], precision, lost, wary=wary)
        if found is None:
            raise RecipeError(
                "theory needs an activation that is piecewise smooth and always gives the same values; "
                "this one is not. Leave out what is random, such as dropout."
            )
        result[block] = found
    return result


def _blur(c: Values) -> Values:
    """Return how wide a kink is after averaging what two variables of correlation c do not share."""
    with np.errstate(divide="ignore"):
        return np.sqrt((1.0 - c) / c)


def _edges(sd: Values, mean: Values, kinks: tuple[float, ...], blur: Values | None = None) -> Values:
    """Return panels of width 1 / sd where mean + sd z is near 0, growing away from there; edges at kinks.

    A blurred kink gets panels of its width on both sides, growing away from it.
    """

    def reached(value: float) -> Values:
        with np.errstate(all="ignore"):
            at = np.clip((value - mean) / sd, -_REACH, _REACH)
        return np.where(np.isnan(at), 0.0, at)

    middle, scale = reached(0.0), np.maximum(sd, 1.0)
    first, last = (np.arcsinh((end - middle) * scale) for end in (-_REACH, _REACH))
    grown = np.sinh(first[:, None] + (last - first)[:, None] * _STEPS) / scale[:, None] + middle[:, None]
    grown[:, 0], grown[:, -1] = -_REACH, _REACH
    edges = [grown]
    for kink in kinks:
        at = reached(kink)[:, None]
        edges.append(at)
        if blur is not None:
            wide = np.clip(blur, 1e-9, 1.0)[:, None] ** np.linspace(1.0, 0.0, _GROWTH)
            edges += [at - 2.0 * wide, at + 2.0 * wide]
    return np.sort(np.clip(np.concatenate(edges, axis=1), -_REACH, _REACH), axis=1)
