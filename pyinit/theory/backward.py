"""The way back of a network in mean-field theory: second moments of gradients, with normalization and skips.

A gradient's second moment goes from layer l + 1 to layer l by sigma_w^2 E[phi'^2] n_(l+1) / n_l, divided by
the variance that normalization divided by, plus what comes along the skip.

References
----------
Schoenholz et al., "Deep information propagation", ICLR 2017, eq. 11; Yang et al., ICLR 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .law import InputMoments
from .state import HUGE, SMALL, TINY, State

__all__ = ["Gradient", "OutputGradient", "backward"]

# of a gradient's square: beyond, batch normalization takes out what theory takes for independent
_SHARED = 0.1


@dataclass(frozen=True)
class OutputGradient:
    """Where the way back begins.

    Parameters
    ----------
    second_moment, mean : float
        Of the gradient with respect to the last layer's pre-activation.
    of_weight : float
        Second moment of the gradient with respect to the last layer's weight.
    entering : float
        Second moment of what entered the last layer.
    """

    second_moment: float
    mean: float
    of_weight: float
    entering: float


@dataclass(frozen=True)
class Gradient:
    """What theory finds of one layer's gradients.

    Parameters
    ----------
    second_moment : float
        Of the gradient with respect to the pre-activation.
    log_variance : float
        Variance of its logarithm over draws of the weights.
    of_weight, log_variance_of_weight : float
        The same for the gradient with respect to one weight.
    knows_weight : bool
        Whether what entered the layer is known, which the gradient of its weight depends on.
    is_drawn : bool
        Whether chance alone makes a finite network differ.
    """

    second_moment: float
    log_variance: float
    of_weight: float
    log_variance_of_weight: float
    knows_weight: bool
    is_drawn: bool


@dataclass(frozen=True)
class _Way:
    """A gradient on its way: its second moment by the pre-activation and by z; mean and log variance by z."""

    inner: float
    z: float
    mean: float
    log: float


def backward(states: Sequence[State], inputs: InputMoments, output: OutputGradient) -> list[Gradient | None]:
    """Return the gradients of each layer, relative to those at the output; None where they are not known.

    From a batch normalization back they are not known where the output's gradient has one sign: it takes out
    what rows share, which is nearly all. Neither are they where theory lost the signal.
    """
    last = len(states) - 1
    squares = _entering_squares(states, inputs)
    divisor = states[last].divisor
    way = _Way(output.second_moment, output.second_moment / divisor, output.mean / math.sqrt(divisor), 0.0)
    # what entered the last layer was measured, too
    whole = states[last - 1].square if last else inputs.second_moment
    share = squares[last] / max(whole, TINY)
    reference = way.z * output.entering * share * states[last].law.scale ** 2
    with_mean = any(state.law.weight.mean for state in states)
    is_lost = not all(state.knows_phi for state in states[:-1]) or (
        with_mean and any(state.law.norm for state in states)
    )
    is_shared = output.mean**2 > _SHARED * output.second_moment
    found: list[Gradient | None] = [None] * len(states)
    for at in reversed(range(len(states))):
        state = states[at]
        if at < last:
            if is_lost or (is_shared and state.law.norm == "batch"):
                break
            way = _passed_back(states[at + 1], state, way)
        ratio = way.z * squares[at] * state.law.scale**2 / reference if reference else 0.0
        found[at] = Gradient(
            way.z if state.law.norm is None else way.inner,
            way.log,
            min(output.of_weight * ratio, HUGE),
            way.log + (states[at - 1].log_h if at else 0.0),
            at == 0 or states[at - 1].knows_phi,
            states[-1].is_drawn,
        )
    return found


def _entering_squares(states: Sequence[State], inputs: InputMoments) -> list[float]:
    """Return the mean square of what entered each layer, as far as the gradient of its weight sees it.

    Behind batch normalization the gradient with respect to z sums to 0 over the rows, so of what entered only
    the part that varies over them counts.
    """
    squares, is_centred = [], False
    for at in reversed(range(len(states))):
        before = states[at - 1] if at else None
        by_skip = at + 1 < len(states) and states[at + 1].law.branch is not None
        is_centred = states[at].law.norm == "batch" and (is_centred or not by_skip)
        whole, varying = (
            (inputs.second_moment, inputs.batch_variance)
            if before is None
            else (before.square, before.varying)
        )
        squares.append(varying if is_centred else whole)
    return squares[::-1]


def _passed_back(after: State, state: State, way: _Way) -> _Way:
    law, moments, divisor = after.law, state.moments, state.divisor
    spread = law.scale**2 * law.units * law.weight.std**2 * way.z
    shared = law.scale * law.units * law.weight.mean * way.mean
    inner = min((spread + shared**2) * moments.slope_square, HUGE)
    # a unit's gradient squared is that of a normal number, times the slope's
    fresh = 3.0 * moments.slope_fourth / max(moments.slope_square, SMALL) ** 2 - 1.0
    by_skip = law.branch is not None
    total = min(inner / divisor + (way.z if by_skip else 0.0), HUGE)
    share = inner / divisor / max(total, TINY)
    # both ways carry the same fluctuations
    log = way.log + share**2 * max(fresh, 0.0) / state.law.units
    mean = shared * moments.slope / math.sqrt(divisor) + (way.mean if by_skip else 0.0)
    return _Way(inner, total, mean, log)
