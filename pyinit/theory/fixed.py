"""Where depth leads: fixed points of variance and correlation, how fast, and the edge of chaos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..activation import Activation
from ..activation import activation as resolved
from ..errors import RecipeError
from .domain import Rows, Values, nonnegative, together
from .maps import chi, variance_map, variance_slope
from .moments import gap, second_moment, slope_moment
from .roots import bracketed

__all__ = ["Critical", "FixedPoint", "critical", "fixed_point"]

# variances between which fixed points are looked for
_PER_DECADE = 4
_GRID = np.logspace(-24.0, 24.0, 48 * _PER_DECADE + 1)
_OSCILLATING = 1e4
# what rounding and quadrature leave of an equality
_EQUAL = 1e-10
# slopes nearer to 1 than this tell nothing of stability, and how far above q = 0 it is looked for instead
_FLAT_SLOPE = 1e-4
_NUDGE = 1e-2
# inputs nearer than this are one
_NEAREST = 1e-12


@dataclass(frozen=True)
class FixedPoint:
    """What layers of one kind lead to, each number an array over sigma_w and sigma_b.

    Parameters
    ----------
    q : ndarray
        The variance that is reached: 0 when it vanishes, inf when it explodes.
    c : ndarray
        The correlation that two inputs reach: 1 when they become one, nan where q is 0 or inf.
    chi_1, chi_c : ndarray
        sigma_w^2 E[phi'^2] at q (or in the limit), and the slope of the correlation map at c.
    xi_q, xi_c : ndarray
        Layers in which distances from q and c fall by e: -1 / ln of the slopes of the two maps; nan where q
        is inf.
    """

    q: Values
    c: Values
    chi_1: Values
    chi_c: Values
    xi_q: Values
    xi_c: Values

    @property
    def trainable_depth(self) -> Values:
        """About how deep such a network can train: 6 xi_c (Schoenholz et al. 2017)."""
        return 6.0 * self.xi_c


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


def fixed_point(activation: Any, sigma_w: Any, sigma_b: Any = 0.0, start: float = 1.0) -> FixedPoint:
    """Return the variance and the correlation that layers of one kind lead to, and how fast.

    For activations whose E[phi^2] grows with the variance, as all named ones' does.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation.activation` takes it.
    sigma_w : float or ndarray
        Weights have variance sigma_w^2 / fan_in.
    sigma_b : float or ndarray
        Standard deviation of the biases.
    start : float
        The variance of the first pre-activation: it decides where there is more than one fixed point.

    Returns
    -------
    FixedPoint
        Arrays of the shape that sigma_w and sigma_b broadcast to.

    References
    ----------
    Poole et al., NeurIPS 2016; Schoenholz, Gilmer, Ganguli, Sohl-Dickstein, "Deep information propagation",
    ICLR 2017.

    Examples
    --------
    >>> import pyinit as pi
    >>> found = pi.theory.fixed_point("tanh", sigma_w=1.3, sigma_b=0.3)
    >>> round(float(found.q), 5), float(found.c), round(float(found.xi_c), 2)
    (0.60705, 1.0, 16.11)
    """
    phi = resolved(activation)
    shape, (w, b) = together(nonnegative("sigma_w", sigma_w), nonnegative("sigma_b", sigma_b))
    q = _variance(phi, w, b, float(nonnegative("start", start)))
    finite = np.isfinite(q)
    held = np.where(finite, q, 1.0)
    chi_1 = np.where(finite, chi(phi, held, w), w**2 * _moments_on_grid(phi)[1][-1])
    c = np.where(finite & (q > 0), 1.0, np.nan)
    apart = (c == 1.0) & (chi_1 > 1.0 + _EQUAL)
    if apart.any():
        c[apart] = 1.0 - _distance(phi, q[apart], w[apart])
    chi_c = np.where(finite, chi(phi, held, w, np.nan_to_num(c, nan=1.0)), np.nan)
    slope = np.where(finite, variance_slope(phi, held, w), np.nan)
    found = (q, c, chi_1, chi_c, _depth(slope), _depth(chi_c))
    return FixedPoint(*(values.reshape(shape)[()] for values in found))


def _depth(slope: Values) -> Values:
    """Return -1 / ln of a map's slope: inf where nothing is forgotten."""
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -1.0 / np.log(np.abs(slope))
    result: Values = np.where(np.abs(slope) >= 1.0 - _EQUAL, np.inf, depth)
    return np.where(np.isnan(slope), np.nan, result)


@lru_cache(maxsize=32)
def _moments_on_grid(phi: Activation) -> tuple[Values, Values]:
    """Return E phi^2 and E phi'^2 on the grid; what overflows is infinite."""
    return _on_grid(second_moment, phi), _on_grid(slope_moment, phi)


def _on_grid(moment: Callable[[Activation, Values], Values], phi: Activation) -> Values:
    try:
        found = moment(phi, _GRID)
    except RecipeError:
        # what oscillates for ever follows a power in the mean, long before it cannot be integrated
        inside = _GRID <= _OSCILLATING
        held = moment(phi, _GRID[inside])
        power = round(math.log10(held[-1] / held[-1 - _PER_DECADE]))
        found = np.append(held, held[-1] * (_GRID[~inside] / _GRID[inside][-1]) ** power)
    return np.where(np.isnan(found), np.inf, found)


def _variance(phi: Activation, w: Values, b: Values, start: float) -> Values:
    """Return where iterating the variance map leads: the next fixed point in the direction of the first step.

    The map grows with q, so that its iterates cannot pass a fixed point.
    """
    from_start = np.full_like(w, start)
    step = variance_map(phi, from_start, w, b) - start
    growth = w[:, None] ** 2 * _moments_on_grid(phi)[0] + b[:, None] ** 2 - _GRID
    # what is left of the difference of equals is no root
    growth[np.abs(growth) <= _EQUAL * _GRID] = 0.0
    up = (step > 0)[:, None]
    turned = np.where(up, (growth < 0) & (start < _GRID), (growth > 0) & (start > _GRID))
    exists = turned.any(axis=1)
    # the grid's point beyond the root, in each direction
    last = len(_GRID) - 1
    beyond = np.where(up[:, 0], turned.argmax(axis=1), last - turned[:, ::-1].argmax(axis=1))
    inner = np.clip(np.where(up[:, 0], beyond - 1, beyond + 1), 0, last)
    near = np.where(up[:, 0], np.maximum(_GRID[inner], start), np.minimum(_GRID[inner], start))
    q = np.where(up[:, 0], np.inf, 0.0)
    kept = np.abs(step) <= _EQUAL * start
    q[kept] = start
    solve = exists & ~kept
    if solve.any():
        ends = np.log(near[solve]), np.log(_GRID[beyond[solve]])
        w2, b2 = w[solve] ** 2, b[solve] ** 2

        def excess(log_q: Values, row: Rows) -> Values:
            at = np.exp(log_q)
            result: Values = (w2[row] * second_moment(phi, at) + b2[row]) / at - 1.0
            return result

        q[solve] = np.exp(bracketed(excess, np.minimum(*ends), np.maximum(*ends), 1e-13))
    return q


def _distance(phi: Activation, q: Values, w: Values) -> Values:
    """Return 1 - c*, in the chaotic phase: c maps to more than c below it, so that there is just one."""

    def excess(log_d: Values, row: Rows) -> Values:
        d = np.exp(log_d)
        result: Values = w[row] ** 2 * gap(phi, q[row], d) / (q[row] * d) - 1.0
        return result

    whole = np.ones_like(q)
    at_zero = excess(0.0 * whole, np.arange(len(q)))
    # odd activations without biases leave what is orthogonal orthogonal
    distance = whole
    solve = at_zero < -_EQUAL
    if solve.any():
        q, w = q[solve], w[solve]
        low = np.full_like(q, math.log(_NEAREST))
        near = excess(low, np.arange(len(q))) > 0
        found = np.full_like(q, _NEAREST)
        q, w = q[near], w[near]
        found[near] = np.exp(bracketed(excess, low[near], np.zeros_like(q), 1e-12))
        distance[solve] = found
    return distance


def critical(activation: Any, sigma_b: Any = 0.0) -> Critical:
    """Return the sigma_w of the edge of chaos: at q, gradients and distances neither vanish nor explode.

    chi_1 = sigma_w^2 E[phi'(sqrt(q) z)^2] = 1 where q = sigma_w^2 E[phi(sqrt(q) z)^2] + sigma_b^2. Layers
    lead to this q only where `is_stable`: that of gelu, silu and mish is a repeller, which no deep network
    keeps.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation.activation` takes it.
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
    seconds, slopes = _moments_on_grid(phi)
    with np.errstate(all="ignore"):
        # the sigma_b^2 for which each q is critical
        needed = _GRID - seconds / slopes
    # what is left of the difference of equals is no root
    needed[~(np.abs(needed) > _EQUAL * _GRID)] = 0.0
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

        ends = np.log(_GRID[beyond - 1]), np.log(_GRID[beyond])
        q[solve] = np.exp(bracketed(missing, *ends, 1e-13))
    held = np.where(at_zero, _GRID[0], q)
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
    return slope, np.where(np.abs(slope - 1.0) > _FLAT_SLOPE, slope < 1.0, grown <= _EQUAL)
