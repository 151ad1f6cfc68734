"""Haar-distributed unitary matrices: complex Householder reflectors that are drawn, in sums of one order.

Q = H_1 H_2 ... H_n D with H_k = I - v v^H / t, v = x_k + s |x_k| e_k, s = x_kk / |x_kk|, t = |v|^2 / 2 and
D_k = -s, where x_k are the rows k... of column k of a matrix of standard complex normals. So Q is distributed
as the Q of the QR of such a matrix with a positive diagonal of R (Stewart 1980; Mezzadri 2007).

Every sum is a chain of fma of the core's product, and every other operation is one of IEEE 754, so that the
bits depend neither on threads nor on the instruction set. A complex product is a real one, of
[[re, -im], [im, re]] with the parts of the other factor below each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .flattening import Lines

__all__ = ["write"]

Array = npt.NDArray[Any]

_BLOCK = 64
"""Reflectors that are applied together. Bits depend on it: the digests of complex orthogonal matrices."""


def write(
    out: Array,
    keys: list[tuple[int, int]],
    starts: list[int],
    length: int,
    count: int,
    rows: Lines,
    columns: Lines,
    gain: float,
    threads: int,
) -> None:
    """Write lines of gain times the `length` x `count` matrix of each key, as the core's `orthogonal` does.

    Parameters
    ----------
    out : ndarray of complex64 or complex128
        C-contiguous.
    keys : list of (int, int)
        Seed and offset of each matrix.
    starts : list of int
        The element of `out` from which the offsets of each matrix count.
    length, count : int
        Sides of a matrix, length >= count.
    rows, columns : Lines
        The lines to write, and where. A window takes the time of all rows and of the columns up to its last.
    gain : float
        What multiplies the matrix.
    threads : int
        Of the products; 0 for all.
    """
    flat = out.reshape(-1)
    where = rows.offset[:, None] + columns.offset
    needed = int(columns.index[-1]) + 1
    for key, start in zip(keys, starts, strict=True):
        made = _unitary(key, length, count, needed, gain, out.real.dtype, threads)
        flat[where + np.uint64(start)] = made[np.ix_(rows.index, columns.index)]


def _unitary(
    key: tuple[int, int], length: int, count: int, needed: int, gain: float, real: np.dtype[Any], threads: int
) -> Array:
    """Return the first `needed` columns of a matrix; number i of vector k is the draw of element i n + k."""
    drawn = np.empty((length, needed, 2), real)
    whole, start = (length, count, 2), (0, 0, 0)
    _core.fill_normal(drawn, real.name, *key, whole, start, 0.0, 1.0, threads)
    re, im = np.tril(drawn[..., 0]), np.tril(drawn[..., 1])
    halves, sign_re, sign_im = _reflectors(re, im, threads)
    # the parts of Q below each other
    q = np.zeros((2, length, needed), real)
    q[0, np.arange(needed), np.arange(needed)] = 1
    for first in reversed(range(0, needed, _BLOCK)):
        last = min(first + _BLOCK, needed)
        v = _embedded(re[first:, first:last], im[first:, first:last])
        target = q[:, first:, first:]
        changed = np.concatenate(target)
        # v's first half of columns is its real part above its imaginary part
        square = _product(v.T, v[:, : last - first], threads)
        inner = _product(v.T, changed, threads)
        inner = _product(_inverse(square, halves[first:last]), inner, threads)
        target -= _product(v, inner, threads).reshape(target.shape)
    turned = np.empty((length, needed), np.result_type(real, np.complex64))
    scale_re, scale_im = (-gain * sign_re).astype(real), (-gain * sign_im).astype(real)
    turned.real = q[0] * scale_re - q[1] * scale_im
    turned.imag = q[0] * scale_im + q[1] * scale_re
    return turned


def _reflectors(re: Array, im: Array, threads: int) -> tuple[Array, Array, Array]:
    """Turn the drawn vectors into those of the reflectors, in place; return |v|^2 / 2 and the signs s."""
    wide_re, wide_im = re.astype(np.float64), im.astype(np.float64)
    ones = np.ones((1, len(re)))
    norm = np.sqrt(_product(ones, wide_re * wide_re + wide_im * wide_im, threads)[0])
    at = np.arange(re.shape[1])
    first_re, first_im = wide_re[at, at], wide_im[at, at]
    size = np.sqrt(first_re * first_re + first_im * first_im)
    # a number that is 0 has the sign 1, and a vector that is 0 is reflected as e_k
    is_zero, is_empty = size == 0, norm == 0
    divisor = np.where(is_zero, 1.0, size)
    sign_re, sign_im = np.where(is_zero, 1.0, first_re / divisor), first_im / divisor
    norm = np.where(is_empty, 1.0, norm)
    re[at, at], im[at, at] = sign_re * (size + norm), sign_im * (size + norm)
    return np.where(is_empty, 0.5, norm * (norm + size)), sign_re, sign_im


def _embedded(re: Array, im: Array) -> Array:
    """Return the real matrix that multiplies as a complex one does."""
    return np.block([[re, -im], [im, re]])


def _inverse(square: Array, halves: Array) -> Array:
    """Return the inverse of V^H V above its diagonal and |v|^2 / 2 on it, as a matrix that multiplies.

    The product of the block's reflectors is I - V T V^H with this T (Puglisi 1992).
    """
    count = len(halves)
    re, im = square[:count], square[count:]
    found = np.zeros((2, count, count), square.dtype)
    found[0, np.arange(count), np.arange(count)] = 1
    for j in reversed(range(count)):
        found[:, j] /= halves[j].astype(square.dtype)
        above_re, above_im = re[:j, j, None], im[:j, j, None]
        found[0, :j] -= above_re * found[0, j] - above_im * found[1, j]
        found[1, :j] -= above_re * found[1, j] + above_im * found[0, j]
    return _embedded(found[0], found[1])


def _product(a: Array, b: Array, threads: int) -> Array:
    """Return the product of two matrices, each element one chain of fma in ascending depth."""
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    _core.matmul(a, b, out, threads)
    return out
