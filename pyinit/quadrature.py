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
_DEEPEST = 60
_MOST_PANELS = 1 << 16


def integrals(
    f: Callable[[Array, Array], Array], edges: Array, precision: float = 0.0, floor: Array | None = None
) -> Array | None:
    """Return the integral of every row, by Gauss-Legendre on panels, halved where halving changes the sum.

    A kink or a jump inside a panel costs one panel a level, so sixty levels leave nothing of it; at an edge
    it costs nothing. What is returned is the finer of two sums that differ by 1e-12 of a panel or 1e-13 of
    the row, so that the error of smooth functions is rounding.

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

    Returns
    -------
    ndarray or None
        Of shape (rows,); None when panels without end ask for halving, as those of noise do.
    """
    nodes, weights = _rule()

    def sums(left: Array, width: Array, row: Array) -> tuple[Array, Array]:
        values = f(left[:, None] + nodes * width[:, None], row)
        return (values @ weights) * width, (np.abs(values) @ weights) * width

    rows = len(edges)
    width = np.diff(edges).ravel()
    kept = width > 0
    left, width = edges[:, :-1].ravel()[kept], width[kept]
    row = np.repeat(np.arange(rows), edges.shape[1] - 1)[kept]
    coarse, sizes = sums(left, width, row)
    relative, absolute = max(1e-12, precision), max(1e-13, precision / 10)
    allowed = absolute * np.bincount(row, sizes, rows)
    if floor is not None:
        allowed += floor
    most = max(_MOST_PANELS, 2 * len(left))
    total = np.zeros(rows)
    for _ in range(_DEEPEST):
        half = width / 2
        first, second = sums(left, half, row)[0], sums(left + half, half, row)[0]
        fine = first + second
        open_ = np.abs(fine - coarse) > allowed[row] + relative * np.abs(fine)
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
def _rule() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2
