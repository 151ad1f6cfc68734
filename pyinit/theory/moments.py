"""What an activation makes of a Gaussian pre-activation: means, second moments, slopes, pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..stream.arguments import count
from .activation import Activation
from .activation import activation as resolved
from .closed import closed
from .domain import Values, correlation, nonnegative, together
from .gaussian import covariance, expectation, spread

__all__ = ["gap", "mean", "pair_moment", "second_moment", "slope_moment", "slope_pair_moment"]


def mean(activation: Any, q: Any) -> Values:
    """Return E[phi(sqrt(q) z)], z standard normal.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the pre-activation.

    Returns
    -------
    ndarray
        float64, of the shape of `q`; within 1e-12 of sqrt(E phi^2).

    Examples
    --------
    >>> import pyinit as pi
    >>> round(float(pi.theory.mean("relu", 1.0)), 6)
    0.398942
    """
    phi, variance = resolved(activation), nonnegative("q", q)
    form = closed(phi).mean
    if form is not None:
        return form(variance)[()]
    flat = variance.ravel()
    found = expectation(phi.value, flat, np.zeros_like(flat), phi.kinks, phi.precision)
    return found.reshape(variance.shape)[()]


def second_moment(activation: Any, q: Any) -> Values:
    """Return E[phi(sqrt(q) z)^2], z standard normal.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the pre-activation.

    Returns
    -------
    ndarray
        float64, of the shape of `q`; relative error 1e-12.

    References
    ----------
    Poole et al., "Exponential expressivity in deep neural networks through transient chaos", NeurIPS 2016,
    eq. 3. relu and leaky relu (1 + a^2) q / 2; erf, sin, gelu and hardtanh have closed forms, too.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.second_moment("tanh", [0.1, 1.0, 10.0]).round(6)
    array([0.084214, 0.394294, 0.757266])
    """
    phi, variance = resolved(activation), nonnegative("q", q)
    form = closed(phi).second
    if form is not None:
        return form(variance)[()]
    flat = variance.ravel()
    found = expectation(lambda u: phi.value(u) ** 2, flat, np.zeros_like(flat), phi.kinks, phi.precision)
    return found.reshape(variance.shape)[()]


def slope_moment(activation: Any, q: Any, order: int = 1) -> Values:
    """Return mu_k = E[phi'(sqrt(q) z)^(2k)], k the order.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the pre-activation.
    order : int
        k: 1 for how much a gradient's variance is multiplied, 2 for the Jacobian's spectrum.

    Returns
    -------
    ndarray
        float64, of the shape of `q`; relative error 1e-12 (1e-9 where slopes are differences).

    References
    ----------
    Pennington, Schoenholz, Ganguli, "Resurrecting the sigmoid", NeurIPS 2017, eq. 17.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(float(pi.theory.slope_moment("tanh", 1.0)), 6)
    0.464403
    """
    phi, variance, k = resolved(activation), nonnegative("q", q), count("order", order)
    form = closed(phi).slope
    if form is not None:
        return form(variance, k)[()]
    flat = variance.ravel()
    found = expectation(
        lambda u: phi.slope(u) ** (2 * k), flat, np.zeros_like(flat), phi.kinks, phi.precision
    )
    return found.reshape(variance.shape)[()]


def pair_moment(activation: Any, q1: Any, q2: Any, c: Any) -> Values:
    """Return E[phi(u1) phi(u2)], u1 and u2 Gaussian of variances q1 and q2 and correlation c.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q1, q2 : float or ndarray
        Variances of the two pre-activations.
    c : float or ndarray
        Their correlation, in [-1, 1].

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to; within 1e-10 of sqrt(E phi(u1)^2 E phi(u2)^2).

    References
    ----------
    Cho and Saul, "Kernel methods for deep learning", NeurIPS 2009 (relu); Williams, "Computing with infinite
    networks", NeurIPS 1996 (erf).

    Examples
    --------
    >>> import pyinit as pi
    >>> round(float(pi.theory.pair_moment("erf", 1.0, 1.0, 0.5)), 6)
    0.216347
    """
    phi = resolved(activation)
    shape, (first, second, cosine) = together(nonnegative("q1", q1), nonnegative("q2", q2), correlation(c))
    form = closed(phi).pair
    if form is not None:
        return form(first, second, cosine).reshape(shape)[()]
    return covariance(phi.value, first, second, cosine, phi.kinks, phi.precision).reshape(shape)[()]


def slope_pair_moment(activation: Any, q1: Any, q2: Any, c: Any) -> Values:
    """Return E[phi'(u1) phi'(u2)], u1 and u2 Gaussian of variances q1 and q2 and correlation c.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q1, q2 : float or ndarray
        Variances of the two pre-activations.
    c : float or ndarray
        Their correlation, in [-1, 1].

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to.

    Examples
    --------
    >>> import pyinit as pi
    >>> float(pi.theory.slope_pair_moment("relu", 1.0, 1.0, 0.0))
    0.25
    """
    phi = resolved(activation)
    shape, (first, second, cosine) = together(nonnegative("q1", q1), nonnegative("q2", q2), correlation(c))
    form = closed(phi).slope_pair
    if form is not None:
        return form(first, second, cosine).reshape(shape)[()]
    return covariance(phi.slope, first, second, cosine, phi.kinks, phi.precision).reshape(shape)[()]


def gap(activation: Any, q: Any, distance: Any) -> Values:
    """Return E[phi(u)^2] - E[phi(u1) phi(u2)] at correlation 1 - distance, without a subtraction.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of both pre-activations.
    distance : float or ndarray
        1 - c, in [0, 2]; as small as wanted.

    Returns
    -------
    ndarray
        float64; relative error about 1e-9 down to distances of 1e-12, 1e-7 below 1e-16.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(float(pi.theory.gap("tanh", 1.0, 1e-10)) * 1e10, 6)
    0.464403
    """
    phi = resolved(activation)
    apart = nonnegative("a distance", distance)
    correlation(1.0 - apart)
    shape, (variance, d) = together(nonnegative("q", q), apart)
    form = closed(phi).gap
    # beyond 1 both terms have the same sign or differ anyway: nothing cancels
    near = d <= 1.0
    result = np.empty_like(d)
    if form is not None:
        result[near] = form(variance[near], d[near])
    elif near.any():
        result[near] = _near_gap(phi, variance[near], d[near])
    far = ~near
    if far.any():
        apart_pair = pair_moment(phi, variance[far], variance[far], 1.0 - d[far])
        result[far] = second_moment(phi, variance[far]) - apart_pair
    return result.reshape(shape)[()]


# nearer than the spacing of correlations below 1
_NEAREST = 1e-16


def _near_gap(phi: Activation, q: Values, d: Values) -> Values:
    # the slope of the map at 1, and all there is of it where the distance is below rounding
    linear = q * d * slope_moment(phi, q)
    found: Values = linear.copy()
    wide = d > _NEAREST
    if wide.any():
        square = second_moment(phi, q[wide])
        floor = 2e-15 * np.sqrt(square * linear[wide]) + 1e-28 * square
        found[wide] = spread(phi.value, q[wide], d[wide], floor, phi.kinks, phi.precision)
    return found
