"""The executable specification: what every kernel draws, in NumPy, clear rather than fast.

Each function takes a key and the global indices, in C order, of the elements to make; `indices` lists those
of a window. Kernels equal these functions: bit for bit in words, uniforms and zeros of sparse tensors, within
a stated error where logarithms and cosines enter. bfloat16 is returned as its bits, in uint16.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.dtypes import DType, encode, resolve
from ..stream.key import Key, philox4x32
from .dense import fma, matmul, reflected

__all__ = [
    "block",
    "constant",
    "fma",
    "indices",
    "matmul",
    "normal",
    "orthogonal",
    "permuted",
    "philox4x32",
    "sparse",
    "truncated_normal",
    "uniform",
    "words32",
    "words64",
]

Array = npt.NDArray[Any]
Index = npt.NDArray[np.uint64]

_MASK32 = np.uint64(0xFFFFFFFF)


def indices(shape: Sequence[int], start: Sequence[int], extent: Sequence[int]) -> Index:
    """Return the global index of every element of a window, in its shape."""
    index = np.zeros((1,) * len(shape), np.uint64)
    for axis, n in enumerate(shape):
        along = np.arange(start[axis], start[axis] + extent[axis], dtype=np.uint64)
        index = index * np.uint64(n) + along.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return index


def block(key: Key, n: Index) -> tuple[Index, Index, Index, Index]:
    """Return the four words of blocks `n`, each in the shape of `n`."""
    at = np.atleast_1d(n) + np.uint64(key.offset)
    zero = np.zeros_like(at)
    counter = (at & _MASK32, at >> np.uint64(32), zero, zero)
    words = philox4x32(counter, (key.seed & 0xFFFFFFFF, key.seed >> 32))
    w0, w1, w2, w3 = (word.reshape(np.shape(n)) for word in words)
    return w0, w1, w2, w3


def words32(key: Key, index: Index) -> Index:
    """Return the 32-bit draw of each element: word i mod 4 of block i div 4."""
    draw: Index = np.choose((index & np.uint64(3)).astype(int), block(key, index >> np.uint64(2)))
    return draw


def words64(key: Key, index: Index) -> Index:
    """Return the 64-bit draw of each element: words (0, 1) or (2, 3) of block i div 2, the first one high."""
    w0, w1, w2, w3 = block(key, index >> np.uint64(1))
    high, low = np.where(index & np.uint64(1), (w2, w3), (w0, w1))
    draw: Index = (high << np.uint64(32)) | low
    return draw


def _affine(values: Array, scale: float, shift: float, dtype: DType) -> Array:
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
        return _affine(z, std, mean, dtype)
    kind = np.dtype(dtype.compute).type
    product = z.astype(kind) * kind(std)
    exact = (z.astype(kind) == 0) | (kind(std) == 0)
    result: Array = np.where(exact, product + kind(mean), product)
    return result


def constant(index: Index, value: float, dtype: str = "float32") -> Array:
    """Return the value for every element."""
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
    """Return u * (high - low) + low, kept inside [lowest, highest]; u has 24 bits, or 53 for float64."""
    found = resolve(dtype)
    kind = np.dtype(found.compute).type
    if found.word_bits == 64:
        u = (words64(key, index) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53
    else:
        u = (words32(key, index) & np.uint64(2**24 - 1)).astype(np.float64) * 2.0**-24
    width = kind(high) - kind(low)
    return encode(np.clip(_affine(u, width, low, found), kind(lowest), kind(highest)), found)


def _turn(draw: Index, bits: int) -> tuple[Array, Array]:
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
    """
    found = resolve(dtype)
    even = index & ~np.uint64(1)
    if found.word_bits == 64:
        u = words64(key, even).astype(np.float64) * 2.0**-64 + 2.0**-65
        cosine, sine = _turn(words64(key, even + np.uint64(1)), 64)
    else:
        scaled = words32(key, even).astype(np.float32) * np.float32(2.0**-32)
        u = (scaled + np.float32(2.0**-33)).astype(np.float64)
        cosine, sine = _turn(words32(key, even + np.uint64(1)), 32)
    radius = np.sqrt(np.abs(2 * np.log(u)))
    z: Array = radius * np.where(index & np.uint64(1), sine, cosine)
    return z


def normal(key: Key, index: Index, mean: float = 0.0, std: float = 1.0, dtype: str = "float32") -> Array:
    """Return z * std + mean, each operation rounded once.

    Where mean is 0 and z * std underflows to 0, the zero has the sign of z.
    """
    found = resolve(dtype)
    with np.errstate(under="ignore"):
        return encode(_scaled(standard_normal(key, index, dtype), std, mean, found), found)


# fmt: off
_CENTRE = (
    (
        3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3,
        1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
        3.3430575583588128105e4, 2.5090809287301226727e3,
    ),
    (
        1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
        5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
        2.8729085735721942674e4, 5.2264952788528545610e3,
    ),
)
_TAIL = (
    (
        1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
        3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187, 1.67638483018380384940,
        6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
        5.47593808499534494600e-4, 1.05075007164441684324e-9,
    ),
)
_FAR_TAIL = (
    (
        6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
        2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
        1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
        1.42151175831644588870e-7, 2.04426310338993978564e-15,
    ),
)
# fmt: on


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Array) -> Array:
    top, bottom = (np.polynomial.polynomial.polyval(x, np.array(c)) for c in coefficients)
    ratio: Array = top / bottom
    return ratio


