"""Where a rectangle sits in a whole tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ShapeError
from .arguments import brief

__all__ = [
    "ContiguousBlocks",
    "Shape",
    "Window",
    "check_window",
    "contiguous_blocks",
    "normal_shape",
]

Shape = tuple[int, ...]

_MOST = 2**63 - 1


def normal_shape(shape: Any, itemsize: int = 1) -> Shape:
    """Return `shape` as a tuple of ints; an int is a vector. A tensor must have less than 2**63 bytes."""
    try:
        dims = (shape.__index__(),) if _is_index(shape) else tuple(d.__index__() for d in shape)
    except (AttributeError, TypeError):
        raise ShapeError(f"a shape is a tuple of integers; got {shape!r}. Use () for a scalar.") from None
    size = itemsize
    for dim in dims:
        if dim < 0:
            raise ShapeError(f"a shape holds no negative sizes; got {dims}. Name every size.")
        size *= dim or 1
    if size > _MOST:
        raise ShapeError(
            f"a tensor must have less than 2**63 bytes; shape {brief(dims)} needs {brief(size)}. Split it."
        )
    return dims


def _is_index(value: Any) -> bool:
    """Return whether a value is an integer; an array of several has __index__ too."""
    return hasattr(value, "__index__") and getattr(value, "ndim", 0) == 0


@dataclass(frozen=True)
class Window:
    """Says where a rectangle sits in the whole tensor.

    The values of a rectangle are those that the whole tensor has there: shards, rows read back from
    a file and a tensor made as a whole agree bit for bit.

    Parameters
    ----------
    start : sequence of int
        Index of the rectangle's first element along each axis.
    global_shape : sequence of int
        Shape of the whole tensor, from which fans are counted.

    Raises
    ------
    ShapeError
        If the two differ in length or `start` is outside the tensor.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> whole = pi.normal()((6, 4), key=0)
    >>> shard = pi.normal()((2, 4), key=0, window=pi.Window(start=(3, 0), global_shape=(6, 4)))
    >>> bool(np.array_equal(shard, whole[3:5]))
    True
    """

    start: Shape
    global_shape: Shape

    def __post_init__(self) -> None:
        whole = normal_shape(self.global_shape)
        try:
            start = tuple(int(i.__index__()) for i in self.start)
        except (AttributeError, TypeError):
            raise ShapeError(
                f"a window's start is a tuple of integers; got {self.start!r}. Give one index per axis."
            ) from None
        if len(start) != len(whole):
            raise ShapeError(
                f"a window needs one start per axis of {whole}; got {start}. Use 0 for an axis taken whole."
            )
        if any(not 0 <= i <= n for i, n in zip(start, whole, strict=True)):
            raise ShapeError(
                f"a window must start inside {whole}; got start {start}. Count from 0; no negative indices."
            )
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "global_shape", whole)

    @property
    def offset(self) -> int:
        """Global index, in C order, of the first element."""
        index = 0
        for i, n in zip(self.start, self.global_shape, strict=True):
            index = index * n + i
        return index


def check_window(window: Any, extent: Shape) -> None:
    """Raise ShapeError unless `window` is a Window with room for a rectangle of shape `extent`."""
    if not isinstance(window, Window):
        raise ShapeError(f"window must be a Window; got {window!r}. Use pyinit.Window(start, global_shape).")
    if len(extent) != len(window.start):
        raise ShapeError(
            f"a window of {window.global_shape} needs {len(window.start)} axes; got shape {extent}. "
            "Reshape it without copying."
        )
    if any(i + e > n for i, e, n in zip(window.start, extent, window.global_shape, strict=True)):
        raise ShapeError(
            f"the window at {window.start} with shape {extent} reaches beyond the tensor "
            f"{window.global_shape}. Make the rectangle or the start smaller."
        )


def contiguous_blocks(shape: Sequence[int], max_elements: int) -> Iterator[tuple[Window, Shape]]:
    """Split a tensor, in C order, into rectangles that are contiguous in memory.

    Parameters
    ----------
    shape : sequence of int
        Shape of the whole tensor.
    max_elements : int
        Most elements a rectangle may have, at least 1.

    Yields
    ------
    window : Window
        Where the rectangle starts; ``window.offset`` counts the elements before it.
    extent : tuple of int
        Its shape.
    """
    cut = ContiguousBlocks.of(shape, max_elements)
    for number in range(len(cut)):
        yield cut[number]


@dataclass(frozen=True)
class ContiguousBlocks:
    """The rectangles that `contiguous_blocks` yields, any of them alone.

    Parameters
    ----------
    shape : tuple of int
        Of the whole tensor.
    axis : int
        The axis that is cut into runs; axes before it are taken one index at a time, those after it whole.
        -1 where nothing is cut.
    rows : int
        Indices of a run.
    """

    shape: Shape
    axis: int
    rows: int

    @classmethod
    def of(cls, shape: Sequence[int], max_elements: int) -> ContiguousBlocks:
        """Return the blocks of at most so many elements."""
        whole = normal_shape(shape)
        if max_elements < 1:
            raise ShapeError(
                f"a block needs room for at least 1 element; got {max_elements}. Use a larger block."
            )
        axis, inner = len(whole), 1
        while axis > 0 and inner * whole[axis - 1] <= max_elements:
            axis -= 1
            inner *= whole[axis]
        return cls(whole, axis - 1, max_elements // max(inner, 1))

    def __len__(self) -> int:
        if 0 in self.shape:
            return 0
        return 1 if self.axis < 0 else math.prod(self.shape[: self.axis]) * self._runs

    def __getitem__(self, number: int) -> tuple[Window, Shape]:
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} blocks; got block {number}")
        if self.axis < 0:
            return Window((0,) * len(self.shape), self.shape), self.shape
        outer, run = divmod(number, self._runs)
        leading = []
        for n in reversed(self.shape[: self.axis]):
            outer, i = divmod(outer, n)
            leading.append(i)
        first, tail = run * self.rows, self.shape[self.axis + 1 :]
        start = (*reversed(leading), first, *(0 for _ in tail))
        rows = min(self.rows, self.shape[self.axis] - first)
        return Window(start, self.shape), (*(1 for _ in leading), rows, *tail)

    @property
    def _runs(self) -> int:
        return -(-self.shape[self.axis] // self.rows)
