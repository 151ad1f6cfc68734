"""Tensors that are written, not drawn: values along an axis, identity, dirac, bilinear, HiPPO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import DType, encode
from .window import Shape

__all__ = ["WRITERS", "along", "bilinear", "dirac", "hippo", "identity"]

Array = npt.NDArray[Any]


def _encoded(values: Array, dtype: DType, out: Array) -> Array:
    """Round to the compute dtype, then to what `out` holds."""
    bits = encode(values.astype(dtype.compute), dtype)
    return bits if out.dtype == bits.dtype else bits.view(out.dtype)


def _along(out: Array, start: Shape, axis: int) -> Array:
    """Return the global index along an axis."""
    return np.arange(start[axis], start[axis] + out.shape[axis])


def along(out: Array, dtype: DType, shape: Shape, start: Shape, axis: int, values: tuple[float, ...]) -> None:
    """Write the values of the window's indices along an axis, the same along all others."""
    part = np.array(values[start[axis] : start[axis] + out.shape[axis]])
    out[...] = _encoded(part, dtype, out).reshape([-1 if a == axis else 1 for a in range(out.ndim)])


def identity(out: Array, dtype: DType, shape: Shape, start: Shape, gain: float) -> None:
    """Write `gain` where row and column are equal, and zeros elsewhere."""
    out[...] = 0
    first = max(start)
    last = min(i + n for i, n in zip(start, out.shape, strict=True))
    diagonal = np.arange(first, max(first, last))
    out[diagonal - start[0], diagonal - start[1]] = _encoded(np.array([gain]), dtype, out)


def dirac(
    out: Array,
    dtype: DType,
    shape: Shape,
    start: Shape,
    groups: int,
    in_axis: int,
    out_axis: int,
    batch_axis: tuple[int, ...],
) -> None:
    """Write 1 where output and input channel agree, at the centre k // 2 of each kernel, in each group."""
    out[...] = 0
    if out.size == 0:
        return
    # a view, so that writing to it writes to out
    plane = np.moveaxis(out, (*batch_axis, out_axis, in_axis), range(-2 - len(batch_axis), 0))
    for axis, n in enumerate(shape):
        if axis not in (in_axis, out_axis, *batch_axis):
            at = n // 2 - start[axis]
            if not 0 <= at < out.shape[axis]:
                return
            plane = plane[at]
    channels, outputs = _along(out, start, in_axis), _along(out, start, out_axis)
    same = outputs[:, None] % (shape[out_axis] // groups) == channels
    plane[..., same] = _encoded(np.array([1.0]), dtype, out)


def bilinear(
    out: Array,
    dtype: DType,
    shape: Shape,
    start: Shape,
    in_axis: int,
    out_axis: int,
    batch_axis: tuple[int, ...],
) -> None:
    """Write the upsampling filter, the same for every pair of channels.

    f = ceil(k / 2), c = (2 f - 1 - f mod 2) / (2 f), and 1 - |x / f - c| along each spatial axis (Caffe).
    """
    if out.size == 0:
        return
    values = np.ones((1,) * len(shape))
    for axis, n in enumerate(shape):
        if axis not in (in_axis, out_axis, *batch_axis):
            f = (n + 1) // 2
            c = (2 * f - 1 - f % 2) / (2 * f)
            weight = 1 - np.abs(_along(out, start, axis) / f - c)
            values = values * weight.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    out[...] = _encoded(values, dtype, out)


def hippo(out: Array, dtype: DType, shape: Shape, start: Shape) -> None:
    """Write -sqrt((2 n + 1) (2 k + 1)) below the diagonal, -(n + 1) on it, and zeros above."""
    row, column = _along(out, start, 0)[:, None], _along(out, start, 1)
    below = -np.sqrt(((2 * row + 1) * (2 * column + 1)).astype(np.float64))
    values = np.where(row > column, below, np.where(row == column, -(row + 1.0), 0.0))
    out[...] = _encoded(values, dtype, out)


WRITERS: dict[str, Callable[..., None]] = {
    "along": along,
    "identity": identity,
    "dirac": dirac,
    "bilinear": bilinear,
    "hippo": hippo,
}
