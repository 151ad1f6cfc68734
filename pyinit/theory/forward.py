"""The way forward of a network in mean-field theory, with normalization and skips.

q = sigma_w^2 E[phi^2] + sigma_b^2, plus the skip's q where there is one; after normalization phi sees unit
variance. For rows that are alike and layers without either, this is Poole et al.'s length map, which
`pyinit.theory.propagate` projects out of it. A batch of rows needs more of each layer, every part of which
changes the next: how much of q differs between the rows (batch normalization divides by it, a mean of the
weights passes it on), what a skip carries beside its branch, how far theory can follow, and whether only
chance decides.

References
----------
Poole et al., NeurIPS 2016; Yang et al., "A mean field theory of batch normalization", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fluctuation import fill_in_fluctuations
from .gaussian import expectation
from .law import InputMoments, LayerLaw
from .moments import second_moment
from .state import HUGE, State

__all__ = ["forward"]

# theory follows where at most this share of the pre-activation's second moment is what a mean of the weights
# makes of rows that differ
_ALIKE = 0.25


def forward(laws: Sequence[LayerLaw], inputs: InputMoments) -> list[State]:
    """Return what theory finds of each layer, from the first to the last."""
    average, square, batch = inputs.mean, inputs.second_moment, inputs.batch_variance
    states: list[State] = []
    has_mean = any(law.weight.mean for law in laws)
    for law in laws:
        fan, before = law.inputs, states[-1] if states else None
        mean = law.weight.mean * fan * average + law.bias.mean
        passed = law.weight.std**2 * fan * square
        variance, over_rows = passed + law.bias.std**2, law.weight.std**2 * fan * batch
        state = State(law, mean, variance)
        if law.branch is not None and before is not None:
            scale = law.branch**2
            state.mean = before.mean + law.branch * mean
            state.variance = before.variance + scale * variance
            over_rows = before.batch + scale * over_rows
            passed *= scale
            state.skipped = before.variance
        state.mean = max(-(HUGE**0.5), min(state.mean, HUGE**0.5))
        state.variance, state.batch = min(state.variance, HUGE), min(over_rows, HUGE)
        state.passed = min(passed, HUGE)
        _compare_rows(state, before, average, square, inputs)
        _normalize(state)
        average, square = _activate(state, has_mean)
        # rows that normalization has made independent share only the mean
        batch = state.varying = square - average**2 if law.norm == "batch" else square
        states.append(state)
    fill_in_fluctuations(states)
    return states


def _compare_rows(
    state: State, before: State | None, average: float, square: float, inputs: InputMoments
) -> None:
    """Fill in what rows differ in, and how far theory can follow."""
    law, weight, bias = state.law, state.law.weight, state.law.bias
    sums = inputs.row_sum_square
    # of independent features or units
    spread = law.inputs * (square - average**2)
    if before is None and sums is not None:
        spread = sums - (law.inputs * average) ** 2
    if not inputs.are_alike:
        state.between = min((law.scale * weight.mean) ** 2 * max(spread, 0.0), HUGE)
    whole = state.variance + state.mean**2 + state.between
    is_alike = state.between <= _ALIKE * whole
    follows = before is None or (before.knows_phi and (law.branch is None or before.knows_z))
    state.knows_z = follows and is_alike
    state.knows_phi = law.norm == "layer" or state.knows_z
    is_measured = before is not None or sums is not None
    state.knows_entering = law.norm is not None or (follows and (is_alike or is_measured))
    is_given = not weight.drawn or (bias.std > 0.0 and not bias.drawn)
    state.is_drawn = not (is_given or weight.mean) and (before is None or before.is_drawn)


def _normalize(state: State) -> None:
    law, state.inner_mean = state.law, state.mean
    state.inner = min(state.variance + state.between, HUGE)
    if law.norm is None:
        return
    variance = state.batch + state.between if law.norm == "batch" else state.variance
    state.divisor = variance + law.epsilon
    state.inner_mean, state.inner = 0.0, (state.divisor - law.epsilon) / state.divisor


def _activate(state: State, has_mean: bool) -> tuple[float, float]:
    """Return E[phi], where it counts, and E[phi^2]."""
    phi, at = state.law.activation, (np.array([state.inner]), np.array([state.inner_mean]))
    average = 0.0
    if has_mean or state.inner_mean or state.law.norm == "batch":
        average = float(expectation(phi.value, *at, phi.kinks, phi.precision)[0])
    if state.inner_mean:
        found = expectation(lambda u: phi.value(u) ** 2, *at, phi.kinks, phi.precision)
        state.square = float(found[0])
    else:
        state.square = float(second_moment(phi, state.inner))
    return average, state.square
