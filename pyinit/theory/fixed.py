"""Where depth leads: fixed points of variance and correlation, and how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .activation import Activation
from .activation import activation as resolved
from .domain import Rows, Values, nonnegative, together
from .grid import EQUAL, GRID, moments_on_grid
from .maps import chi, variance_map, variance_slope
from .moments import gap, second_moment
from .roots import bracketed

__all__ = ["FixedPoint", "fixed_point"]

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

    Examples
    --------
    >>> import pyinit as pi
    >>> point = pi.theory.fixed_point("tanh", sigma_w=1.3, sigma_b=0.3)
    >>> round(float(point.trainable_depth), 1)
    96.6
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


def fixed_point(activation: Any, sigma_w: Any, sigma_b: Any = 0.0, start: float = 1.0) -> FixedPoint:
    """Return the variance and the correlation that layers of one kind lead to, and how fast.

    For activations whose E[phi^2] grows with the variance, as all named ones' does.

    Parameters
    ----------
    activation : str, (str, float), Activation or callable
        As `pyinit.activation` takes it.
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
    chi_1 = np.where(finite, chi(phi, held, w), w**2 * moments_on_grid(phi)[1][-1])
    c = np.where(finite & (q > 0), 1.0, np.nan)
    apart = (c == 1.0) & (chi_1 > 1.0 + EQUAL)
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
    result: Values = np.where(np.abs(slope) >= 1.0 - EQUAL, np.inf, depth)
    return np.where(np.isnan(slope), np.nan, result)


def _variance(phi: Activation, w: Values, b: Values, start: float) -> Values:
    """Return where iterating the variance map leads: the next fixed point in the direction of the first step.

    The map grows with q, so that its iterates cannot pass a fixed point.
    """
    from_start = np.full_like(w, start)
    step = variance_map(phi, from_start, w, b) - start
    growth = w[:, None] ** 2 * moments_on_grid(phi)[0] + b[:, None] ** 2 - GRID
    # what is left of the difference of equals is no root
    growth[np.abs(growth) <= EQUAL * GRID] = 0.0
    up = (step > 0)[:, None]
    turned = np.where(up, (growth < 0) & (start < GRID), (growth > 0) & (start > GRID))
    exists = turned.any(axis=1)
    # the grid's point beyond the root, in each direction
    last = len(GRID) - 1
    beyond = np.where(up[:, 0], turned.argmax(axis=1), last - turned[:, ::-1].argmax(axis=1))
    inner = np.clip(np.where(up[:, 0], beyond - 1, beyond + 1), 0, last)
    near = np.where(up[:, 0], np.maximum(GRID[inner], start), np.minimum(GRID[inner], start))
    q = np.where(up[:, 0], np.inf, 0.0)
    kept = np.abs(step) <= EQUAL * start
    q[kept] = start
    solve = exists & ~kept
    if solve.any():
        ends = np.log(near[solve]), np.log(GRID[beyond[solve]])
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
    solve = at_zero < -EQUAL
    if solve.any():
        q, w = q[solve], w[solve]
        low = np.full_like(q, math.log(_NEAREST))
        near = excess(low, np.arange(len(q))) > 0
        found = np.full_like(q, _NEAREST)
        q, w = q[near], w[near]
        found[near] = np.exp(bracketed(excess, low[near], np.zeros_like(q), 1e-12))
        distance[solve] = found
    return distance
