"""The specification of a probed layer: forward, backward, and statistics over a fixed tree.

The names are those of the kernels; the code is NumPy, clear rather than fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .dense import matmul

__all__ = ["Moments", "dead", "layer_backward", "layer_forward", "linear_slots", "log_slots", "moments"]

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]

_BLOCK, _MOST_ROWS, _LANES = 4096, 64, 32


@dataclass(frozen=True)
class Moments:
    """Statistics of the finite numbers of a matrix; `m2` is the sum of squares about the mean.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> found = reference.moments(np.float32([[1, 2], [3, np.inf]]))
    >>> found.count, found.nonfinite, found.mean, found.m2
    (3, 1, 2.0, 2.0)
    """

    count: int
    nonfinite: int
    saturated: int
    mean: float
    m2: float
    minimum: float
    maximum: float
    histogram: Array


@dataclass(frozen=True)
class _Block:
    count: float
    mean: float
    m2: float
    minimum: float
    maximum: float


def linear_slots(x: Array, low: float, high: float, bins: int) -> Array:
    """Return 0 below `low`, the number of the bin from 1 on, bins + 1 from `high` on; steps in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.linear_slots(np.array([-2.0, 0.0, 0.9, 1.0]), -1.0, 1.0, 4).tolist()
    [0, 3, 4, 5]
    """
    wide = x.astype(np.float64)
    at = np.clip((wide - low) * (bins / (high - low)), 0, bins - 1).astype(np.int64) + 1
    return np.where(wide < low, 0, np.where(wide >= high, bins + 1, at))


def log_slots(x: Array, lowest: int, highest: int, cuts: int) -> Array:
    """Return the slot on a signed logarithmic axis, read from the bits of float32.

    Octaves [2^e, 2^(e+1)), lowest <= e < highest, each in 2^cuts bins; mirrored below zero; one bin between.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> reference.log_slots(np.array([-2.0, 0.0, 0.5, 1.0, 8.0]), -1, 2, 0).tolist()
    [1, 4, 5, 6, 8]
    """
    bits = x.astype(np.float32).view(np.uint32)
    side = (highest - lowest) << cuts
    exponent = ((bits & 0x7FFFFFFF) >> (23 - cuts)).astype(np.int64)
    from_centre = np.clip(exponent - ((lowest + 127) << cuts) + 1, 0, side + 1)
    return side + 1 + np.where(bits >> 31 != 0, -from_centre, from_centre)


def _folded(lanes: Array) -> float:
    width = len(lanes) // 2
    while width:
        lanes = lanes[:width] + lanes[width : 2 * width]
        width //= 2
    return float(lanes[0])


def _summary(block: Array) -> _Block:
    """Return a block's moments: sums about its first finite number, in 32 lanes, added in a fixed tree."""
    finite = np.isfinite(block)
    if not finite.any():
        return _Block(0.0, 0.0, 0.0, math.inf, -math.inf)
    kept = block[finite]
    shift = float(kept[0])
    apart = np.zeros((block.shape[0], -(-block.shape[1] // _LANES) * _LANES))
    apart[:, : block.shape[1]] = np.where(finite, block, block.dtype.type(shift)).astype(np.float64) - shift
    total, squares = np.zeros(_LANES), np.zeros(_LANES)
    for line in apart.reshape(-1, _LANES):
        total = total + line
        squares = squares + line * line
    count, added = float(len(kept)), _folded(total)
    m2 = max(_folded(squares) - added * added / count, 0.0)
    return _Block(count, shift + added / count, m2, float(kept.min()), float(kept.max()))


def _joined(left: _Block, right: _Block) -> _Block:
    """Return the moments of two blocks as one (Chan, Golub and LeVeque 1983)."""
    if left.count == 0:
        return right
    if right.count == 0:
        return left
    count = left.count + right.count
    apart, share = right.mean - left.mean, right.count / count
    m2 = left.m2 + right.m2 + apart * apart * (left.count * share)
    extremes = min(left.minimum, right.minimum), max(left.maximum, right.maximum)
    return _Block(count, left.mean + apart * share, m2, *extremes)


def moments(
    x: Array, flat: tuple[float, float] = (-math.inf, math.inf), slots: Function | None = None, bins: int = 0
) -> Moments:
    """Return the statistics of a matrix, from blocks of 4096 numbers and at most 64 rows.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> found = reference.moments(np.float32([[1, 2], [3, 4]]), flat=(1.0, 4.0))
    >>> found.mean, found.m2, found.saturated
    (2.5, 5.0, 2)
    """
    rows, columns = x.shape
    high = 1 << (min(rows, _MOST_ROWS) - 1).bit_length()
    wide = _BLOCK // high
    blocks = [
        _summary(x[i : i + high, j : j + wide]) for i in range(0, rows, high) for j in range(0, columns, wide)
    ]
    while len(blocks) > 1:
        pairs = [_joined(*blocks[i : i + 2]) for i in range(0, len(blocks) - 1, 2)]
        blocks = pairs + blocks[2 * len(pairs) :]
    whole = blocks[0]
    kept = x[np.isfinite(x)]
    saturated = int(((kept <= flat[0]) | (kept >= flat[1])).sum())
    empty = np.zeros(0, np.int64)
    histogram = empty if slots is None else np.bincount(slots(kept), minlength=bins + 2)
    nonfinite = x.size - len(kept)
    extremes = whole.minimum, whole.maximum
    return Moments(int(whole.count), nonfinite, saturated, whole.mean, whole.m2, *extremes, histogram)


def layer_forward(x: Array, weight: Array, bias: Array | None, phi: Function) -> tuple[Array, Array]:
    """Return z = x W + b and y = phi(z): the product in one chain of fma an element, then one rounding.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> z, y = reference.layer_forward(np.eye(2), np.array([[1.0, -2.0], [0.0, 3.0]]), None, abs)
    >>> y.tolist()
    [[1.0, 2.0], [0.0, 3.0]]
    """
    z = matmul(x, weight)
    if bias is not None:
        z = z + bias
    return z, phi(z)


def layer_backward(
    x: Array, weight: Array, z: Array, dy: Array, slope: Function
) -> tuple[Array, Array, Array, Array]:
    """Return dz = dy phi'(z), dx = dz W^T, dW = x^T dz and db, summed down the rows in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> x, w = np.eye(2), np.array([[1.0, -2.0], [0.0, 3.0]])
    >>> dz, dx, dw, db = reference.layer_backward(x, w, x @ w, np.ones((2, 2)), np.sign)
    >>> dz.tolist(), db.tolist()
    ([[1.0, -1.0], [0.0, 1.0]], [1.0, 0.0])
    """
    dz = slope(z) * dy
    chain = np.zeros(dz.shape[1])
    for row in dz:
        chain = chain + row
    return dz, matmul(dz, weight.T), matmul(x.T, dz), chain.astype(np.float32)


def dead(y: Array, slopes: Array) -> int:
    """Return how many columns are zero in every row, or whose slope is; NaN is not zero.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit import reference
    >>> y = np.array([[0.0, 1.0], [0.0, 2.0]])
    >>> reference.dead(y, np.sign(y))
    1
    """
    return int(((y == 0).all(axis=0) | (slopes == 0).all(axis=0)).sum())
