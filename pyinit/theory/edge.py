"""The edge of chaos: between the weights under which inputs become one and those under which they part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError
from .activation import Activation
from .activation import activation as resolved
from .domain import Rows, Values, nonnegative
from .grid import EQUAL, GRID, moments_on_grid
from .maps import variance_map, variance_slope
from .moments import second_moment, slope_moment
from .roots import bracketed

__all__ = ["Critical", "critical"]

# slopes nearer to 1 than this tell nothing of stability, and how far above q = 0 it is looked for instead
_FLAT_SLOPE = 1e-4
_NUDGE = 1e-2


@dataclass(frozen=True)
class Critical:
    """A point on the edge of chaos, where chi_1 is 1.

    Parameters
    ----------
    weight_variance : ndarray
        sigma_w^2: weights have variance sigma_w^2 / fan_in.
    sigma_b : ndarray
        Standard deviation of the biases.
    q : ndarray
        The variance that such layers keep; nan when they keep any.
    variance_slope : ndarray
        Slope of the variance map at q: each layer multiplies a small distance from q by it.
    is_stable : ndarray of bool
        Whether a variance just above q stays near it. Where it is False (gelu, silu, mish) the variance
        runs away from q, and deep networks explode although chi_1 is 1 at q.

    Examples
    --------
    >>> import pyinit as pi
    >>> edge = pi.theory.critical("relu")
    >>> float(edge.weight_variance), float(edge.sigma_b), float(edge.q)
    (2.0, 0.0, nan)
    """

    weight_variance: Values
    sigma_b: Values
    q: Values
    variance_slope: Values
    is_stable: npt.NDArray[np.bool_]

    @property
    def sigma_w(self) -> Values:
        """Standard deviation of the weights, times sqrt(fan_in)."""
        return np.sqrt(self.weight_variance)


def critical(activation: Any, sigma_b: Any = 0.0) -> Critical:
    """Return the sigma_w of the edge of chaos: at q, gradients and distances neither vanish nor explode.

    chi_1 = sigma_w^2 E[phi'(sqrt(q) z)^2] = 1 where q = sigma_w^2 E[phi(sqrt(q) z)^2] + sigma_b^2. Layers
    lead to this q only where `is_stable`: that of gelu, silu and mish is a repeller, which no deep network
    keeps.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
    sigma_b : float or ndarray
        Standard deviation of the biases.

    Returns
    -------
    Critical
        `sigma_w`, its square, `q` and whether it is stable, of the shape of `sigma_b`; the smallest q where
        there are several.

    Raises
    ------
    RecipeError
        If no sigma_w is critical: relu and leaky relu have an edge of chaos at sigma_b = 0 only.

    References
    ----------
    Schoenholz et al., ICLR 2017; Hayou, Doucet, Rousseau, "On the impact of the activation function on deep
    neural networks training", ICML 2019.

    Examples
    --------
    >>> import pyinit as pi
    >>> edge = pi.theory.critical("tanh", sigma_b=0.05**0.5)
    >>> round(float(edge.weight_variance), 5), round(float(edge.q), 5)
    (1.76095, 0.57005)
    >>> edge = pi.theory.critical("silu", sigma_b=0.1)
    >>> bool(edge.is_stable), round(float(edge.variance_slope), 3)
    (False, 1.072)
    """
    phi = resolved(activation)
    biases = nonnegative("sigma_b", sigma_b)
    b = biases.ravel()
    seconds, slopes = moments_on_grid(phi)
    with np.errstate(all="ignore"):
        # the sigma_b^2 for which each q is critical
        needed = GRID - seconds / slopes
    # what is left of the difference of equals is no root
    needed[~(np.abs(needed) > EQUAL * GRID)] = 0.0
    crossed = (needed > 0) & (needed >= b[:, None] ** 2)
    # with phi(0) = 0 and no biases, q = 0 is a fixed point, and the slopes at 0 decide
    at_zero = (b == 0) & bool(float(phi.value(np.zeros(1))[0]) == 0.0)
    if not (at_zero | crossed.any(axis=1)).all():
        worst = float(b[~(at_zero | crossed.any(axis=1))][0])
        raise RecipeError(
            f"{phi.name} has no edge of chaos at sigma_b = {worst:g}: chi_1 is 1 at no fixed point, whatever "
            "sigma_w. Use a smaller sigma_b, or another activation."
        )
    q = np.where(at_zero, np.nan if not needed.any() else 0.0, 1.0)
    solve = ~at_zero
    if solve.any():
        beyond = np.maximum(crossed[solve].argmax(axis=1), 1)
        b2 = b[solve] ** 2

        def missing(log_q: Values, row: Rows) -> Values:
            at = np.exp(log_q)
            result: Values = (at - second_moment(phi, at) / slope_moment(phi, at) - b2[row]) / at
            return result

        ends = np.log(GRID[beyond - 1]), np.log(GRID[beyond])
        q[solve] = np.exp(bracketed(missing, *ends, 1e-13))
    held = np.where(at_zero, GRID[0], q)
    found = 1.0 / slope_moment(phi, held)
    slope, stable = _stability(phi, q, found, b)
    shaped: list[Any] = [values.reshape(biases.shape)[()] for values in (found, b, q, slope, stable)]
    return Critical(*shaped)


def _stability(phi: Activation, q: Values, square: Values, b: Values) -> tuple[Values, Any]:
    """Return the slope of the variance map at q, and whether a variance above q does not grow."""
    w, at = np.sqrt(square), np.nan_to_num(q, nan=1.0)
    slope = variance_slope(phi, at, w)
    # where the slope is 1, as it is at q = 0 of all that are smooth there, what follows it decides
    above = at * 1.01 + _NUDGE * (at == 0)
    grown = variance_map(phi, above, w, b) / above - 1.0
    return slope, np.where(np.abs(slope - 1.0) > _FLAT_SLOPE, slope < 1.0, grown <= EQUAL)
