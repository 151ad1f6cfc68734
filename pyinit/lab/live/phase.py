"""The phase diagram of an activation: sigma_w against sigma_b, ordered or chaotic, and the depth scales.

As `pyinit.theory.fixed_point`, but from tables, so that a whole diagram takes a fraction of a second: the
variance map on a fine grid of variances, and the correlation map as its series in Hermite polynomials,
E[phi(u1) phi(u2)] = sum a_n^2 c^n, whose last coefficient stands for all that follow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ArgumentError, RecipeError
from ...theory.activation import NAMES, Activation
from ...theory.activation import activation as resolved
from ...theory.edge import critical
from ...theory.moments import second_moment, slope_moment
from .frames import encoded

__all__ = ["Phase", "phase_frame", "phase_of"]

Values = npt.NDArray[np.float64]

_SIDES = (4, 128)
_LOWEST, _WIDEST, _BIASED = 0.1, 3.0, 2.0
# variances of the tables, so many a decade
_EACH = 24
_GRID = np.logspace(-8.0, 6.0, 14 * _EACH + 1)
# terms of the series, and where it is integrated
_TERMS = 96
_REACH, _CUTS = 9.0, 1201
_HALVINGS = 40
_NEAREST = 1e-6
_EQUAL = 1e-6


@dataclass(frozen=True, eq=False)
class Phase:
    """A diagram; rows are sigma_b, columns sigma_w, both ascending.

    Parameters
    ----------
    sigma_w, sigma_b : ndarray, (size,)
    chi : ndarray, (size, size)
        chi_1 at the variance that layers lead to: below 1 ordered, above 1 chaotic.
    depth : ndarray, (size, size)
        xi_c, the layers in which two inputs forget by e how alike they were; inf on the edge, nan where the
        variance explodes.
    edge : ndarray, (points, 2)
        sigma_w and sigma_b of the edge of chaos.
    critical : float or None
        sigma_w of the edge without biases.
    """

    sigma_w: Values
    sigma_b: Values
    chi: Values
    depth: Values
    edge: Values
    critical: float | None


@lru_cache(maxsize=64)
def phase_of(activation: str, size: int = 48) -> Phase:
    """Return the diagram of an activation by its name.

    Raises
    ------
    ArgumentError
        If there is no such activation, or the size is not valid.

    Examples
    --------
    >>> found = phase_of("tanh", 16)
    >>> found.critical, found.chi.shape, bool((found.chi[0] < 1.0).all())
    (1.0, (16, 16), False)
    """
    if activation not in NAMES:
        raise ArgumentError(f"there is no activation {activation!r:.60}. Known are {', '.join(NAMES)}.")
    if type(size) is not int or not _SIDES[0] <= size <= _SIDES[1]:
        raise ArgumentError(
            f"a diagram's size is an integer from {_SIDES[0]} to {_SIDES[1]}; got {size!r:.60}."
        )
    phi = resolved(activation)
    sigma_b = np.linspace(0.0, _BIASED, size)
    edge = _edge(phi, sigma_b)
    first = float(edge[0, 0]) if len(edge) and edge[0, 1] == 0.0 else None
    sigma_w = np.linspace(_LOWEST, _WIDEST if first is None else max(_WIDEST, 2.0 * first), size)
    w, b = (values.ravel() for values in np.meshgrid(sigma_w, sigma_b))
    with np.errstate(all="ignore"):
        chi, depth = _reached(phi, w, b)
    shape = (size, size)
    return Phase(sigma_w, sigma_b, chi.reshape(shape), depth.reshape(shape), edge, first)


def phase_frame(activation: str, size: int = 48, number: int = 0) -> bytes:
    """Return the diagram as a frame of kind "phase"."""
    found = phase_of(activation, size)
    header: dict[str, Any] = {
        "kind": "phase",
        "id": number,
        "step": 0,
        "activation": activation,
        "sigma_w": [float(found.sigma_w[0]), float(found.sigma_w[-1])],
        "sigma_b": [float(found.sigma_b[0]), float(found.sigma_b[-1])],
        "critical": found.critical,
    }
    return encoded(header, {"chi": found.chi, "depth": found.depth, "edge": found.edge})


def _edge(phi: Activation, sigma_b: Values) -> Values:
    """Return the edge of chaos: of relu and others, one point without biases; none where there is none."""
    try:
        return np.stack((critical(phi, sigma_b).sigma_w, sigma_b), axis=1)
    except RecipeError:
        return _edge(phi, sigma_b[:1]) if len(sigma_b) > 1 else np.empty((0, 2))


@lru_cache(maxsize=32)
def _moments(phi: Activation) -> tuple[Values, Values]:
    """Return E phi^2 and E phi'^2 on the grid of variances."""
    return second_moment(phi, _GRID), slope_moment(phi, _GRID)


