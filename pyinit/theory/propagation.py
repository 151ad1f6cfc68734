"""A stack of layers in mean-field theory, for rows that are alike: one number a layer of each kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from ..errors import ShapeError
from .activation import activation as resolved
from .backward import OutputGradient, backward
from .band import log_normal_band
from .domain import Values, nonnegative, real, widths_of
from .forward import forward
from .law import InputMoments, LayerLaw, Spread
from .state import TINY

__all__ = ["Propagation", "propagate"]


@dataclass(frozen=True)
class Propagation:
    """What theory predicts of every layer: arrays with one number a layer, from the first to the last.

    Parameters
    ----------
    widths : tuple of int
        Of every layer, without the input.
    mean, variance : ndarray
        Of the pre-activation over a layer's units, for one input; the mean is 0 unless weights or biases have
        one.
    activation_mean, activation_square : ndarray
        E[phi] and E[phi^2].
    slope_square : ndarray
        E[phi'^2].
    chi : ndarray
        sigma_w^2 E[phi'^2], with sigma_w of the next layer (for the last layer, its own): the factor of a
        gradient's variance on its way from the next pre-activation to this one, up to the ratio of widths.
    gradient : ndarray
        Second moment of the gradient with respect to the pre-activation, divided by that of the last layer;
        without what a mean of the weights adds.
    weight_gradient : ndarray
        The same of the gradient with respect to one weight, for one input.
    log_variance : ndarray
        Variance of the logarithm of a layer's mean square activation, over draws of the weights: the effect
        of a finite width, to first order in 1 / width, again without what a mean of the weights adds.

    Examples
    --------
    >>> import pyinit as pi
    >>> found = pi.theory.propagate("tanh", [784, 100, 100], 1.0)
    >>> found.widths, found.q.round(3).tolist()
    ((100, 100), [1.0, 0.394])
    """

    widths: tuple[int, ...]
    mean: Values
    variance: Values
    activation_mean: Values
    activation_square: Values
    slope_square: Values
    chi: Values
    gradient: Values
    weight_gradient: Values
    log_variance: Values

    @property
    def q(self) -> Values:
        """Second moment of the pre-activation, variance + mean^2."""
        return self.variance + self.mean**2

    def band(self, sigmas: float = 2.0) -> tuple[Values, Values]:
        """Return the interval that the mean square activation of a finite network stays in.

        Parameters
        ----------
        sigmas : float
            Half the width of the interval, in standard deviations of the logarithm.

        Returns
        -------
        low, high : ndarray
            One number a layer.
        """
        middle = np.log(np.maximum(self.activation_square, TINY)) - self.log_variance / 2.0
        return log_normal_band(middle, self.log_variance, sigmas)


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def propagate(
    activation: Any,
    widths: Sequence[int],
    mean_square: float = 1.0,
    *,
    sigma_w: Any = 1.0,
    sigma_b: Any = 0.0,
    weight_mean: Any = 0.0,
    input_mean: float = 0.0,
) -> Propagation:
    """Return what mean-field theory predicts of every layer of a network, forward and backward.

    q_1 = sigma_w^2 mean(x^2) + sigma_b^2, q_(l+1) = sigma_w^2 E[phi(sqrt(q_l) z)^2] + sigma_b^2; a gradient's
    second moment goes back by sigma_w^2 E[phi'(sqrt(q_l) z)^2] n_(l+1) / n_l.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    widths : sequence of int
        Of the input and of every layer.
    mean_square : float
        Second moment of the real input (not its variance), over features and rows.
    sigma_w, sigma_b : float or sequence of float
        Weights have variance sigma_w^2 / fan_in, so sigma_w is std * sqrt(fan_in); biases sigma_b^2. One
        number, or one a layer.
    weight_mean : float or sequence of float
        Mean of the weights, which is 0 except for initializations such as U(0, 1). Units then share a large
        mean: that of the weights times the sum of a row. All rows are taken to have the same sum. For
        standardized data, whose sums differ in sign, neither mean nor variance is right.
    input_mean : float
        Mean of the input, which counts only if weights have a mean.

    Returns
    -------
    Propagation
        Arrays with one number a layer. Exact for infinite widths; `band` states how far finite ones differ.
        Variances stop at 1e300.

    Raises
    ------
    ShapeError
        If there are not as many numbers as layers.
    RecipeError
        If a number is negative, not finite, or the activation is unknown.

    References
    ----------
    Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017, eq. 11 (backward); Hanin and Rolnick, "How to
    start training", NeurIPS 2018 (finite width).

    Examples
    --------
    >>> import pyinit as pi
    >>> found = pi.theory.propagate("relu", [784, 100, 100, 10], 0.1, sigma_w=2**0.5)
    >>> found.q.round(6)
    array([0.2, 0.2, 0.2])
    >>> found.gradient.round(6)
    array([0.1, 0.1, 1. ])
    """
    phi, sizes = resolved(activation), widths_of(widths)
    layers = len(sizes) - 1
    w = _by_layer("sigma_w", nonnegative("sigma_w", sigma_w), layers)
    b = _by_layer("sigma_b", nonnegative("sigma_b", sigma_b), layers)
    shift = _by_layer("weight_mean", real("weight_mean", weight_mean), layers)
    square = float(nonnegative("mean_square", mean_square))
    average = float(real("input_mean", input_mean))
    none = Spread(0.0, 0.0, True)
    laws = [
        LayerLaw(
            inputs,
            units,
            phi,
            Spread(float(shift[at]), w[at] / math.sqrt(inputs), True),
            replace(none, std=b[at]),
        )
        for at, (inputs, units) in enumerate(pairwise(sizes))
    ]
    inputs = InputMoments(square, average, 0.0, are_alike=True)
    states = forward(laws, inputs)
    # one number at the output: gradients are relative to the last layer's
    gradients = backward(states, inputs, OutputGradient(1.0, 0.0, 1.0, 1.0))
    gradient = np.array([one.second_moment for one in gradients if one is not None])
    squares = np.array([state.square for state in states])
    slopes = np.array([state.moments.slope_square for state in states])
    return Propagation(
        widths=sizes[1:],
        mean=np.array([state.mean for state in states]),
        variance=np.array([state.variance for state in states]),
        activation_mean=np.array([state.moments.average for state in states]),
        activation_square=squares,
        slope_square=slopes,
        chi=np.append(w[1:], w[-1]) ** 2 * slopes,
        gradient=gradient,
        weight_gradient=gradient * np.append(square, squares[:-1]),
        log_variance=np.array([state.log_h for state in states]),
    )


def _by_layer(what: str, value: Values, layers: int) -> Values:
    if value.shape not in ((), (1,), (layers,)):
        raise ShapeError(
            f"{what} needs one number, or one for each of {layers} layers; got shape {value.shape}. "
            "Count the widths without the input."
        )
    return np.broadcast_to(value, (layers,))
