"""What mean-field theory says of every layer of a network, norms and skips included, with finite-width bands.

Forward as `mean_field` says. Backward, a gradient's second moment by sigma_w^2 E[phi'^2] n_(l+1) / n_l,
divided by the variance that normalization divided by, plus what comes along the skip. A stack without either
is `pyinit.theory.propagate`, up to what a mean of the weights does to gradients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..normalization import EPSILON
from .band import band, band_of_weight
from .facts import LayerFacts
from .mean_field import Entering, State, branch_of, forward

__all__ = ["Prediction", "predicted"]

_TINY = 1e-300
# its square is not 0
_SMALL = 1e-150
_HUGE = 1e300
# of a gradient's square: beyond, batch normalization takes out what theory takes for independent
_SHARED = 0.1


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


def predicted(
    facts: Sequence[LayerFacts], entering: Entering, anchor: dict[str, float] | None
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
        states = forward(tuple(facts), entering)
        found = [_of_forward(state) for state in states]
        if anchor is not None:
            _gradients(states, found, anchor, entering)
    return tuple(found)


def _of_forward(state: State) -> dict[str, Prediction]:
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
    states: list[State], found: list[dict[str, Prediction]], anchor: dict[str, float], entering: Entering
) -> None:
    last = len(states) - 1
    squares = _squares(states, entering)
    divisor = states[last].numbers.get("divisor", 1.0)
    inner, mean, log = anchor["gradient"], anchor["gradient mean"] / math.sqrt(divisor), 0.0
    z = inner / divisor
    # what entered the last layer was measured, too
    whole = states[last - 1].square if last else entering.second_moment
    reference = z * anchor["entering"] * (squares[last] / max(whole, _TINY)) * branch_of(states[last]) ** 2
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
        ratio = z * squares[at] * branch_of(state) ** 2 / reference if reference else 0.0
        of_weight = min(anchor["weight gradient"] * ratio, _HUGE)
        both = log + (states[at - 1].numbers["log h"] if at else 0.0)
        seen = z if state.layer.norm is None else inner
        found[at]["gradient"] = Prediction(None, None, seen, *band(seen, log, is_drawn))
        if at and not states[at - 1].knows_phi:
            continue
        found[at]["weight gradient"] = Prediction(None, None, of_weight, *band(of_weight, both, is_drawn))


def _squares(states: list[State], entering: Entering) -> list[float]:
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
    after: State, state: State, z: float, mean: float, log: float
) -> tuple[float, float, float, float]:
    """Return the square of the gradient by what enters phi, then its square, mean and log variance by z."""
    numbers, divisor = state.numbers, state.numbers.get("divisor", 1.0)
    spread = branch_of(after) ** 2 * after.layer.units * after.weight.std**2 * z
    shared = branch_of(after) * after.layer.units * after.weight.mean * mean
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
