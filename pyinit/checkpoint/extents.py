"""Divides the tensors of files into extents: contiguous ranges of rows that are made alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ..errors import SpecError
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window, contiguous_blocks
from .shards import Shard

__all__ = ["EXTENT_BYTES", "Extent", "cut_extents"]

#: Most bytes of an extent: large enough that starting a task and noting its end cost nothing beside it.
EXTENT_BYTES = 1 << 30


@dataclass(frozen=True)
class Extent:
    """A rectangle of a tensor that is one range of bytes of a file; it is the same however often it is made.

    Parameters
    ----------
    index : int
        Its number in the plan.
    tensor : str
        Name of the tensor.
    start, shape : tuple of int
        The rectangle.
    file : int
        Number of the file in the plan.
    offset, nbytes : int
        Its bytes in the file.
    """

    index: int
    tensor: str
    start: Shape
    shape: Shape
    file: int
    offset: int
    nbytes: int

    def blocks(self, shape: Shape, most: int) -> Iterator[tuple[Window, Shape, int]]:
        """Yield blocks of at most `most` elements: (window in the tensor, shape, elements before)."""
        for inner, extent in contiguous_blocks(self.shape, most):
            start = tuple(a + b for a, b in zip(self.start, inner.start, strict=True))
            yield Window(start, shape), extent, inner.offset


def cut_extents(shards: Sequence[Shard], extent_bytes: int = EXTENT_BYTES) -> tuple[Extent, ...]:
    """Return the extents of all files, in the order of their bytes.

    Parameters
    ----------
    shards : sequence of Shard
        The files.
    extent_bytes : int
        Most bytes of an extent; one that must be made at once may be larger.

    Raises
    ------
    SpecError
        If `extent_bytes` is not positive.
    """
    if extent_bytes < 1:
        raise SpecError(f"extent_bytes must be at least 1 byte; got {extent_bytes}. Leave it out for 1 GiB")
    extents: list[Extent] = []
    for file, shard in enumerate(shards):
        for draft in shard.drafts:
            itemsize = ITEMSIZE[draft.dtype]
            begin = shard.tensors[draft.name].start
            most = max(extent_bytes // itemsize, draft.content.at_once(draft.shape), 1)
            for window, shape in contiguous_blocks(draft.shape, most):
                offset = begin + window.offset * itemsize
                place = (window.start, shape, file, offset, prod(shape) * itemsize)
                extents.append(Extent(len(extents), draft.name, *place))
    return tuple(extents)
