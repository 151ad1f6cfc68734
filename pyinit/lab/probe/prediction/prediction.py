"""What mean-field theory predicts of every layer of a network, with the bands of its finite widths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ....errors import RecipeError
from ....theory.backward import Gradient, OutputGradient, backward
from ....theory.forward import forward
from ....theory.law import InputMoments, LayerLaw
from ....theory.state import State
from ..measure.facts import LayerFacts
from ..measure.measure import Measured
from .band import band, band_of_weight

__all__ = ["Prediction", "expected", "predicted"]


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
        The second moment of a network of these widths lies between them, within 2 standard deviations of its
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
    facts: tuple[LayerFacts, ...], inputs: InputMoments, output: OutputGradient | None
) -> tuple[dict[str, Prediction], ...]:
    """Return the predictions of each layer by kind; `output` is what was measured at the last layer.

    Gradients are predicted relative to the last layer's measured one, weights by their plan. The prediction
    of the weight gradient is for one row, and for more rows where these are as alike in every layer.
    Gradients are left out where theory's recursion does not know them.

    A mean of the weights passes on each row's sum: behind it nothing is predicted where rows differ in
    theirs, until a layer normalization takes out what units share.

    Raises
    ------
    RecipeError
        If an activation is too rough to be integrated.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        states = _followed(tuple(one.law for one in facts), inputs)
        found = [_of_forward(state) for state in states]
        if output is not None:
            for own, gradient in zip(found, backward(states, inputs, output), strict=True):
                own |= _of_backward(gradient)
    return tuple(found)


def expected(
    facts: tuple[LayerFacts, ...], x: npt.NDArray[Any], found: Measured
) -> tuple[dict[str, Prediction], ...]:
    """Return what theory predicts of a network on rows, from what was measured of the last layer."""
    last = found.layers[-1]
    output = None
    if "gradient" in last:
        gradient, of_weight = last["gradient"], last["weight gradient"].second_moment
        entering = found.layers[-2]["activation"] if len(found.layers) > 1 else found.inputs
        output = OutputGradient(gradient.second_moment, gradient.mean, of_weight, entering.second_moment)
    batch = 0.0
    if any(one.layer.norm == "batch" for one in facts):
        batch = float(x.var(axis=0, dtype=np.float64).mean())
    inputs = found.inputs
    sums = float(np.square(x.sum(axis=1, dtype=np.float64)).mean())
    try:
        return predicted(facts, InputMoments(inputs.second_moment, inputs.mean, batch, sums), output)
    except RecipeError:
        # a function that is too rough to integrate still has its measurements
        return tuple({} for _ in facts)


@lru_cache(maxsize=64)
def _followed(laws: tuple[LayerLaw, ...], inputs: InputMoments) -> tuple[State, ...]:
    """Return the states of each layer, which are the same for every key that a network is probed under."""
    return tuple(forward(laws, inputs))


def _of_forward(state: State) -> dict[str, Prediction]:
    law, weight = state.law, state.law.weight
    inner = state.inner + state.inner_mean**2
    # normalization leaves of it what epsilon is of the variance
    left = law.epsilon / state.divisor if law.norm is not None else 1.0
    ends = band_of_weight(weight, law.inputs * law.units)
    found = {"weight": Prediction(weight.mean, weight.std**2, weight.second_moment, *ends)}
    if state.knows_entering:
        ends = band(inner, left**2 * state.log_z, state.is_drawn)
        found["pre-activation"] = Prediction(state.inner_mean, state.inner, inner, *ends)
    if state.knows_phi:
        average = state.moments.average
        variance = max(state.square - average**2, 0.0)
        ends = band(state.square, state.log_h, state.is_drawn)
        found["activation"] = Prediction(average, variance, state.square, *ends)
    return found


def _of_backward(gradient: Gradient | None) -> dict[str, Prediction]:
    if gradient is None:
        return {}
    ends = band(gradient.second_moment, gradient.log_variance, gradient.is_drawn)
    found = {"gradient": Prediction(None, None, gradient.second_moment, *ends)}
    if gradient.knows_weight:
        ends = band(gradient.of_weight, gradient.log_variance_of_weight, gradient.is_drawn)
        found["weight gradient"] = Prediction(None, None, gradient.of_weight, *ends)
    return found