def _reached(phi: Activation, w: Values, b: Values) -> tuple[Values, Values]:
    """Return chi_1 and xi_c where layers lead to."""
    square, slope = _moments(phi)
    q = _variance(square, w, b)
    chi = w**2 * _between(slope, np.clip(q, _GRID[0], _GRID[-1]))
    along = chi.copy()
    apart = np.isfinite(q) & (q > 0.0) & (chi > 1.0 + _EQUAL)
    if apart.any():
        along[apart] = _slope_apart(phi, q[apart], w[apart], b[apart])
    depth = np.where(np.abs(along) >= 1.0 - _EQUAL, np.inf, -1.0 / np.log(np.abs(along)))
    return chi, np.where(np.isfinite(q), depth, np.nan)


def _variance(square: Values, w: Values, b: Values) -> Values:
    """Return where iterating the variance map leads from 1: 0 where it vanishes, inf where it explodes."""
    start = 8 * _EACH
    logs, w2, b2 = np.log(_GRID), w**2, b**2
    log_square = np.log(square)

    def excess(log_q: Values) -> Values:
        q = np.exp(log_q)
        result: Values = (w2 * np.exp(_between(log_square, q)) + b2) / q - 1.0
        return result

    growth = (w2[:, None] * square + b2[:, None]) / _GRID - 1.0
    is_up = growth[:, start] > _EQUAL
    is_kept = np.abs(growth[:, start]) <= _EQUAL
    above, below = growth[:, start:] < -_EQUAL, growth[:, : start + 1][:, ::-1] > _EQUAL
    exists = np.where(is_up, above.any(axis=1), below.any(axis=1))
    turn = np.where(is_up, start + above.argmax(axis=1), start - below.argmax(axis=1))
    low = logs[np.where(is_up, np.maximum(turn - 1, 0), turn)]
    high = logs[np.where(is_up, turn, np.minimum(turn + 1, len(logs) - 1))]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        # the map is above the diagonal on the left of a stable point
        left = excess(middle) > 0.0
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    found = np.where(exists, np.exp(low), np.where(is_up, np.inf, 0.0))
    return np.where(is_kept, 1.0, found)


def _between(values: Values, q: Values) -> Values:
    """Return the cubic through the four points of the table that are nearest to each variance."""
    at = _EACH * np.log10(q / _GRID[0])
    first = np.clip(at.astype(np.intp), 1, len(_GRID) - 3)
    t = at - first
    result: Values = (
        -t * (t - 1) * (t - 2) / 6 * values[first - 1]
        + (t + 1) * (t - 1) * (t - 2) / 2 * values[first]
        - (t + 1) * t * (t - 2) / 2 * values[first + 1]
        + (t + 1) * t * (t - 1) / 6 * values[first + 2]
    )
    return result


@lru_cache(maxsize=1)
def _hermite() -> tuple[Values, Values]:
    """Return cuts over a normal law, and its share at each times the normalized polynomials."""
    z = np.linspace(-_REACH, _REACH, _CUTS)
    rows = [np.ones_like(z), z]
    for n in range(1, _TERMS - 1):
        rows.append((z * rows[n] - math.sqrt(n) * rows[n - 1]) / math.sqrt(n + 1))
    share = np.exp(-(z**2) / 2.0)
    return z, np.stack(rows) * (share / share.sum())


def _slope_apart(phi: Activation, q: Values, w: Values, b: Values) -> Values:
    """Return the slope of the correlation map at the correlation below 1 that two inputs reach."""
    z, weights = _hermite()
    made = phi.value(np.sqrt(q)[:, None] * z)
    share = np.square(made @ weights.T)
    rest = np.maximum(np.square(made) @ weights[0] - share.sum(axis=1), 0.0)
    share = np.concatenate((share, rest[:, None]), axis=1).T
    low, high = np.zeros_like(q), np.full_like(q, 1.0 - _NEAREST)
    for _ in range(_HALVINGS):
        c = (low + high) / 2.0
        is_more = (w**2 * _horner(share, c) + b**2) / q > c
        low, high = np.where(is_more, c, low), np.where(is_more, high, c)
    order = np.arange(len(share))[:, None]
    result: Values = w**2 / q * _horner((order * share)[1:], low)
    return result


def _horner(coefficients: Values, c: Values) -> Values:
    """Return sum a_n c^n, one polynomial a column."""
    total = np.zeros_like(c)
    for row in coefficients[::-1]:
        total = total * c + row
    return total
