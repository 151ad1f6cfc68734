"""The lines of a matrix that a window holds, by their axes; the CPU lists them instead."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import LayoutError
from ..stream.window import Shape
from .tasks import LINE_AXES, LinesOnDevice

__all__ = ["LineAxes", "steps_of"]


@dataclass(frozen=True)
class LineAxes:
    """The lines that run over some axes of a window, in C order.

    Parameters
    ----------
    shape, start, extent, steps : tuple of int
        Of each of these axes, outermost first: the size of the whole tensor, where the window starts, how
        many indices it holds, and how many elements of memory lie between neighbours.
    """

    shape: Shape
    start: Shape
    extent: Shape
    steps: Shape

    @classmethod
    def of(cls, axes: tuple[int, ...], shape: Shape, start: Shape, extent: Shape, steps: Shape) -> LineAxes:
        """Return the lines that run over `axes` of a whole window."""
        return cls(*(tuple(numbers[axis] for axis in axes) for numbers in (shape, start, extent, steps)))

    def __len__(self) -> int:
        return math.prod(self.extent)

    def index(self) -> npt.NDArray[np.int64]:
        """Return the lines' numbers, ascending."""
        index = np.zeros(1, np.int64)
        for size, first, n in zip(self.shape, self.start, self.extent, strict=True):
            index = (index[:, None] * size + np.arange(first, first + n)).reshape(-1)
        return index

    def offset(self) -> npt.NDArray[np.int64]:
        """Return the lines' offsets in memory."""
        offset = np.zeros(1, np.int64)
        for n, step in zip(self.extent, self.steps, strict=True):
            offset = (offset[:, None] + np.arange(n) * step).reshape(-1)
        return offset

    def are_adjacent(self) -> bool:
        """Return whether neighbouring lines lie side by side in memory."""
        inner = [step for n, step in zip(self.extent, self.steps, strict=True) if n > 1]
        return not inner or inner[-1] == 1

    def for_device(self) -> LinesOnDevice:
        """Return what a kernel takes."""
        held: list[tuple[int, int, int, int]] = []
        stride, fixed = 1, 0
        columns = (self.shape, self.start, self.extent, self.steps)
        axes = zip(*(reversed(numbers) for numbers in columns), strict=True)
        for size, first, n, step in axes:
            if n == 1:
                # adds to every line's number alike
                fixed += first * stride
            else:
                held.append((n, first, stride, step))
            stride *= size
        if fixed or not held:
            held.append((1, fixed, 1, 0))
        if len(held) > LINE_AXES:
            raise LayoutError(
                f"a matrix on a CUDA device may be flattened from {LINE_AXES} axes; got {len(held)}. "
                "Fill on the CPU and copy, or reshape the tensor."
            )
        unused = [(1, 0, 0, 0)] * (LINE_AXES - len(held))
        return LinesOnDevice(len(held), *zip(*held, *unused, strict=True))


def steps_of(extent: Shape) -> Shape:
    """Return how many elements lie between neighbours along each axis of C-contiguous memory."""
    return tuple(math.prod(extent[axis + 1 :]) for axis in range(len(extent)))
