"""Products of matrices whose bits are the same everywhere: public as `pyinit.linalg`.

A BLAS library chooses the order of its sums by its version, the CPU and the number of threads, so that the
last bits of a product differ from machine to machine. Here the order is part of the contract.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import DTypeError, LayoutError, ShapeError
from ..stream.arguments import check_threads

__all__ = ["matmul"]

Array = npt.NDArray[Any]

_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def matmul(a: Any, b: Any, *, out: Array | None = None, threads: int | None = None) -> Any:
    """Return the product of two matrices, summed in a fixed order.

    c[i, j] = fma(a[i, k-1], b[k-1, j], ... fma(a[i, 1], b[1, j], fma(a[i, 0], b[0, j], +0))): every element
    is one chain of fused multiply-adds, each rounded once, in ascending depth.

    Parameters
    ----------
    a, b : array_like of float32 or float64
        Both of one dtype; at least 1-D. Shapes are those of `numpy.matmul`: (..., m, k) and (..., k, n), the
        leading axes broadcast against each other; a 1-D `a` is a row and a 1-D `b` a column, and the result
        lacks that axis. Transposed and strided views are read where they lie; memory is copied first only if
        it is not aligned to the dtype, or if strides are not multiples of the item size.
    out : ndarray, optional
        Receives the product: of its shape and dtype, writable, C-contiguous, and without memory in common
        with `a` or `b`.
    threads : int, optional
        At most this many threads; by default PYINIT_NUM_THREADS, else the CPUs of this process.

    Returns
    -------
    ndarray or scalar
        `out` if it was given, else a new array; a scalar for two 1-D factors.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or `out` does not fit them.
    DTypeError
        If a factor is neither float32 nor float64, or the dtypes of the factors and `out` differ.
    LayoutError
        If `out` is read-only, strided, unaligned, or shares memory with a factor.
    ArgumentError
        If `threads` is not a positive integer. Nothing is written then.

    Notes
    -----
    The bits depend on the numbers in `a` and `b` alone: not on strides, threads, instruction set or machine.
    Subnormal numbers are kept and sums are rounded to nearest, even if the caller's thread is set
    otherwise. Infinity and NaN go where IEEE 754 takes them; only the sign and payload of a NaN are the
    machine's.

    Between calls a process keeps at most 32 MiB of working memory, in blocks of at most 8 MiB, which
    products, orthogonal matrices and probes share.

    The error is at most one rounding for each step: abs(c - a b) <= k u abs(a) abs(b) / (1 - k u), element by
    element, with u = 2^-24 for float32 and 2^-53 for float64, as long as nothing overflows or underflows.

    References
    ----------
    Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition, 2002, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> a = np.array([[1, 2], [3, 4]], np.float32)
    >>> pi.linalg.matmul(a, a.T)
    array([[ 5., 11.],
           [11., 25.]], dtype=float32)
    >>> pi.linalg.matmul(a, np.ones(2, np.float32))
    array([3., 7.], dtype=float32)

    There is one rounding for each step; with two, the product would become 1 + 2^-11 and the sum 0:

    >>> row = np.array([-1, 1 + 2.0**-12], np.float32)
    >>> column = np.array([1 + 2.0**-11, 1 + 2.0**-12], np.float32)
    >>> bool(pi.linalg.matmul(row, column) == 2.0**-24)
    True
    """
    count = check_threads(threads) or 0
    a, b = _factor(a, "a"), _factor(b, "b")
    if a.dtype != b.dtype:
        raise DTypeError(
            f"matmul needs both factors in one dtype; got {a.dtype} and {b.dtype}. "
            "Convert one with .astype(), and choose which."
        )
    rows = a[np.newaxis] if a.ndim == 1 else a
    columns = b[:, np.newaxis] if b.ndim == 1 else b
    stack = _stack(a, b, rows, columns)
    matrix = (rows.shape[-2], columns.shape[-1])
    shape = stack + matrix[a.ndim == 1 : 2 - (b.ndim == 1)]
    if out is None:
        product = np.empty(shape, a.dtype)
    else:
        _check_out(out, shape, a, b)
        product = out.view(a.dtype)
    _multiply(rows, columns, product.reshape(stack + matrix), count)
    # a product of two vectors is a number, as NumPy's is
    return product[()] if out is None else out


def _factor(value: Any, name: str) -> Array:
    """Return `value` as an array the kernel can read."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise DTypeError(
            f"matmul needs arrays of float32 or float64; got {name}, which NumPy cannot read: {error}. "
            "Convert it first."
        ) from None
    if array.dtype not in _DTYPES or not array.dtype.isnative:
        raise DTypeError(
            f"matmul needs float32 or float64 in native byte order; got {name} of {array.dtype}. "
            "Convert it with .astype(numpy.float32) or .astype(numpy.float64)."
        )
    if array.ndim == 0:
        raise ShapeError(f"matmul needs at least 1-D factors; got {name} of shape (). Use * for a number.")
    # the plain dtype: an equal one may carry metadata
    array = array.view(_DTYPES[_DTYPES.index(array.dtype)])
    is_regular = all(stride % array.itemsize == 0 for stride in array.strides)
    return array if is_regular and array.flags.aligned else array.copy()


