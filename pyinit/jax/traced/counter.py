"""Stream version 1 in 32-bit words that JAX can trace: element index -> block -> words.

The mapping is that of `pyinit.reference.words32` and `words64`, bit for bit, on any backend, whether 64-bit
types are on or not: a number of 64 bits is a pair (low, high) of uint32. Each element works out its own
block, so that XLA can cut the result along any axis without communication.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...stream.key import MULTIPLIERS, WEYL
from ...stream.window import Shape

__all__ = [
    "Wide",
    "block",
    "element_index",
    "fold_in",
    "high_product",
    "pair32",
    "pair64",
    "words32",
    "words64",
]

Words = Any
"""An array of uint32, or a tracer of one."""

Wide = tuple[Words, Words]
"""A number of 64 bits: its low word and its high word."""

_MASK32 = 0xFFFFFFFF


def _word(value: int) -> np.uint32:
    return np.uint32(value & _MASK32)


def high_product(x: Words, y: Words) -> Words:
    """Return the high word of x y, by way of uint64, which needs no 64-bit types of the caller.

    Each word is used once. With products of 16-bit halves, LLVM's loop vectorizer walks some 10^8 paths from
    the counter of a block to its words, for half a minute with JAX 0.11 and 0.12. XLA cannot divide
    `lax.mulhi` among several devices.
    """
    with jax.enable_x64(True):
        wide = _wide(x) * _wide(y)
        return lax.convert_element_type(wide >> np.uint64(32), jnp.uint32)


def _wide(word: Words) -> Any:
    return np.uint64(word) if isinstance(word, np.uint32) else lax.convert_element_type(word, jnp.uint64)


def _add(a: Wide, b: Wide) -> Wide:
    """Return a + b modulo 2^64."""
    low = a[0] + b[0]
    return low, a[1] + b[1] + (low < a[0]).astype(jnp.uint32)


def _times(i: Words, factor: int) -> Wide:
    """Return i times a constant, modulo 2^64."""
    low, high = _word(factor), _word(factor >> 32)
    return i * low, high_product(i, low) + i * high


def _shifted(index: Wide, bits: int) -> Wide:
    """Return index >> bits, 0 < bits < 32."""
    low, high = index
    return low >> np.uint32(bits) | high << np.uint32(32 - bits), high >> np.uint32(bits)


def element_index(shape: Shape, start: Sequence[Any], extent: Shape) -> Wide:
    """Return the global index, in C order, of every element of a window of `extent` that begins at `start`.

    `start` holds integers or scalars of uint32; each axis has fewer than 2^32 elements.
    """
    zero = jnp.zeros((1,) * len(extent), jnp.uint32)
    total: Wide = (zero, zero)
    for axis, (first, n) in enumerate(zip(start, extent, strict=True)):
        along = tuple(n if a == axis else 1 for a in range(len(extent)))
        begin = _word(first) if isinstance(first, int) else first
        i = lax.broadcasted_iota(jnp.uint32, along, axis) + begin
        stride = math.prod(shape[axis + 1 :])
        if math.prod(shape) <= 2**32:
            total = (total[0] + i * _word(stride), zero)
        else:
            total = _add(total, _times(i, stride))
    return jnp.broadcast_to(total[0], extent), jnp.broadcast_to(total[1], extent)


def block(key: Words, n: Wide) -> tuple[Words, Words, Words, Words]:
    """Return the four words of blocks `n` of a key (lo seed, hi seed, lo offset, hi offset)."""
    k0, k1 = key[0], key[1]
    c0, c1 = _add((key[2], key[3]), n)
    c2 = c3 = jnp.zeros_like(c0)
    first, second = (_word(m) for m in MULTIPLIERS)
    for _ in range(10):
        high0, low0 = high_product(c0, first), c0 * first
        high1, low1 = high_product(c2, second), c2 * second
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + _word(WEYL[0]), k1 + _word(WEYL[1])
    return c0, c1, c2, c3


def fold_in(key: Words, number: Wide) -> Words:
    """Return the four words of `Key.fold_in` of each number, along a last axis."""
    return jnp.stack(block(key, number), axis=-1)


def _bit(word: Words, number: int) -> Any:
    return (word & np.uint32(1 << number)) != 0


def pair32(key: Words, index: Wide) -> tuple[Words, Words]:
    """Return the 32-bit draws of the even element and of the odd one, of the pair that each element is in."""
    w0, w1, w2, w3 = block(key, _shifted(index, 2))
    upper = _bit(index[0], 1)
    return jnp.where(upper, w2, w0), jnp.where(upper, w3, w1)


def words32(key: Words, index: Wide) -> Words:
    """Return the 32-bit draw of each element: word i mod 4 of block i div 4."""
    even, odd = pair32(key, index)
    return jnp.where(_bit(index[0], 0), odd, even)


def pair64(key: Words, index: Wide) -> tuple[Wide, Wide]:
    """Return the 64-bit draws of the even element and of the odd one, of each element's pair."""
    w0, w1, w2, w3 = block(key, _shifted(index, 1))
    return (w1, w0), (w3, w2)


def words64(key: Words, index: Wide) -> Wide:
    """Return the 64-bit draw of each element: words (0, 1) or (2, 3) of block i div 2, the first one high."""
    (low0, high0), (low1, high1) = pair64(key, index)
    odd = _bit(index[0], 0)
    return jnp.where(odd, low1, low0), jnp.where(odd, high1, high0)
