"""What a rank holds of a tensor: the shape of the whole, and views of memory with their places in it.

DeepSpeed and the first FSDP flatten a tensor and cut it anywhere, so that a rank holds a run of consecutive
elements in C order. Such a run consists of at most 2 n - 1 rectangles of a tensor of n dimensions: parts of
rows at both ends, and whole rows between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch

from ...stream.window import Shape, Window, check_window

__all__ = ["Part", "Partition", "run_parts"]

Part = tuple[torch.Tensor, Window]
"""A view of memory, and its place in the whole tensor."""


class Partition(NamedTuple):
    """What a rank holds of a tensor.

    Attributes
    ----------
    shape : tuple of int
        The shape of the whole tensor.
    parts : list of Part
        Views of memory with their places, of which two may hold the same elements; empty if the rank holds
        none.
    """

    shape: Shape
    parts: list[Part]

    def within(self, like: torch.Tensor, window: Window | None) -> list[Part]:
        """Return the parts and their places in a tensor of which the whole one is the given window.

        A rank that holds nothing gets one part without elements, with the dtype and the device of `like`, so
        that every rank finds the errors of a recipe.
        """
        if window is None:
            window = Window((0,) * len(self.shape), self.shape)
        else:
            check_window(window, self.shape)
        placed = []
        for part, place in self.parts:
            start = tuple(map(sum, zip(window.start, place.start, strict=True)))
            placed.append((part, Window(start, window.global_shape)))
        return placed or [(like.detach().new_empty((0,) * len(self.shape)), window)]


def run_parts(
    memory: torch.Tensor, shape: Sequence[int], start: int, order: Sequence[int] | None = None
) -> list[Part]:
    """Return the parts of a run of consecutive elements of a whole tensor.

    Parameters
    ----------
    memory : torch.Tensor
        The elements of the run, of one dimension.
    shape : sequence of int
        The shape of the whole tensor.
    start : int
        The number of the run's first element.
    order : sequence of int, optional
        The axes of the whole tensor in the order in which it was flattened, the slowest first; by default
        C order.

    Examples
    --------
    >>> import torch
    >>> for part, window in run_parts(torch.arange(6), (3, 4), start=3):
    ...     print(part.tolist(), window.start)
    [[0]] (0, 3)
    [[1, 2, 3, 4]] (1, 0)
    [[5]] (2, 0)
    """
    shape = tuple(shape)
    axes = tuple(range(len(shape))) if order is None else tuple(order)
    back = [axes.index(axis) for axis in range(len(shape))]
    parts: list[Part] = []
    first = 0
    for corner, extent in _boxes(tuple(shape[axis] for axis in axes), start, start + memory.numel()):
        size = math.prod(extent)
        view = memory[first : first + size].view(extent).permute(back)
        parts.append((view, Window(tuple(corner[at] for at in back), shape)))
        first += size
    return parts


def _boxes(shape: Shape, start: int, stop: int) -> Iterator[tuple[Shape, Shape]]:
    """Yield the corner and the extent of each rectangle of the elements [start, stop), in their order."""
    if start >= stop:
        return
    if not shape:
        yield (), ()
        return
    row = math.prod(shape[1:])
    first, low = divmod(start, row)
    last, high = divmod(stop, row)
    if first == last:
        yield from _in_row(first, shape, low, high)
        return
    if low:
        yield from _in_row(first, shape, low, row)
        first += 1
    if first < last:
        yield (first, *(0 for _ in shape[1:])), (last - first, *shape[1:])
    if high:
        yield from _in_row(last, shape, 0, high)


def _in_row(row: int, shape: Shape, low: int, high: int) -> Iterator[tuple[Shape, Shape]]:
    for corner, extent in _boxes(shape[1:], low, high):
        yield (row, *corner), (1, *extent)