def _stack(a: Array, b: Array, rows: Array, columns: Array) -> tuple[int, ...]:
    """Return the leading axes of the product."""
    if rows.shape[-1] != columns.shape[-2]:
        raise ShapeError(
            f"matmul needs as many columns of a as rows of b; got {rows.shape[-1]} and {columns.shape[-2]} "
            f"in shapes {a.shape} and {b.shape}. Transpose one, or check the order."
        )
    try:
        return np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"matmul needs leading axes that broadcast; got {rows.shape[:-2]} and {columns.shape[:-2]} "
            f"in shapes {a.shape} and {b.shape}. Make them equal, or 1."
        ) from None


def _check_out(out: Any, shape: tuple[int, ...], a: Array, b: Array) -> None:
    if not isinstance(out, np.ndarray):
        raise LayoutError(
            f"matmul needs an ndarray as out; got {type(out).__name__}. "
            f"Use numpy.empty({shape}, {a.dtype.name!r})."
        )
    if out.dtype != a.dtype:
        raise DTypeError(
            f"matmul needs out in the factors' dtype {a.dtype}; got {out.dtype}. "
            f"Use numpy.empty({shape}, {a.dtype.name!r}), and convert afterwards."
        )
    if out.shape != shape:
        raise ShapeError(f"matmul needs out of shape {shape}; got {out.shape}. Use numpy.empty({shape}).")
    if not out.flags.writeable:
        raise LayoutError("matmul needs a writable out; got a read-only array. Copy it.")
    if not out.flags.carray:
        raise LayoutError(
            f"matmul needs an aligned, C-contiguous out; got strides {out.strides} for shape {out.shape}. "
            "Leave it out, and copy the result."
        )
    for name, factor in (("a", a), ("b", b)):
        # bounds first: exactly solving for common elements may take long
        if np.may_share_memory(out, factor) and np.shares_memory(out, factor):
            raise LayoutError(
                f"matmul needs an out without memory of its factors; got one that shares memory with {name}. "
                f"Leave it out, or copy {name}."
            )


def _multiply(a: Array, b: Array, out: Array, threads: int) -> None:
    """Write the product of stacks of matrices."""
    if b.ndim == 2 and a.flags.c_contiguous:
        # one tall product: the order of each element's chain is the same
        lines = math.prod(a.shape[:-1])
        _core.matmul(a.reshape(lines, a.shape[-1]), b, out.reshape(lines, out.shape[-1]), threads)
        return
    stack = out.shape[:-2]
    a = np.broadcast_to(a, stack + a.shape[-2:])
    b = np.broadcast_to(b, stack + b.shape[-2:])
    for index in np.ndindex(stack):
        _core.matmul(a[index], b[index], out[index], threads)
