"""A whole stack in mean-field theory: the prediction that the probe prints beside what it measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..activation import Activation
from ..activation import activation as resolved
from ..errors import ShapeError
from .domain import Rows, Values, nonnegative, real, widths_of
from .gaussian import expectation, expectation_of_rows
from .moments import mean as mean_of
from .moments import second_moment

__all__ = ["Propagation", "propagate"]


@dataclass(frozen=True)
class Propagation:
    """What theory predicts of every layer: arrays with one number a layer, first to last.

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
        sigma_w^2 E[phi'^2], with sigma_w of the next layer (of the last, its own): what a gradient's variance
        is multiplied by on its way from the next pre-activation to this one, but for the ratio of widths.
    gradient : ndarray
        Second moment of the gradient by the pre-activation, divided by that of the last layer; without what a
        mean of the weights adds.
    weight_gradient : ndarray
        The same of the gradient by one weight, for one input.
    log_variance : ndarray
        Of the logarithm of a layer's mean square activation, over draws of the weights: what a finite width
        does, to first order in 1 / width, again without a mean of the weights.
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
        """Return between what the mean square activation of a finite network stays, in log-normal theory."""
        spread = sigmas * np.sqrt(self.log_variance)
        middle = np.log(np.maximum(self.activation_square, _TINY)) - self.log_variance / 2.0
        return np.exp(middle - spread), np.exp(middle + spread)


_TINY = float(np.finfo(np.float64).tiny)
# its square root's tenfold still has a square
_LARGEST = 1e300


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
        Mean of the weights, 0 but for initializations such as U(0, 1): units then share a large mean, that of
        the weights times a row's sum. It is taken for rows whose sums are all alike: of standardized data,
        whose sums differ in sign, neither mean nor variance is right.
    input_mean : float
        Mean of the input, which counts only where weights have a mean.

    Returns
    -------
    Propagation
        Arrays with one number a layer. Exact for infinite widths; `band` says how far finite ones stray.
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
    entering, means, variances, averages, squares = np.zeros((5, layers))
    for layer, inputs in enumerate(sizes[:-1]):
        here = slice(layer, layer + 1)
        entering[layer] = square
        mean = shift[layer] * inputs * average
        means[layer] = np.clip(mean, -(_LARGEST**0.5), _LARGEST**0.5)
        variances[layer] = min(w[layer] ** 2 * square + b[layer] ** 2, _LARGEST)
        squares[here] = _second(phi, means[here], variances[here])
        square = float(squares[layer])
        if shift.any():
            averages[here] = expectation(phi.value, variances[here], means[here], phi.kinks, phi.precision)
            average = float(averages[layer])
    if not shift.any():
        averages = mean_of(phi, variances)
    slopes = expectation(lambda u: phi.slope(u) ** 2, variances, means, phi.kinks, phi.precision)
    # from layer l + 1 to l; the product from the last layer back
    back = w[1:] ** 2 * slopes[:-1] * np.divide(sizes[2:], sizes[1:-1])
    gradient = np.concatenate([np.cumprod(back[::-1])[::-1], [1.0]])
    return Propagation(
        widths=sizes[1:],
        mean=means,
        variance=variances,
        activation_mean=averages,
        activation_square=squares,
        slope_square=slopes,
        chi=np.append(w[1:], w[-1]) ** 2 * slopes,
        gradient=gradient,
        weight_gradient=gradient * entering,
        log_variance=_log_variance(phi, sizes[1:], means, variances, w**2 * entering, squares),
    )


def _second(phi: Activation, mean: Values, variance: Values) -> Values:
    if not mean.any():
        return second_moment(phi, variance)
    return expectation(lambda u: phi.value(u) ** 2, variance, mean, phi.kinks, phi.precision)


def _log_variance(
    phi: Activation, units: tuple[int, ...], mean: Values, variance: Values, passed: Values, square: Values
) -> Values:
    """Return Var ln of the mean square activation: what n units add, and what layers before pass on.

    Var(phi^2) / (n (E phi^2)^2), and the square of d ln E phi^2 / d ln of the square that entered.
    """
    held, at = np.maximum(square, _TINY), np.maximum(variance, _TINY)
    root = np.sqrt(held)

    def fourth(u: Values, row: Rows) -> Values:
        result: Values = (phi.value(u) / root[row, None]) ** 4
        return result

    def response(u: Values, row: Rows) -> Values:
        result: Values = phi.value(u) / held[row, None] * phi.slope(u) * (u - mean[row, None])
        return result

    kurtosis = expectation_of_rows(fourth, variance, mean, phi.kinks, phi.precision)
    added = np.maximum(kurtosis - 1.0, 0.0) / np.asarray(units)
    kept = expectation_of_rows(response, at, mean, phi.kinks, phi.precision) * passed / at
    total = np.zeros(len(units))
    before = 0.0
    for layer in range(len(units)):
        before = total[layer] = added[layer] + kept[layer] ** 2 * before
    return total


def _by_layer(what: str, value: Values, layers: int) -> Values:
    if value.shape not in ((), (1,), (layers,)):
        raise ShapeError(
            f"{what} needs one number, or one for each of {layers} layers; got shape {value.shape}. "
            "Count the widths without the input."
        )
    return np.broadcast_to(value, (layers,))
