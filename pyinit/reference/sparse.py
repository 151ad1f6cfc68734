"""The specification of sparse tensors: which elements are zero, bit for bit as the kernels place them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..stream.key import Key
from .stream import Index, block, normal, words32

__all__ = ["LOWBIAS32", "ROUNDS", "permuted", "sparse"]

Array = npt.NDArray[Any]

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

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> rows = np.arange(4, dtype=np.uint64)
    >>> reference.permuted(pi.key(7), rows, np.uint64(0), 4).tolist()
    [3, 1, 0, 2]
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
        h = ((h ^ (h >> np.uint64(16))) * np.uint64(LOWBIAS32[0])) & np.uint64(0xFFFFFFFF)
        h = ((h ^ (h >> np.uint64(15))) * np.uint64(LOWBIAS32[1])) & np.uint64(0xFFFFFFFF)
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

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit import reference
    >>> index = reference.indices((4, 2), (0, 0), (4, 2))
    >>> made = reference.sparse(pi.key(7), pi.key(8), (4, 2), index, 0.0, 1.0, 3)
    >>> (made == 0).sum(axis=0).tolist()
    [3, 3]
    """
    values = normal(key, index, mean, std, dtype)
    if isinstance(zeros, int):
        rows, columns = (np.uint64(n) for n in shape)
        where = permuted(mask, index // columns, index % columns, int(rows)) < np.uint64(zeros)
    else:
        where = words32(mask, index) < np.uint64(round(zeros * 2**32))
    return np.where(where, values.dtype.type(0), values)
