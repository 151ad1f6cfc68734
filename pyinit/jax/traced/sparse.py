"""Normal draws of which a part is zero, as JAX traces them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...reference.sparse import LOWBIAS32, ROUNDS
from ...stream.kernels import MASK
from ...stream.plan import Plan
from ...stream.window import Shape
from .counter import Words, block, element_index, fold_in, high_product, words32
from .draws import normal
from .elementary import Floats

__all__ = ["mask_key", "sparse"]


def mask_key(key: Words) -> Words:
    """Return the words of the key that decides which elements are zero."""
    low, high = np.frombuffer(blake2b(MASK.encode(), digest_size=8).digest(), "<u4").tolist()
    return fold_in(key, (jnp.uint32(low), jnp.uint32(high)))


def _permuted(mask: Words, row: Words, column: Words, rows: int) -> Words:
    """Return where each row goes in its column's permutation: swap-or-not, as `pyinit.reference.permuted`."""
    quarter = jnp.arange(ROUNDS // 4, dtype=jnp.uint32).reshape(-1, 1, 1)
    low = column[None] * np.uint32(ROUNDS // 4)
    n = low + quarter
    high = high_product(column, jnp.full_like(column, ROUNDS // 4))[None] + (n < low).astype(jnp.uint32)
    drawn = jnp.stack(block(mask, (n, high)), axis=1).reshape(ROUNDS, *column.shape)
    count = np.uint32(rows)

    def shuffled(t: Any, x: Words) -> Words:
        r = drawn[t]
        shift = high_product(r, count)
        y = jnp.where(shift < x, shift + count - x, shift - x)
        h = jnp.maximum(x, y) ^ r
        h = (h ^ h >> 16) * np.uint32(LOWBIAS32[0])
        h = (h ^ h >> 15) * np.uint32(LOWBIAS32[1])
        return jnp.where((h & np.uint32(0x80000000)) != 0, y, x)

    rows_everywhere = jnp.broadcast_to(row, (row.shape[0], column.shape[1]))
    return lax.fori_loop(0, ROUNDS, shuffled, rows_everywhere)


def _along(start: Sequence[Any], extent: Shape, axis: int) -> Words:
    """Return the global index along an axis of a matrix, in a shape that broadcasts."""
    shape = tuple(n if a == axis else 1 for a, n in enumerate(extent))
    return lax.broadcasted_iota(jnp.uint32, shape, axis) + jnp.asarray(start[axis], jnp.uint32)


def sparse(plan: Plan, key: Words, start: Sequence[Any], extent: Shape) -> Floats:
    """Return the window of a sparse tensor: a count of zeros in every column, or each element by chance."""
    index = element_index(plan.shape, start, extent)
    values = normal(plan, key, index)
    mask = mask_key(key)
    zeros = plan.numbers[2]
    if plan.distribution == "sparse":
        row, column = _along(start, extent, 0), _along(start, extent, 1)
        where = _permuted(mask, row, column, plan.shape[0]) < np.uint32(zeros)
    else:
        threshold = round(zeros * 2**32)
        # no word of 32 bits reaches 2^32
        where = words32(mask, index) < np.uint32(threshold) if threshold < 2**32 else jnp.bool_(True)
    return jnp.where(where, values.dtype.type(0), values)
