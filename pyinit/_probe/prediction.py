"""What mean-field theory says of every layer of a network, norms and skips included, with finite-width bands.

Forward, q = sigma_w^2 E[phi^2] + sigma_b^2, added to the skip's q where there is one; after normalization
phi sees variance 1. Backward, a gradient's second moment by sigma_w^2 E[phi'^2] n_(l+1) / n_l, divided by the
variance that normalization divided by, plus what comes along the skip. A stack without either is
`pyinit.theory.propagate`, up to what a mean of the weights does to gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..activation import Activation
from ..dense import Dense
from ..network import Network
from ..normalization import EPSILON
from ..theory.domain import Values
from ..theory.gaussian import expectation
from ..theory.moments import second_moment
from .band import band, band_of_weight
from .integrals import integrals
from .weights import Spread, spread_of

__all__ = ["Entering", "Prediction", "predicted"]

_TINY = 1e-300
# its square is not 0
_SMALL = 1e-150
_HUGE = 1e300
# of a gradient's square: beyond, batch normalization takes out what theory takes for independent
_SHARED = 0.1
# of the square of what enters phi, by which rows may differ in what a mean of the weights makes of them
_ALIKE = 0.25


@dataclass(frozen=True)
class Prediction:
    """What theory predicts of one kind of one layer.

    Parameters
    ----------
    mean, variance : float or None
        None for gradients, of which theory knows the second moment alone.
    second_moment : float
        For infinite widths.
    low, high : float or None
        Between which the second moment of a network of these widths lies, within 2 standard deviations of its
        logarithm: to first order in 1 / width, for one row; and 1e-4 of it further, for rounding. None where
        chance is not all that decides: behind weights that are not drawn or have a mean, and where the
        logarithm's variance is beyond 16.
    """

    mean: float | None
    variance: float | None
    second_moment: float
    low: float | None
    high: float | None


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
class _State:
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


def predicted(
    network: Network, entering: Entering, anchor: dict[str, float] | None
) -> tuple[dict[str, Prediction], ...]:
    """Return the predictions of each layer by kind; `anchor` is what was measured at the last layer.

    Gradients are predicted relative to the last layer's measured one, weights by their plan. Of the weight
    gradient the prediction is for one row, and for more where rows are as alike in every layer. Gradients are
    left out from a batch normalization back where the output's gradient has one sign, as ones have: there it
    takes out what rows share, which is nearly all.

    A mean of the weights passes on each row's sum: behind it nothing is predicted where rows differ in
    theirs, until a layer normalization takes out what units share.

    Raises
    ------
    RecipeError
        If an activation is too rough to be integrated.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        states = _forward(network, entering)
        _fluctuations(states)
        found = [_of_forward(state) for state in states]
        if anchor is not None:
            _gradients(states, found, anchor, entering)
    return tuple(found)


def _forward(network: Network, entering: Entering) -> list[_State]:
    average, square, batch = entering.mean, entering.second_moment, entering.batch_variance
    states: list[_State] = []
    spreads = [spread_of(layer.recipe, (layer.inputs, layer.units), None) for layer in network.layers]
    is_shared = any(spread.mean for spread in spreads)
    for layer, weight in zip(network.layers, spreads, strict=True):
        bias = spread_of(layer.bias, (layer.units,), None)
        fan, before = layer.inputs, states[-1] if states else None
        mean = weight.mean * fan * average + bias.mean
        passed = weight.std**2 * fan * square
        variance, over_rows = passed + bias.std**2, weight.std**2 * fan * batch
        state = _State(layer, weight, mean, variance)
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
    state: _State, before: _State | None, bias: Spread, average: float, square: float, sums: float | None
) -> None:
    """Fill in what rows differ in, and how far theory can follow."""
    layer, weight = state.layer, state.weight
    # of independent features or units
    spread = layer.inputs * (square - average**2)
    if before is None and sums is not None:
        spread = sums - (layer.inputs * average) ** 2
    state.between = min((_branch(state) * weight.mean) ** 2 * max(spread, 0.0), _HUGE)
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


def _normalize(state: _State) -> None:
    norm, state.inner_mean = state.layer.norm, state.mean
    state.inner = min(state.variance + state.between, _HUGE)
    if norm is None:
        return
    divisor = (state.batch + state.between if norm == "batch" else state.variance) + EPSILON
    state.numbers["divisor"] = divisor
    state.inner_mean, state.inner = 0.0, (divisor - EPSILON) / divisor


def _fluctuations(states: list[_State]) -> None:
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


