"""Singular values of the Jacobian of a deep network: mean, spread, and what a finite width adds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RecipeError
from ..stream.arguments import count
from .domain import nonnegative
from .moments import slope_moment

__all__ = ["Spectrum", "jacobian_spectrum", "mean_singular_value"]


@dataclass(frozen=True)
class Spectrum:
    """Moments of the squared singular values s^2 of D_L W_L ... D_1 W_1, D the slopes.

    Parameters
    ----------
    mean : float
        E[s^2] = chi^L.
    second : float
        E[s^4].
    variance : float
        Of s^2 within one Jacobian: 0 when it is an isometry up to a factor.
    chi : float
        sigma_w^2 E[phi'^2], what one layer multiplies the mean by.

    Examples
    --------
    >>> import pyinit as pi
    >>> found = pi.theory.jacobian_spectrum("relu", 8)
    >>> found.mean, found.chi
    (1.0, 1.0)
    """

    mean: float
    second: float
    variance: float
    chi: float


# the S-transform's first coefficient of W W^T (Pennington et al. 2017, table 1)
_ENSEMBLES = {"gaussian": -1.0, "orthogonal": 0.0}


def jacobian_spectrum(
    activation: Any,
    depth: int,
    q: float = 1.0,
    sigma_w: float | None = None,
    ensemble: str = "gaussian",
    width: int | None = None,
) -> Spectrum:
    """Return the moments of the squared singular values of a network's Jacobian at initialization.

    Mean chi^L, variance chi^(2 L) L (mu_2 / mu_1^2 - 1 - s_1), mu_k = E[phi'^(2k)], s_1 = -1 for Gaussian and
    0 for orthogonal weights: it grows with depth however chi is tuned, but for linear orthogonal networks.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    depth : int
        L, the number of layers, all of one width.
    q : float
        Variance of the pre-activations, the same in every layer.
    sigma_w : float, optional
        Weights have variance sigma_w^2 / width; by default what makes chi 1.
    ensemble : {"gaussian", "orthogonal"}
        How weights are drawn; orthogonal ones are sigma_w times an orthogonal matrix.
    width : int, optional
        Count what a finite width adds to the expectation, exactly for Gaussian weights and slopes that do not
        depend on them (linear; relu, where signs are symmetric). Infinite when left out.

    Returns
    -------
    Spectrum
        Floats; inf where one is too large for a number.

    Raises
    ------
    RecipeError
        If the ensemble is unknown, or a finite width is given for orthogonal weights.

    References
    ----------
    Pennington, Schoenholz, Ganguli, "Resurrecting the sigmoid in deep learning through dynamical isometry",
    NeurIPS 2017, eq. 20 and 22; finite width: moments of Wishart matrices.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.theory.jacobian_spectrum("relu", 8).variance
    16.0
    >>> pi.theory.jacobian_spectrum("linear", 8, ensemble="orthogonal").variance
    0.0
    """
    layers = count("depth", depth)
    if ensemble not in tuple(_ENSEMBLES):
        raise RecipeError(f"ensemble is one of gaussian, orthogonal; got {ensemble!r}. Name one.")
    first, fourth = (float(slope_moment(activation, q, order)) for order in (1, 2))
    weight = 1.0 / first if sigma_w is None else float(nonnegative("sigma_w", sigma_w)) ** 2
    chi = 1.0 if sigma_w is None else weight * first
    if width is not None:
        if ensemble != "gaussian":
            raise RecipeError(
                f"a finite width is known for gaussian weights only; got {ensemble!r}. Leave width out."
            )
        return _finite(layers, count("width", width), weight, first, fourth)
    mean = _power(chi, layers)
    square, each = _power(mean, 2), fourth / first**2 - 1.0 - _ENSEMBLES[ensemble]
    # an isometry has no spread, however large its factor
    variance = square * layers * each if each else 0.0
    return Spectrum(mean, square + variance, variance, chi)


def _power(base: float, exponent: int) -> float:
    """Return base^exponent, inf where it is too large for a number."""
    with np.errstate(over="ignore"):
        return float(np.float64(base) ** exponent)


def _finite(layers: int, n: int, weight: float, first: float, fourth: float) -> Spectrum:
    """Follow E tr M^2 / n and E (tr M)^2 / n^2 of M = J J^T through W, Gaussian, and D, independent of it."""
    square, trace, chi = 1.0, 1.0, weight * first
    for _ in range(layers):
        # of W M W^T: off the diagonal and on it, then the trace squared
        whole = (1.0 + 1.0 / n) * square + trace
        diagonal = trace + 2.0 / n * square
        trace += 2.0 / n**2 * square
        square = weight**2 * (first**2 * (whole - diagonal) + fourth * diagonal)
        trace = weight**2 * (first**2 * trace + (fourth - first**2) * diagonal / n)
        if not math.isfinite(square):
            return Spectrum(_power(chi, layers), math.inf, math.inf, chi)
    return Spectrum(_power(chi, layers), square, square - trace, chi)


def mean_singular_value(sigma_w: float = 1.0) -> float:
    """Return the mean singular value of a square matrix of variance sigma_w^2 / n: 8 sigma_w / (3 pi).

    Parameters
    ----------
    sigma_w : float
        1 for Glorot's initialization, sqrt(1/3) for U(-1/sqrt(n), 1/sqrt(n)).

    Returns
    -------
    float
        For n without bound; the law of any entries with this variance.

    References
    ----------
    Glorot and Bengio, AISTATS 2010, section 4.2.1, which measured 0.8 and 0.5.

    Examples
    --------
    >>> import pyinit as pi
    >>> round(pi.theory.mean_singular_value(), 4), round(pi.theory.mean_singular_value(3**-0.5), 4)
    (0.8488, 0.4901)
    """
    return 8.0 * float(nonnegative("sigma_w", sigma_w)) / (3.0 * math.pi)