def quantile(tail: Array, doubled: Array, scale: int = 0) -> Array:
    """Return the magnitude of the standard normal quantile at p, in float64 to about 1e-16 (relative).

    It takes min(p, 1 - p), times 2^scale, and |2 p - 1|, because either alone loses digits at one end.
    Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, PPND16.
    """
    half = doubled / 2
    near = half <= 0.425
    distance = np.sqrt(scale * math.log(2) - np.log(np.where(near, 0.075, tail)))
    return np.where(
        near,
        half * _ratio(_CENTRE, 0.180625 - np.where(near, half * half, 0.0)),
        np.where(distance <= 5, _ratio(_TAIL, distance - 1.6), _ratio(_FAR_TAIL, distance - 5)),
    )


def truncated_normal(
    key: Key,
    index: Index,
    mean: float,
    std: float,
    lowest: float,
    highest: float,
    numbers: tuple[Any, ...],
    dtype: str = "float32",
) -> Array:
    """Return z * std + mean inside [lowest, highest], z the quantile at Phi(a) + (w + 1/2) 2^-N M.

    M = Phi(b) - Phi(a); `numbers` are those of the plan, which describe a and b.
    """
    found = resolve(dtype)
    bits = found.word_bits
    word = words64(key, index) if bits == 64 else words32(key, index)
    sign, scale, pivot, step, lower_tail, upper_tail, lower_centre, upper_centre, centre_step = numbers
    most = np.uint64(2**bits - 1)
    if sign < 0:
        word = word ^ most
    lower = word < np.uint64(pivot)
    from_end = np.where(lower, word, word ^ most).astype(np.float64)
    between = np.where(lower, np.uint64(pivot) - word - np.uint64(1), word - np.uint64(pivot)).astype(
        np.float64
    )
    tail = from_end * step + np.where(lower, lower_tail, upper_tail)
    doubled = between * centre_step + np.where(lower, lower_centre, upper_centre)
    if scale:
        doubled = np.ones_like(doubled)
    z = np.where(lower, -sign, sign) * quantile(tail, doubled, scale)
    kind = np.dtype(found.compute).type
    return encode(np.clip(_affine(z, std, mean, found), kind(lowest), kind(highest)), found)


ROUNDS = 24
"""Rounds of swap-or-not."""

LOWBIAS32 = (0x7FEB352D, 0x846CA68B)
"""The multipliers of the hash that decides each round."""


def permuted(mask: Key, row: Index, column: Index, rows: int) -> Index:
    """Return where each row goes in its column's permutation of 0 .. rows - 1.

    Swap-or-not: in round t, with the word r of the column (word t mod 4 of block 6 j + t div 4 of the mask's
    key), a row x and its partner y = (r rows / 2^32 - x) mod rows change places when the top bit of a hash of
    max(x, y) and r is set. Both ends of a pair decide alike, so each round is a bijection. A Feistel network
    would not do: on the few bits of a short column its rounds are affine, and most subsets never occur.
    Swap-or-not permutes any number of rows, and each round halves what is left of a bias.

    Source: Hoang, Morris, Rogaway, "An enciphering scheme based on a card shuffle", CRYPTO 2012; the hash is
    Wellons' lowbias32, without its last shift.
    """
    x, column = np.broadcast_arrays(row, column)
    for t in range(ROUNDS):
        if t % 4 == 0:
            words = block(mask, column * np.uint64(ROUNDS // 4) + np.uint64(t // 4))
        r = words[t % 4]
        shift = (r * np.uint64(rows)) >> np.uint64(32)
        y = np.where(shift < x, shift + np.uint64(rows) - x, shift - x)
        # 32-bit products: the masks keep the low half
        h = np.maximum(x, y) ^ r
        h = ((h ^ (h >> np.uint64(16))) * np.uint64(LOWBIAS32[0])) & _MASK32
        h = ((h ^ (h >> np.uint64(15))) * np.uint64(LOWBIAS32[1])) & _MASK32
        x = np.where(h >> np.uint64(31), y, x)
    return x


def sparse(
    key: Key,
    mask: Key,
    shape: tuple[int, int],
    index: Index,
    mean: float,
    std: float,
    zeros: float,
    dtype: str = "float32",
) -> Array:
    """Return normal draws with zeros: their count in every column, or their probability, is `zeros`.

    With a count, element (i, j) is zero if the permutation of column j sends row i below `zeros`. With a
    probability, an element is zero if the 32-bit draw of the mask's key at its index is below `zeros` 2^32,
    rounded.
    """
    values = normal(key, index, mean, std, dtype)
    if isinstance(zeros, int):
        rows, columns = (np.uint64(n) for n in shape)
        where = permuted(mask, index // columns, index % columns, int(rows)) < np.uint64(zeros)
    else:
        where = words32(mask, index) < np.uint64(round(zeros * 2**32))
    return np.where(where, values.dtype.type(0), values)


def orthogonal(key: Key, rows: int, columns: int, gain: float = 1.0, dtype: str = "float32") -> Array:
    """Return gain times the orthonormal columns, or rows where they are fewer, of drawn reflectors.

    With m >= n the two sizes, number i of vector k is the normal draw of element i n + k.
    """
    found = resolve(dtype)
    shape = (max(rows, columns), min(rows, columns))
    q = reflected(normal(key, indices(shape, (0, 0), shape), dtype=found.compute))
    kind = np.dtype(found.compute).type
    return encode((q if rows >= columns else q.T) * float(kind(gain)), found)
