"""New rows of a table, such as new words of a vocabulary, from mean and covariance of the old ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DTypeError, ShapeError
from ..stream.arguments import brief, count, number
from ..stream.kernels import execute
from ..stream.key import Key, as_key
from ..stream.plan import Plan
from .product import matmul
from .sums import mean

__all__ = ["grow_rows"]

# rows and columns that are made at a time
_ROWS, _COLUMNS = 64, 256


def grow_rows(table: Any, rows: int, *, key: int | Key, scale: float = 1e-9) -> npt.NDArray[Any]:
    """Return a table with more rows, which are drawn around the mean of its rows.

    new[i] = m + sqrt(scale / n) sum_j z[i, j] (x[j] - m), of n old rows x with mean m, z standard normal.

    A new row has mean m and covariance scale * C, where C is the covariance of the old rows; no matrix is
    factored. A word at the mean is at most as probable as the old words are on average, because
    exp(h m) <= mean exp(h x) for any state h: each new word takes at most 1 / (n + 1) from a language model's
    old words. Rows of another start can take nearly all. A row does not depend on how many follow it.

    Parameters
    ----------
    table : array_like of floats
        (n, width), finite; n is at least 1.
    rows : int
        Of the result; at least n.
    key : int or Key
        An int is a seed.
    scale : float
        Of the covariance; finite, at least 0. 0 repeats the mean.

    Returns
    -------
    ndarray
        (rows, width), of the table's dtype: the table, and below it the new rows, computed in float64 and
        rounded once.

    Raises
    ------
    ShapeError
        If the table is not a matrix with rows, or `rows` is less than it has.
    DTypeError, DataError, RecipeError, SeedError
        If the table does not hold floats or holds one that is not finite, or a number is not valid.

    References
    ----------
    Hewitt, "Initializing new word embeddings for pretrained language models", 2021; transformers
    ``resize_token_embeddings(mean_resizing=True)``, whose covariance and scale these are.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> table = np.array([[0.0, 2.0], [2.0, 2.0]])
    >>> pi.linalg.grow_rows(table, 3, key=0).round(3)
    array([[0., 2.],
           [2., 2.],
           [1., 2.]])
    """
    old = np.asarray(table)
    if old.ndim != 2 or not len(old):
        raise ShapeError(f"grow_rows needs a matrix with rows; got shape {old.shape}. Give (n, width).")
    if old.dtype.kind != "f" and old.dtype.name != "bfloat16":
        raise DTypeError(f"grow_rows needs floats; got {old.dtype}. Convert the table first.")
    total, factor = count("rows", rows), math.sqrt(number("grow_rows' scale", scale, least=0.0) / len(old))
    if total < len(old):
        raise ShapeError(
            f"grow_rows keeps all {len(old)} rows; got rows={brief(rows)}. Slice the table instead."
        )
    root = as_key(key)
    centre = np.concatenate(
        [mean(old[:, at : at + _COLUMNS]) for at in range(0, old.shape[1], _COLUMNS)] or [[]]
    )
    if not np.isfinite(centre).all():
        raise DataError("grow_rows needs finite values; the table has others. Find where they come from.")
    out = np.empty((total, old.shape[1]), old.dtype)
    out[: len(old)] = old
    plan = Plan("normal", (total - len(old), len(old)), "float64", numbers=(0.0, 1.0))
    for first in range(len(old), total, _ROWS):
        drawn = np.empty((min(_ROWS, total - first), len(old)))
        execute(plan, drawn, root, (first - len(old), 0), None)
        for at in range(0, old.shape[1], _COLUMNS):
            middle = centre[at : at + _COLUMNS]
            deviations = old[:, at : at + _COLUMNS].astype(np.float64) - middle
            made = middle + factor * matmul(drawn, deviations)
            out[first : first + len(drawn), at : at + _COLUMNS] = made.astype(old.dtype)
    return out
