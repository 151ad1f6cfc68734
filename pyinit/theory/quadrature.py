"""Integrals of piecewise smooth functions, many at a time, each to the precision its values have."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["integrals"]

Array = npt.NDArray[Any]

_NODES = 12
# next to an edge, in widths of a panel
_BESIDE = 1e-9
# a jump that is only seen beside an edge is within 0.005 of a panel: 1e-8 in height is 5e-11 in area
_HIDDEN = 1e-8
_DEEPEST = 60
_MOST_PANELS = 1 << 16


def integrals(
    f: Callable[[Array, Array], Array],
    edges: Array,
    precision: float = 0.0,
    floor: Array | None = None,
    *,
    wary: bool = False,
) -> Array | None:
    """Return the integral of every row, by Gauss-Legendre on panels, halved where halving changes the sum.

    A kink or a jump inside a panel costs one panel a level, so sixty levels leave nothing of it; at an edge
    it costs nothing. One between an edge and the node next to it is seen by neither sum: a caller who does
    not know where f is smooth sets `wary`, which compares values beside the edges with the panel's
    polynomial.
    What is returned is the finer of two sums that differ by 1e-12 of a panel or 1e-13 of the row, so that the
    error of smooth functions is rounding.

    Parameters
    ----------
    f : callable
        f(x, row): the integrand of each row at points x of shape (panels, nodes), row of shape (panels,).
    edges : ndarray
        Of shape (rows, panels + 1), ascending in each row: the first panels.
    precision : float
        The relative error that values of f have: no attempt is made to integrate it.
    floor : ndarray, optional
        Of shape (rows,): differences below it are rounding errors, too.
    wary : bool
        Look beside every edge.

    Returns
    -------
    ndarray or None
        Of shape (rows,); None when panels without end ask for halving, as those of noise do.
    """
    nodes, weights, ends = _rule()
    at = np.concatenate([nodes, (_BESIDE, 1.0 - _BESIDE)]) if wary else nodes

    def sums(left: Array, width: Array, row: Array) -> tuple[Array, Array, Array]:
        values = f(left[:, None] + at * width[:, None], row)
        inside = values[:, :_NODES]
        hidden = (
            np.abs(values[:, _NODES:] - inside @ ends).sum(axis=1) * width if wary else np.zeros(len(row))
        )
        return (inside @ weights) * width, (np.abs(inside) @ weights) * width, hidden

    rows = len(edges)
    width = np.diff(edges).ravel()
    kept = width > 0
    left, width = edges[:, :-1].ravel()[kept], width[kept]
    row = np.repeat(np.arange(rows), edges.shape[1] - 1)[kept]
    coarse, sizes, _ = sums(left, width, row)
    relative, absolute = max(1e-12, precision), max(1e-13, precision / 10)
    size = np.bincount(row, sizes, rows)
    allowed, unseen = absolute * size, max(_HIDDEN, 100 * precision) * size
    if floor is not None:
        allowed += floor
    most = max(_MOST_PANELS, 2 * len(left))
    total = np.zeros(rows)
    for _ in range(_DEEPEST):
        half = width / 2
        # both halves at once: of few panels a call costs more than its numbers
        halves, _, beside = sums(
            np.concatenate([left, left + half]), np.concatenate([half, half]), np.concatenate([row, row])
        )
        first, second = halves[: len(left)], halves[len(left) :]
        fine = first + second
        open_ = np.abs(fine - coarse) > allowed[row] + relative * np.abs(fine)
        if wary:
            open_ |= np.maximum(beside[: len(left)], beside[len(left) :]) > unseen[row]
        settled = ~open_
        total += np.bincount(row[settled], fine[settled], rows)
        if settled.all():
            return total
        left = np.concatenate([left[open_], (left + half)[open_]])
        width = np.concatenate([half[open_], half[open_]])
        row = np.concatenate([row[open_], row[open_]])
        coarse = np.concatenate([first[open_], second[open_]])
        if len(left) > most:
            return None
    result: Array = total + np.bincount(row, coarse, rows)
    return result


@lru_cache(maxsize=1)
def _rule() -> tuple[Array, Array, Array]:
    """Return nodes and weights on [0, 1], and what turns values there into their polynomial's at 0 and 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    powers = np.polynomial.legendre.legvander(nodes, _NODES - 1)
    ends = np.linalg.solve(powers.T, np.polynomial.legendre.legvander(np.array([-1.0, 1.0]), _NODES - 1).T)
    return (nodes + 1) / 2, weights / 2, ends
