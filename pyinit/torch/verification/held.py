"""Tensors as a module holds them, read rectangle by rectangle as they should be in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

from ...checkpoint.blueprint import Draft
from ...checkpoint.rectangles import Rectangle
from ...checkpoint.verification.comparison import Block, Bytes, Held
from ...checkpoint.verification.sampling import Sample
from ...errors import LayoutError
from ...stream.window import Shape, Window
from ..partitions.holding import partition_of
from ..partitions.partition import Part

__all__ = ["InModule", "InParts", "InPieces", "held_of", "is_whole_here"]


class InModule(Held, Protocol):
    """A tensor of a module."""

    @property
    def is_here(self) -> bool:
        """Whether this process holds anything of it."""

    def blocks(self, sample: Sample) -> Iterator[Block]:
        """Yield the blocks of what is held here."""


@dataclass(frozen=True, eq=False)
class InParts:
    """A tensor of a module's own: the parts of it that this process holds, with their places.

    Parameters
    ----------
    draft : Draft
        What it should be.
    parts : tuple of (Tensor, Window)
        Disjoint; the whole, or what a rank holds.
    """

    draft: Draft
    parts: tuple[Part, ...]
    file: None = None

    @property
    def is_whole(self) -> bool:
        """Whether no other process holds a part."""
        return len(self.parts) == 1 and tuple(self.parts[0][0].shape) == self.draft.shape

    @property
    def is_here(self) -> bool:
        """Whether a part is held here."""
        return bool(self.parts)

    def read(self, window: Window, extent: Shape, out: Bytes) -> None:
        """Copy from the part in which the rectangle lies."""
        for part, place in self.parts:
            start = [a - b for a, b in zip(window.start, place.start, strict=True)]
            stop = [a + n for a, n in zip(start, extent, strict=True)]
            if min(start, default=0) >= 0 and all(a <= n for a, n in zip(stop, part.shape, strict=True)):
                held = part[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
                torch.from_numpy(out).view(part.dtype).reshape(extent).copy_(held)
                return
        raise AssertionError("a block lies in one part")

    def blocks(self, sample: Sample) -> Iterator[Block]:
        """Yield the blocks of every part."""
        for part, place in self.parts:
            for window, extent in sample.blocks(self.draft, tuple(part.shape)):
                start = tuple(a + b for a, b in zip(window.start, place.start, strict=True))
                yield Block(self, Window(start, self.draft.shape), extent)


@dataclass(frozen=True, eq=False)
class InPieces:
    """A tensor that a module's library saves: rectangles of those that the module holds."""

    draft: Draft
    pieces: tuple[tuple[Rectangle, torch.Tensor], ...]
    file: None = None
    is_whole: bool = True
    is_here: bool = True

    def read(self, window: Window, extent: Shape, out: Bytes) -> None:
        """Copy the rectangle of each piece to where it belongs."""
        target = torch.from_numpy(out).view(self.pieces[0][1].dtype).reshape(extent)
        for rectangle, source in self.pieces:
            found = rectangle.within(window.start, extent)
            for part in () if found is None else found.dense():
                low = [a - b for a, b in zip(part.start, window.start, strict=True)]
                place = tuple(slice(a, a + n) for a, n in zip(low, part.shape, strict=True))
                where = tuple(slice(a, a + n) for a, n in zip(part.first, part.extent, strict=True))
                target[place].copy_(source[where].permute(part.order).reshape(part.shape))

    def blocks(self, sample: Sample) -> Iterator[Block]:
        """Yield the blocks of the tensor."""
        for window, extent in sample.blocks(self.draft):
            yield Block(self, window, extent)


def held_of(tensor: torch.Tensor) -> tuple[Shape, tuple[Part, ...]]:
    """Return the shape of the whole of a tensor, and what this process holds of it, with its places there.

    Raises
    ------
    LayoutError
        If it is not known which part is held here.
    """
    shape = tuple(tensor.shape)
    distributed = sys.modules.get("torch.distributed.tensor")
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        from ..placement import local_parts

        return shape, tuple(part for part in local_parts(tensor) if part[0].numel())
    partition = partition_of(tensor)
    if partition is not None:
        return partition.shape, tuple((part.detach(), place) for part, place in partition.parts)
    return shape, ((tensor.detach(), Window((0,) * len(shape), shape)),)


def is_whole_here(tensor: torch.Tensor) -> bool:
    """Tell whether a tensor is a plain one that no library has cut."""
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        return False
    try:
        return partition_of(tensor) is None
    except LayoutError:
        return False
