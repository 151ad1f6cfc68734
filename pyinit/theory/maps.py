"""One layer of mean-field theory: how variance, correlation and gradients pass through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import RecipeError
from .activation import activation as resolved
from .domain import Values, correlation, nonnegative, together
from .gaussian import expectation
from .moments import gap, pair_moment, second_moment, slope_pair_moment

__all__ = ["chi", "correlation_map", "variance_map", "variance_slope"]


def variance_map(activation: Any, q: Any, sigma_w: Any, sigma_b: Any = 0.0) -> Values:
    """Return the variance of the next pre-activation, sigma_w^2 E[phi(sqrt(q) z)^2] + sigma_b^2.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of this pre-activation.
    sigma_w : float or ndarray
        Weights have variance sigma_w^2 / fan_in.
    sigma_b : float or ndarray
        Standard deviation of the biases.

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to; inf where it is too large for a number.

    References
    ----------
    Poole et al., NeurIPS 2016, eq. 3.

    Examples
    --------
    >>> import pyinit as pi
    >>> float(pi.theory.variance_map("relu", 3.0, sigma_w=2**0.5).round(12))
    3.0
    """
    shape, (variance, w, b) = together(
        nonnegative("q", q), nonnegative("sigma_w", sigma_w), nonnegative("sigma_b", sigma_b)
    )
    with np.errstate(over="ignore"):
        # so that 0 stays 0 where w^2 is too large for a number
        found: Values = w * (w * second_moment(activation, variance)) + b**2
    return found.reshape(shape)[()]


# below it, the slope of the variance map is taken here: E[phi phi' z] / sqrt(q) has lost its digits
_SMALLEST = 1e-12


def variance_slope(activation: Any, q: Any, sigma_w: Any) -> Values:
    """Return the derivative of the variance map, chi_1 + sigma_w^2 E[phi'' phi] at q.

    Computed as sigma_w^2 E[phi phi' z] / sqrt(q), which needs no second derivative.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the pre-activation; below 1e-12 the slope at 1e-12 stands for it.
    sigma_w : float or ndarray
        Weights have variance sigma_w^2 / fan_in.

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to.

    References
    ----------
    Schoenholz et al., "Deep information propagation", ICLR 2017, eq. 7.

    Examples
    --------
    >>> import pyinit as pi
    >>> float(pi.theory.variance_slope("relu", 3.0, sigma_w=2**0.5).round(12))
    1.0
    """
    phi = resolved(activation)
    shape, (variance, w) = together(nonnegative("q", q), nonnegative("sigma_w", sigma_w))
    at = np.maximum(variance, _SMALLEST)
    product = expectation(
        lambda u: phi.value(u) * phi.slope(u) * u, at, np.zeros_like(at), phi.kinks, phi.precision
    )
    with np.errstate(over="ignore"):
        found: Values = w * (w * (product / at))
    return found.reshape(shape)[()]


def correlation_map(
    activation: Any, c: Any, q: Any, sigma_w: Any, sigma_b: Any = 0.0, q2: Any = None
) -> Values:
    """Return the correlation of the next pre-activations of two inputs.

    (sigma_w^2 E[phi(u1) phi(u2)] + sigma_b^2) / sqrt(V(q) V(q2)), V the variance map: V(q) is q at a
    fixed point.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    c : float or ndarray
        Correlation of this pre-activation between the inputs, in [-1, 1].
    q : float or ndarray
        Variance of this pre-activation.
    sigma_w : float or ndarray
        Weights have variance sigma_w^2 / fan_in.
    sigma_b : float or ndarray
        Standard deviation of the biases.
    q2 : float or ndarray, optional
        Variance of the second input's pre-activation; by default the same.

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to; 1 - C(c) keeps its digits as c goes to 1 when q2 is left out.

    Raises
    ------
    RecipeError
        If the next variance is 0: nothing is correlated then.

    References
    ----------
    Poole et al., NeurIPS 2016, eq. 5; Cho and Saul, NeurIPS 2009 (relu).

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.correlation_map("relu", [0.0, 0.5, 1.0], 1.0, sigma_w=2**0.5).round(6)
    array([0.31831 , 0.608998, 1.      ])
    """
    phi = resolved(activation)
    shape, (cosine, first, second, w, b) = together(
        correlation(c),
        nonnegative("q", q),
        nonnegative("q", q if q2 is None else q2),
        nonnegative("sigma_w", sigma_w),
        nonnegative("sigma_b", sigma_b),
    )
    next1, next2 = variance_map(phi, first, w, b), variance_map(phi, second, w, b)
    if not (np.minimum(next1, next2) > 0).all():
        raise RecipeError(
            f"a correlation needs variance; {phi.name} makes it 0 here. Take sigma_w and q above 0."
        )
    found: Values
    if q2 is None:
        found = 1.0 - w**2 * gap(phi, first, 1.0 - cosine) / next1
    else:
        found = (w**2 * pair_moment(phi, first, second, cosine) + b**2) / np.sqrt(next1 * next2)
    return found.reshape(shape)[()]


def chi(activation: Any, q: Any, sigma_w: Any, c: Any = 1.0) -> Values:
    """Return sigma_w^2 E[phi'(u1) phi'(u2)]: the slope of the correlation map at a fixed point of q.

    At c = 1 it is chi_1, by which a layer multiplies the variance of gradients and the squared distance of
    near inputs: below 1 they vanish with depth, above 1 they explode.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    q : float or ndarray
        Variance of the pre-activation.
    sigma_w : float or ndarray
        Weights have variance sigma_w^2 / fan_in.
    c : float or ndarray
        Correlation of two inputs.

    Returns
    -------
    ndarray
        float64, of the shape they broadcast to.

    References
    ----------
    Poole et al., NeurIPS 2016, eq. 6; Schoenholz et al., ICLR 2017, eq. 9.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(float(pi.theory.chi("tanh", 0.60705, sigma_w=1.3)), 4)
    0.9398
    """
    shape, (variance, w, cosine) = together(
        nonnegative("q", q), nonnegative("sigma_w", sigma_w), correlation(c)
    )
    with np.errstate(over="ignore"):
        found: Values = w * (w * slope_pair_moment(activation, variance, variance, cosine))
    return found.reshape(shape)[()]
