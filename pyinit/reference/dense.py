"""The dense part of the specification: the product of matrices, and of Householder reflections.

`pyinit.reference` exports these functions; its `orthogonal` draws the vectors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["fma", "matmul", "reflected"]

Array = npt.NDArray[Any]


def _fma32(a: Array, b: Array, c: Array) -> Array:
    """Return float32 a b + c: exact product, sum rounded to odd in float64, then to nearest.

    Rounding to odd keeps the two roundings equal to a single one: Boldo and Melquiond, "Emulation of a FMA
    and correctly rounded sums", IEEE Trans. Computers 2008.
    """
    with np.errstate(all="ignore"):
        product, c = a.astype(np.float64) * b, c.astype(np.float64)
        total = np.atleast_1d(product + c)
        # what the sum lost: Knuth's TwoSum
        of_c = total - product
        lost = (product - (total - of_c)) + (c - of_c)
        bits = total.view(np.int64)
        inexact_even = np.isfinite(total) & (lost != 0) & (bits & 1 == 0)
        towards_lost = np.where((lost > 0) == (total > 0), 1, -1)
        odd = np.where(inexact_even, bits + towards_lost, bits).view(np.float64)
        rounded: Array = odd.astype(np.float32).reshape(product.shape)
        return rounded


def _fma64(a: float, b: float, c: float) -> float:
    """Return float64 a b + c, exactly, then rounded: Python divides integers to the nearest float."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return a * b + c
    if not math.isfinite(c):
        return c
    (an, ad), (bn, bd), (cn, cd) = (x.as_integer_ratio() for x in (a, b, c))
    exact = an * bn * cd + cn * ad * bd
    if exact == 0:
        # the sign of a zero
        return a * b + c
    try:
        return exact / (ad * bd * cd)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def fma(a: Array, b: Array, c: Array) -> Array:
    """Return a b + c, element by element, rounded once; float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> a = np.float32([1 + 2**-12])
    >>> float(reference.fma(a, a, -np.ones(1, np.float32))[0]) == 2**-11 + 2**-24
    True
    """
    if a.dtype == np.float32:
        return _fma32(a, b, c)
    each = np.frompyfunc(_fma64, 3, 1)
    with np.errstate(all="ignore"):
        return np.asarray(each(a, b, c), np.float64)


def matmul(a: Array, b: Array) -> Array:
    """Return the product of two matrices: one chain of fma an element, from +0, in ascending depth.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.matmul(np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    product = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for p in range(a.shape[1]):
        product = fma(*np.broadcast_arrays(a[:, p, np.newaxis], b[p], product))
    return product


def reflected(x: Array) -> Array:
    """Return the orthonormal columns H_1 H_2 ... H_n D of drawn vectors, in float64.

    Vector k is x_k = x[k:, k]. H_k = I - 2 v v' / v'v with ``v = x_k + sign(x_kk) |x_k| e_k``, and D_k is
    -sign(x_kk). A vector of one number reflects nothing, and D is its sign.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.reflected(np.array([[3.0, 1.0], [4.0, 2.0]])).round(12).tolist()
    [[0.6, -0.8], [0.8, 0.6]]
    """
    rows, columns = x.shape
    q = np.eye(rows, columns)
    for k in range(columns - 1, -1, -1):
        v = x[k:, k].astype(np.float64)
        if k == rows - 1:
            q[k:, k:] *= np.copysign(1.0, v[0])
            continue
        sign = np.copysign(1.0, v[0])
        v[0] += sign * np.linalg.norm(v)
        q[k:, k:] -= np.outer(v, (2 / (v @ v)) * (v @ q[k:, k:]))
        q[:, k] *= -sign
    return q