def _of_forward(state: _State) -> dict[str, Prediction]:
    numbers, layer, weight = state.numbers, state.layer, state.weight
    inner = state.inner + state.inner_mean**2
    # normalization leaves of it what EPSILON is of the variance
    left = EPSILON / numbers["divisor"] if layer.norm is not None else 1.0
    found = {
        "weight": Prediction(
            weight.mean,
            weight.std**2,
            weight.second_moment,
            *band_of_weight(weight, layer.inputs * layer.units),
        ),
    }
    if state.knows_entering:
        ends = band(inner, left**2 * numbers["log z"], state.is_drawn)
        found["pre-activation"] = Prediction(state.inner_mean, state.inner, inner, *ends)
    if state.knows_phi:
        variance = max(state.square - state.average**2, 0.0)
        ends = band(state.square, numbers["log h"], state.is_drawn)
        found["activation"] = Prediction(state.average, variance, state.square, *ends)
    return found


def _gradients(
    states: list[_State], found: list[dict[str, Prediction]], anchor: dict[str, float], entering: Entering
) -> None:
    last = len(states) - 1
    squares = _squares(states, entering)
    divisor = states[last].numbers.get("divisor", 1.0)
    inner, mean, log = anchor["gradient"], anchor["gradient mean"] / math.sqrt(divisor), 0.0
    z = inner / divisor
    # what entered the last layer was measured, too
    whole = states[last - 1].square if last else entering.second_moment
    reference = z * anchor["entering"] * (squares[last] / max(whole, _TINY)) * _branch(states[last]) ** 2
    with_mean = any(state.weight.mean for state in states)
    is_lost = not all(state.knows_phi for state in states[:-1]) or (
        with_mean and any(state.layer.norm for state in states)
    )
    is_drawn = states[-1].is_drawn
    is_shared = anchor["gradient mean"] ** 2 > _SHARED * anchor["gradient"]
    for at in reversed(range(len(states))):
        state = states[at]
        if at < last:
            if is_lost or (is_shared and state.layer.norm == "batch"):
                return
            inner, z, mean, log = _passed_back(states[at + 1], state, z, mean, log)
        ratio = z * squares[at] * _branch(state) ** 2 / reference if reference else 0.0
        of_weight = min(anchor["weight gradient"] * ratio, _HUGE)
        both = log + (states[at - 1].numbers["log h"] if at else 0.0)
        seen = z if state.layer.norm is None else inner
        found[at]["gradient"] = Prediction(None, None, seen, *band(seen, log, is_drawn))
        if at and not states[at - 1].knows_phi:
            continue
        found[at]["weight gradient"] = Prediction(None, None, of_weight, *band(of_weight, both, is_drawn))


def _squares(states: list[_State], entering: Entering) -> list[float]:
    """Return the mean square of what a gradient by each layer's z meets on its way to the weight.

    Behind batch normalization that gradient sums to 0 over the rows, so of what entered only the part that
    varies over them counts.
    """
    squares, is_centred = [], False
    for at in reversed(range(len(states))):
        layer, before = states[at].layer, states[at - 1] if at else None
        by_skip = at + 1 < len(states) and states[at + 1].layer.branch is not None
        is_centred = layer.norm == "batch" and (is_centred or not by_skip)
        whole, apart = (
            (entering.second_moment, entering.batch_variance)
            if before is None
            else (before.square, before.apart)
        )
        squares.append(apart if is_centred else whole)
    return squares[::-1]


def _passed_back(
    after: _State, state: _State, z: float, mean: float, log: float
) -> tuple[float, float, float, float]:
    """Return the square of the gradient by what enters phi, then its square, mean and log variance by z."""
    numbers, divisor = state.numbers, state.numbers.get("divisor", 1.0)
    spread = _branch(after) ** 2 * after.layer.units * after.weight.std**2 * z
    shared = _branch(after) * after.layer.units * after.weight.mean * mean
    inner = min((spread + shared**2) * numbers["slope square"], _HUGE)
    # a unit's gradient squared is that of a normal number, times the slope's
    fresh = 3.0 * numbers["slope fourth"] / max(numbers["slope square"], _SMALL) ** 2 - 1.0
    by_skip = after.layer.branch is not None
    total = min(inner / divisor + (z if by_skip else 0.0), _HUGE)
    share = inner / divisor / max(total, _TINY)
    # both ways carry the same fluctuations
    log = log + share**2 * max(fresh, 0.0) / state.layer.units
    mean = shared * numbers["slope"] / math.sqrt(divisor) + (mean if by_skip else 0.0)
    return inner, total, mean, log


def _branch(state: _State) -> float:
    return 1.0 if state.layer.branch is None else state.layer.branch
