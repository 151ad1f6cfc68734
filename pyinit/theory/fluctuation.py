"""What a finite width adds to mean-field theory: variances of logarithms, to first order in 1 / width.

A layer's mean square over n units varies by Var(phi^2) / (n E[phi^2]^2) of itself, and passes on what varied
before it by the square of d ln E[phi^2] / d ln q.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .activation import Activation
from .domain import Rows, Values
from .gaussian import expectation_of_rows
from .state import TINY, ActivationMoments, State

__all__ = ["fill_in_fluctuations", "moments_of"]

# two lines that meet at 0
_BENT = ("linear", "relu", "leaky_relu")


def fill_in_fluctuations(states: Sequence[State]) -> None:
    """Fill in the moments of every layer, in one sweep for each activation, and the log variances."""
    for phi in {state.law.activation for state in states}:
        chosen = [state for state in states if state.law.activation == phi]
        variance, mean, square = (
            np.array([getattr(state, name) for state in chosen]) for name in ("inner", "inner_mean", "square")
        )
        for state, moments in zip(chosen, moments_of(phi, variance, mean, square), strict=True):
            state.moments = moments
    z = h = 0.0
    for state in states:
        n, q = state.law.units, max(state.variance + state.mean**2, TINY)
        # what came in varies the square of z, and its variance, of which the mean of a bias is no part
        given, answered = _passed_on(state, q, z, h), _passed_on(state, max(state.variance, TINY), z, h)
        # given its input, a unit's square is that of a normal number
        z = given + 2.0 / n * max((state.variance / q) ** 2 - (state.skipped / q) ** 2, 0.0)
        response = 0.0 if state.law.norm is not None else state.moments.response
        h = state.moments.kurtosis / n + response**2 * answered
        if state.skipped:
            h = max(h, response**2 * z)
        state.log_z, state.log_h = z, h


def _passed_on(state: State, whole: float, z: float, h: float) -> float:
    """Return how much the logarithm of `whole` varies by what z and phi of the layer before vary."""
    # these move together
    return (state.passed / whole * math.sqrt(h) + state.skipped / whole * math.sqrt(z)) ** 2


def moments_of(phi: Activation, variance: Values, mean: Values, square: Values) -> list[ActivationMoments]:
    """Return the moments of phi for each mean and variance; `square` is E[phi^2]."""
    if phi.is_builtin and phi.name in _BENT and not mean.any():
        return _bent(phi, variance)
    # whose square has lost its digits is as good as 0
    variance = np.where(variance > TINY, variance, 0.0)
    held = np.maximum(square, TINY)
    scale, count = np.sqrt(held), len(variance)
    integrands: tuple[Callable[[Values, Values, Values, Rows], Values], ...] = (
        lambda u, value, slope, at: value,
        lambda u, value, slope, at: slope,
        lambda u, value, slope, at: slope**2,
        lambda u, value, slope, at: slope**4,
        lambda u, value, slope, at: (value / scale[at]) ** 4,
        lambda u, value, slope, at: value * slope * (u - mean[at]) / held[at],
    )

    def all_of_them(u: Values, row: Rows) -> Values:
        value, slope, result = phi.value(u), phi.slope(u), np.empty_like(u)
        which, at = row // count, row[:, None] % count
        for position, integrand in enumerate(integrands):
            here = which == position
            result[here] = integrand(u[here], value[here], slope[here], at[here])
        return result

    times = len(integrands)
    at_all = np.tile(variance, times), np.tile(mean, times)
    wary = not phi.is_builtin and not phi.kinks
    found = expectation_of_rows(all_of_them, *at_all, phi.kinks, phi.precision, wary=wary)
    found = found.reshape(times, count)
    found[4] = np.maximum(found[4] - 1.0, 0.0)
    found[5] = np.where(variance > 0.0, found[5], 0.0)
    return [ActivationMoments(*column) for column in found.T.tolist()]


def _bent(phi: Activation, variance: Values) -> list[ActivationMoments]:
    """Return the same for two lines that meet at 0, without integrals."""
    left, right = (float(slope) for slope in phi.slope(np.array([-1.0, 1.0])))
    second, fourth = (left**2 + right**2) / 2.0, (left**4 + right**4) / 2.0
    average = (right - left) * np.sqrt(variance / (2.0 * math.pi))
    nothing = ActivationMoments(0.0, (left + right) / 2.0, second, fourth)
    some = replace(nothing, kurtosis=3.0 * fourth / second**2 - 1.0, response=1.0)
    return [
        replace(some if q > 0.0 else nothing, average=one)
        for q, one in zip(variance.tolist(), average.tolist(), strict=True)
    ]
