"""The executable specification: what every kernel draws, in NumPy, clear rather than fast.

Each function takes a key and the global indices, in C order, of the elements to make; `indices` lists those
of a window. Kernels equal these functions: bit for bit in words and uniforms, within a stated error where
logarithms and cosines enter. bfloat16 and float8 are returned as their bits, in uint16 and uint8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.dtypes import DType, encode, resolve
from ..stream.key import Key, philox4x32
from .dense import reflected

__all__ = [
    "affine",
    "block",
    "constant",
    "indices",
    "normal",
    "orthogonal",
    "standard_normal",
    "turn",
    "uniform",
    "words32",
    "words64",
]

Array = npt.NDArray[Any]
Index = npt.NDArray[np.uint64]

_MASK32 = np.uint64(0xFFFFFFFF)


def indices(shape: Sequence[int], start: Sequence[int], extent: Sequence[int]) -> Index:
    """Return the global index of every element of a window, in its shape.

    Examples
    --------
    >>> from pyinit import reference
    >>> reference.indices((3, 4), (1, 2), (2, 2)).tolist()
    [[6, 7], [10, 11]]
    """
    index = np.zeros((1,) * len(shape), np.uint64)
    for axis, n in enumerate(shape):
        along = np.arange(start[axis], start[axis] + extent[axis], dtype=np.uint64)
        index = index * np.uint64(n) + along.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return index


def block(key: Key, n: Index) -> tuple[Index, Index, Index, Index]:
    """Return the four words of blocks `n`, each in the shape of `n`.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> [int(word) for word in reference.block(pi.key(7), np.uint64(0))]
    [4099963437, 3221879260, 490388034, 367897730]
    """
    at = np.atleast_1d(n) + np.uint64(key.offset)
    zero = np.zeros_like(at)
    counter = (at & _MASK32, at >> np.uint64(32), zero, zero)
    words = philox4x32(counter, (key.seed & 0xFFFFFFFF, key.seed >> 32))
    w0, w1, w2, w3 = (word.reshape(np.shape(n)) for word in words)
    return w0, w1, w2, w3


def words32(key: Key, index: Index) -> Index:
    """Return the 32-bit draw of each element: word i mod 4 of block i div 4.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> reference.words32(pi.key(7), np.arange(5, dtype=np.uint64)).tolist()
    [4099963437, 3221879260, 490388034, 367897730, 1747881627]
    """
    draw: Index = np.choose((index & np.uint64(3)).astype(int), block(key, index >> np.uint64(2)))
    return draw


def words64(key: Key, index: Index) -> Index:
    """Return the 64-bit draw of each element: words (0, 1) or (2, 3) of block i div 2, the first one high.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> word = reference.words64(pi.key(7), np.zeros(1, np.uint64))[0]
    >>> int(word) == (4099963437 << 32) + 3221879260
    True
    """
    w0, w1, w2, w3 = block(key, index >> np.uint64(1))
    high, low = np.where(index & np.uint64(1), (w2, w3), (w0, w1))
    draw: Index = (high << np.uint64(32)) | low
    return draw


def affine(values: Array, scale: float, shift: float, dtype: DType) -> Array:
    """Round to the compute dtype, then multiply and add, each rounded once."""
    kind = np.dtype(dtype.compute).type
    result: Array = values.astype(kind) * kind(scale) + kind(shift)
    return result


def _scaled(z: Array, std: float, mean: float, dtype: DType) -> Array:
    """Round to the compute dtype, then multiply and add a mean, each rounded once.

    A mean of 0 is added by the product's own rounding, as a fused multiply-add does: where a product other
    than 0 underflows, the zero has its sign; -0 + 0 would be +0.
    """
    if mean != 0:
        return affine(z, std, mean, dtype)
    kind = np.dtype(dtype.compute).type
    product = z.astype(kind) * kind(std)
    exact = (z.astype(kind) == 0) | (kind(std) == 0)
    result: Array = np.where(exact, product + kind(mean), product)
    return result


def constant(index: Index, value: float, dtype: str = "float32") -> Array:
    """Return the value for every element.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.constant(np.arange(2, dtype=np.uint64), 0.5).tolist()
    [0.5, 0.5]
    """
    found = resolve(dtype)
    return encode(np.full(np.shape(index), value, found.compute), found)


def uniform(
    key: Key,
    index: Index,
    low: float = 0.0,
    high: float = 1.0,
    lowest: float = -math.inf,
    highest: float = math.inf,
    dtype: str = "float32",
) -> Array:
    """Return u * (high - low) + low, kept inside [lowest, highest]; u has 24 bits, or 53 for float64.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.uniform(pi.key(7), np.arange(1000, dtype=np.uint64), -1.0, 1.0)
    >>> bool((made == pi.uniform(-1, 1)(1000, key=7)).all())
    True
    """
    found = resolve(dtype)
    kind = np.dtype(found.compute).type
    if found.word_bits == 64:
        u = (words64(key, index) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53
    else:
        u = (words32(key, index) & np.uint64(2**24 - 1)).astype(np.float64) * 2.0**-24
    width = kind(high) - kind(low)
    return encode(np.clip(affine(u, width, low, found), kind(lowest), kind(highest)), found)


def turn(draw: Index, bits: int) -> tuple[Array, Array]:
    """Return the cosine and the sine of (draw + 1/2) / 2^bits turns, reduced exactly."""
    eighth, quarter = np.uint64(1 << (bits - 3)), np.uint64(bits - 2)
    quadrant = ((draw + eighth) >> quarter) & np.uint64(3)
    with np.errstate(over="ignore"):
        rest = (draw - (quadrant << quarter)).astype(np.int64)
    # only a 32-bit draw can be a full turn behind, a 64-bit difference wraps
    rest = np.where(rest >= 1 << (bits - 2), rest - (1 << bits), rest) if bits == 32 else rest
    angle = (rest.astype(np.float64) + 0.5) * (2 * math.pi * 2.0**-bits)
    cosine, sine = np.cos(angle), np.sin(angle)
    return (
        np.choose(quadrant.astype(int), (cosine, -sine, -cosine, sine)),
        np.choose(quadrant.astype(int), (sine, cosine, -sine, -cosine)),
    )


def standard_normal(key: Key, index: Index, dtype: str = "float32") -> Array:
    """Return z of each element, before rounding, in float64.

    z_i = r cos(2 pi v) for even i and r sin(2 pi v) for odd i, r = sqrt(-2 ln u); u of the even element
    and v of the odd one.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> reference.standard_normal(pi.key(7), np.arange(4, dtype=np.uint64)).round(5).tolist()
    [0.00029, -0.30485, 1.78876, 1.06787]
    """
    found = resolve(dtype)
    even = index & ~np.uint64(1)
    if found.word_bits == 64:
        u = words64(key, even).astype(np.float64) * 2.0**-64 + 2.0**-65
        cosine, sine = turn(words64(key, even + np.uint64(1)), 64)
    else:
        scaled = words32(key, even).astype(np.float32) * np.float32(2.0**-32)
        u = (scaled + np.float32(2.0**-33)).astype(np.float64)
        cosine, sine = turn(words32(key, even + np.uint64(1)), 32)
    radius = np.sqrt(np.abs(2 * np.log(u)))
    z: Array = radius * np.where(index & np.uint64(1), sine, cosine)
    return z


def normal(key: Key, index: Index, mean: float = 0.0, std: float = 1.0, dtype: str = "float32") -> Array:
    """Return z * std + mean, each operation rounded once.

    Where mean is 0 and z * std underflows to 0, the zero has the sign of z.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.normal(pi.key(7), np.arange(1000, dtype=np.uint64), std=0.5)
    >>> bool(abs(made - pi.normal(std=0.5)(1000, key=7)).max() < 1e-6)
    True
    """
    found = resolve(dtype)
    with np.errstate(under="ignore"):
        return encode(_scaled(standard_normal(key, index, dtype), std, mean, found), found)


def orthogonal(key: Key, rows: int, columns: int, gain: float = 1.0, dtype: str = "float32") -> Array:
    """Return gain times the orthonormal columns, or rows where they are fewer, of drawn reflectors.

    With m >= n the two sizes, number i of vector k is the normal draw of element i n + k.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> made = reference.orthogonal(pi.key(7), 6, 4)
    >>> bool(abs(made - pi.orthogonal()((6, 4), key=7)).max() < 1e-6)
    True
    """
    found = resolve(dtype)
    shape = (max(rows, columns), min(rows, columns))
    q = reflected(normal(key, indices(shape, (0, 0), shape), dtype=found.compute))
    kind = np.dtype(found.compute).type
    return encode((q if rows >= columns else q.T) * float(kind(gain)), found)
