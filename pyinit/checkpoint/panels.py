"""A matrix that is drawn whole, made in panels of the lines that cost only their share.

Why panels: an orthogonal matrix of 16384 x 16384 float32 numbers takes 1 GiB, its panels 64 MiB. What all of
them need, the reflectors, is drawn again for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from ..stream.window import Shape, Window
from .contents import Content, Drawn
from .digest import Digest, scattered_crc32
from .found import is_measured, joined, moments_of

__all__ = ["Panel", "joined_digest", "panels_of"]

# a fixed size: mean and std depend on where blocks end
_MOMENTS_BYTES = 1 << 20


@dataclass(frozen=True)
class Panel:
    """A part of a rectangle that is cut along one axis: rows of bytes that begin `step` apart.

    Parameters
    ----------
    window : Window
        Where it starts in the whole tensor.
    shape : tuple of int
        Its shape.
    offset : int
        Its first byte, counted in the rectangle.
    rows, row_bytes, step : int
        How many rows, the bytes of each, and the bytes from one row to the next.
    """

    window: Window
    shape: Shape
    offset: int
    rows: int
    row_bytes: int
    step: int

    @property
    def nbytes(self) -> int:
        """Bytes of the panel."""
        return self.rows * self.row_bytes

    def cut(self, data: npt.NDArray[np.uint8]) -> Iterator[tuple[int, memoryview]]:
        """Yield each row of the panel's bytes with its place in the rectangle."""
        view = data.data
        for row in range(self.rows):
            begin = row * self.row_bytes
            yield self.offset + row * self.step, view[begin : begin + self.row_bytes]

    def digest(self, data: npt.NDArray[np.uint8], dtype: str, nbytes: int) -> Digest:
        """Return what the panel adds to the digest of a rectangle of `nbytes` bytes."""
        end = self.offset + (self.rows - 1) * self.step + self.row_bytes
        crc = scattered_crc32((row for _, row in self.cut(data)), self.step, nbytes - end)
        if not is_measured(dtype):
            return Digest(crc, self.nbytes)
        parts = range(0, len(data), _MOMENTS_BYTES)
        found = joined(moments_of(data[at : at + _MOMENTS_BYTES], dtype) for at in parts)
        return Digest(crc, self.nbytes, found)


def panels_of(
    content: Content, window: Window, shape: Shape, itemsize: int, most_bytes: int
) -> Iterator[Panel]:
    """Yield the panels of a rectangle: of at most `most_bytes`, or of one line where a line has more.

    A content that has no lines to cut along is one panel.
    """
    whole = window.global_shape
    axis = content.cheap_axis(whole) if isinstance(content, Drawn) else None
    if axis is None:
        nbytes = prod(shape) * itemsize
        yield Panel(window, shape, 0, 1, nbytes, nbytes)
        return
    before, after = shape[:axis], prod(shape[axis + 1 :]) * itemsize
    rows, step = prod(before), shape[axis] * after
    lines = max(most_bytes // (rows * after), 1)
    for first in range(0, shape[axis], lines):
        count = min(lines, shape[axis] - first)
        start = (*window.start[:axis], window.start[axis] + first, *window.start[axis + 1 :])
        extent = (*before, count, *shape[axis + 1 :])
        yield Panel(Window(start, whole), extent, first * after, rows, count * after, step)


def joined_digest(parts: list[Digest]) -> Digest:
    """Return the digest of a rectangle from those of all its panels, in their order."""
    crc = 0
    for part in parts:
        crc ^= part.crc32
    found = [part.found for part in parts if part.found is not None]
    return Digest(crc, sum(part.nbytes for part in parts), joined(found) if found else None)
