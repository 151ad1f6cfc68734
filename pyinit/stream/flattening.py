"""A tensor as a stack of matrices: which axes are flattened into rows, which into columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .window import Shape

__all__ = ["Flattening", "Lines"]


@dataclass(frozen=True)
class Lines:
    """The lines of a matrix that a window holds: their ascending indices, and their offsets in memory."""

    index: npt.NDArray[np.uint64]
    offset: npt.NDArray[np.uint64]

    def lists(self) -> tuple[list[int], list[int]]:
        """Return both as lists."""
        return self.index.tolist(), self.offset.tolist()


@dataclass(frozen=True)
class Flattening:
    """The axes of a tensor that are flattened in C order, into rows and columns; the others are a stack."""

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    stack: tuple[int, ...] = ()

    def size(self, shape: Shape) -> tuple[int, int]:
        """Return the number of rows and of columns."""
        return math.prod(shape[axis] for axis in self.rows), math.prod(shape[axis] for axis in self.columns)

    def lines(
        self, shape: Shape, start: Shape, extent: Shape, steps: Shape | None = None
    ) -> tuple[Lines, Lines, Lines]:
        """Return the rows, the columns and the members of the stack in a window of `extent`.

        `steps` says how many elements of memory lie between neighbours along each axis; by default the window
        is C-contiguous.
        """
        if steps is None:
            steps = tuple(math.prod(extent[axis + 1 :]) for axis in range(len(extent)))
        return (
            _lines(self.rows, shape, start, extent, steps),
            _lines(self.columns, shape, start, extent, steps),
            _lines(self.stack, shape, start, extent, steps),
        )


def _lines(axes: tuple[int, ...], shape: Shape, start: Shape, extent: Shape, steps: Shape) -> Lines:
    index: npt.NDArray[Any] = np.zeros(1, np.uint64)
    offset: npt.NDArray[Any] = np.zeros(1, np.uint64)
    for axis in axes:
        along = np.arange(extent[axis], dtype=np.uint64)
        step = np.uint64(steps[axis])
        index = (index[:, None] * np.uint64(shape[axis]) + along + np.uint64(start[axis])).reshape(-1)
        offset = (offset[:, None] + along * step).reshape(-1)
    return Lines(index, offset)
