"""Sums and means in float64, from the first element to the last: `numpy.sum` promises no order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["mean", "total"]


def total(x: npt.NDArray[Any], axis: int = 0, *, keepdims: bool = False) -> Any:
    """Return the sum along an axis that is not empty; with `keepdims` the axis stays, of length 1."""
    sums = np.add.accumulate(x, axis, np.float64)
    return sums.take([-1] if keepdims else -1, axis)


def mean(x: npt.NDArray[Any], axis: int = 0, *, keepdims: bool = False) -> Any:
    """Return the sum along an axis that is not empty, divided by the length of the axis."""
    return total(x, axis, keepdims=keepdims) / x.shape[axis]
