"""The way forward of a network in mean-field theory, norms and skips included: what predictions start from.

q = sigma_w^2 E[phi^2] + sigma_b^2, added to the skip's q where there is one; after normalization phi sees
variance 1.

Why it is no call of `pyinit.theory.propagate`, though both take every moment from there: that follows one
variance through one activation, for infinitely many rows. A batch needs more of each layer, every part of
which changes the next: how much of q differs over the rows (batch normalization divides by it, a mean of the
weights passes it on), what a skip carries beside its branch, how far theory can follow, whether only chance
decides. Tests hold the two recursions together where both apply.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..activation import Activation
from ..dense import Dense
from ..normalization import EPSILON
from ..theory.domain import Values
from ..theory.gaussian import expectation
from ..theory.moments import second_moment
from .facts import LayerFacts
from .integrals import integrals
from .weights import Spread

__all__ = ["Entering", "State", "branch_of", "forward"]

_TINY = 1e-300
_HUGE = 1e300
# of the square of what enters phi, by which rows may differ in what a mean of the weights makes of them
_ALIKE = 0.25


@dataclass(frozen=True)
class Entering:
    """What theory needs of the real input: second moment, mean, and variance of a feature over the rows.

    `row_sum_square`, the mean over rows of the square of a row's sum, counts where weights have a mean.
    """

    second_moment: float
    mean: float
    batch_variance: float
    row_sum_square: float | None = None


@dataclass
class State:
    """One layer, while the recursion passes it."""

    layer: Dense
    weight: Spread
    mean: float
    variance: float
    # of z over the rows, of what enters phi
    batch: float = 0.0
    inner_mean: float = 0.0
    inner: float = 0.0
    # of phi: E, E^2, and the part of E^2 that varies over the rows
    average: float = 0.0
    square: float = 0.0
    apart: float = 0.0
    passed: float = 0.0
    skipped: float = 0.0
    # variance over rows of what a mean of the weights makes of them
    between: float = 0.0
    # whether it is known: z, what enters phi, phi; and whether only chance decides
    knows_z: bool = True
    knows_entering: bool = True
    knows_phi: bool = True
    is_drawn: bool = True
    numbers: dict[str, float] = field(default_factory=dict)


@lru_cache(maxsize=64)
def forward(facts: tuple[LayerFacts, ...], entering: Entering) -> list[State]:
    """Return what theory knows of each layer; the same list for every key that a network is probed under."""
    states = _forward(facts, entering)
    _fluctuations(states)
    return states


def _forward(facts: tuple[LayerFacts, ...], entering: Entering) -> list[State]:
    average, square, batch = entering.mean, entering.second_moment, entering.batch_variance
    states: list[State] = []
    is_shared = any(one.weight.mean for one in facts)
    for one in facts:
        layer, weight, bias = one.layer, one.weight, one.bias
        fan, before = layer.inputs, states[-1] if states else None
        mean = weight.mean * fan * average + bias.mean
        passed = weight.std**2 * fan * square
        variance, over_rows = passed + bias.std**2, weight.std**2 * fan * batch
        state = State(layer, weight, mean, variance)
        if layer.branch is not None and before is not None:
            scale = layer.branch**2
            state.mean = before.mean + layer.branch * mean
            state.variance = before.variance + scale * variance
            over_rows = before.batch + scale * over_rows
            passed *= scale
            state.skipped = before.variance
        state.mean = max(-(_HUGE**0.5), min(state.mean, _HUGE**0.5))
        state.variance, state.batch = min(state.variance, _HUGE), min(over_rows, _HUGE)
        state.passed = min(passed, _HUGE)
        _follow(state, before, bias, average, square, entering.row_sum_square)
        _normalize(state)
        phi, at = layer.activation, (np.array([state.inner]), np.array([state.inner_mean]))
        if is_shared or state.inner_mean or layer.norm == "batch":
            state.average = float(expectation(phi.value, *at, phi.kinks, phi.precision)[0])
        if state.inner_mean:
            state.square = float(_square(phi, *at)[0])
        else:
            state.square = float(second_moment(phi, state.inner))
        average, square = state.average, state.square
        # rows that normalization has made independent share the mean only
        batch = state.apart = square - average**2 if layer.norm == "batch" else square
        states.append(state)
    return states


def _follow(
    state: State, before: State | None, bias: Spread, average: float, square: float, sums: float | None
) -> None:
    """Fill in what rows differ in, and how far theory can follow."""
    layer, weight = state.layer, state.weight
    # of independent features or units
    spread = layer.inputs * (square - average**2)
    if before is None and sums is not None:
        spread = sums - (layer.inputs * average) ** 2
    state.between = min((branch_of(state) * weight.mean) ** 2 * max(spread, 0.0), _HUGE)
    whole = state.variance + state.mean**2 + state.between
    is_alike = state.between <= _ALIKE * whole
    follows = before is None or (before.knows_phi and (layer.branch is None or before.knows_z))
    state.knows_z = follows and is_alike
    state.knows_phi = layer.norm == "layer" or state.knows_z
    is_measured = before is not None or sums is not None
    state.knows_entering = layer.norm is not None or (follows and (is_alike or is_measured))
    is_given = not weight.drawn or (bias.std > 0.0 and not bias.drawn)
    state.is_drawn = not (is_given or weight.mean) and (before is None or before.is_drawn)


def _square(phi: Activation, variance: Values, mean: Values) -> Values:
    return expectation(lambda u: phi.value(u) ** 2, variance, mean, phi.kinks, phi.precision)


def _normalize(state: State) -> None:
    norm, state.inner_mean = state.layer.norm, state.mean
    state.inner = min(state.variance + state.between, _HUGE)
    if norm is None:
        return
    divisor = (state.batch + state.between if norm == "batch" else state.variance) + EPSILON
    state.numbers["divisor"] = divisor
    state.inner_mean, state.inner = 0.0, (divisor - EPSILON) / divisor


def _fluctuations(states: list[State]) -> None:
    """Fill in E phi, E phi'^2 and the variances of logarithms, activation by activation."""
    for phi in {state.layer.activation for state in states}:
        chosen = [state for state in states if state.layer.activation == phi]
        variance, mean, square = (
            np.array([getattr(state, name) for state in chosen]) for name in ("inner", "inner_mean", "square")
        )
        found = integrals(phi, variance, mean, square)
        for row, state in enumerate(chosen):
            state.numbers |= {name: float(values[row]) for name, values in found.items()}
            state.average = state.numbers["average"]
    z = h = 0.0
    for state in states:
        n, q = state.layer.units, max(state.variance + state.mean**2, _TINY)
        own, stream = state.passed / q, state.skipped / q
        # given its input, a unit's square is that of a normal number; z and h before it move together
        given = (own * math.sqrt(h) + stream * math.sqrt(z)) ** 2
        fresh = 2.0 / n * max((state.variance / q) ** 2 - stream**2, 0.0)
        z = given + fresh
        response = 0.0 if state.layer.norm is not None else state.numbers["response"]
        h = state.numbers["kurtosis"] / n + response**2 * given
        if stream:
            h = max(h, response**2 * z)
        state.numbers |= {"log z": z, "log h": h}


def branch_of(state: State) -> float:
    """Return what multiplies a layer's product: 1 without a skip."""
    return 1.0 if state.layer.branch is None else state.layer.branch
