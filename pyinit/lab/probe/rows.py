"""Checks of the rows that a network is run on."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from ...data.arrays import numbers
from ...errors import ShapeError
from ..network.network import Network

__all__ = ["rows_for"]

Array = npt.NDArray[Any]


def rows_for(network: Network, x: npt.ArrayLike, what: str = "a probe") -> Array:
    """Return rows of float32 that a network can take; messages begin with `what`."""
    array = x if _is_fit(x) else numbers(x, "x", np.float32)
    width = network.widths[0]
    if array.ndim != 2 or 0 in array.shape:
        raise ShapeError(
            f"{what} needs x of shape (rows, {width}), not empty; got {array.shape}. Reshape it."
        )
    if array.shape[1] != width:
        raise ShapeError(
            f"the network has {width} inputs; got x with {array.shape[1]} columns. Make the first width "
            f"{array.shape[1]}."
        )
    if any(layer.norm == "batch" for layer in network.layers) and len(array) < 2:
        raise ShapeError("batch normalization needs at least 2 rows; got 1. Give more rows or norm='layer'.")
    return array


def _is_fit(x: Any) -> TypeGuard[Array]:
    """Return whether rows can be read where they are."""
    if not isinstance(x, np.ndarray) or np.ma.isMaskedArray(x) or x.dtype != np.float32:
        return False
    return x.flags.c_contiguous and x.flags.aligned and bool(np.isfinite(x).all())
