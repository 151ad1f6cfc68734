"""Divides the tensors of files into extents: contiguous ranges of rows that are made alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

from ..errors import FormatError, SpecError
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window, contiguous_blocks
from .shards import Shard

__all__ = ["EXTENT_BYTES", "Extent", "cut_extents", "touching"]

#: Most bytes of an extent: large enough that starting a task and noting its end cost nothing beside it.
EXTENT_BYTES = 1 << 30

# of what is made only because a range of bytes touches it
_TOUCHING_BYTES = 1 << 20


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


def cut_extents(
    shards: Sequence[Shard], extent_bytes: int = EXTENT_BYTES, most_extents: int | None = None
) -> tuple[Extent, ...]:
    """Return the extents of all files, in the order of their bytes.

    Parameters
    ----------
    shards : sequence of Shard
        The files.
    extent_bytes : int
        Most bytes of an extent; one that must be made at once may be larger.
    most_extents : int, optional
        How many there may be: a text that was changed must not ask for any number of them.

    Raises
    ------
    SpecError
        If `extent_bytes` is not positive.
    FormatError
        If there are more than `most_extents`.
    """
    if extent_bytes < 1:
        raise SpecError(f"extent_bytes must be at least 1 byte; got {extent_bytes}. Leave it out for 1 GiB")
    extents: list[Extent] = []
    for file, shard in enumerate(shards):
        for slab in shard.slabs:
            draft = slab.draft
            itemsize = ITEMSIZE[draft.dtype]
            begin = shard.tensors[draft.name].start
            most = max(extent_bytes // itemsize, draft.content.at_once(draft.shape), 1)
            for window, shape in contiguous_blocks(slab.shape, most):
                start = tuple(a + b for a, b in zip(slab.start, window.start, strict=True))
                offset = begin + window.offset * itemsize
                if len(extents) == most_extents:
                    raise FormatError(
                        "the plan was changed since it was made: its extents are others. Make it again"
                    )
                extents.append(
                    Extent(len(extents), draft.name, start, shape, file, offset, prod(shape) * itemsize)
                )
    return tuple(extents)


def touching(extents: Iterable[Extent], shard: Shard, start: int, stop: int) -> Iterator[Extent]:
    """Yield pieces of a file's extents that touch a range of bytes, small where the content allows it."""
    drafts = {draft.name: draft for draft in shard.drafts}
    for extent in extents:
        if extent.offset >= stop or extent.offset + extent.nbytes <= start:
            continue
        draft = drafts[extent.tensor]
        itemsize = ITEMSIZE[draft.dtype]
        most = max(_TOUCHING_BYTES // itemsize, draft.content.at_once(draft.shape), 1)
        for window, shape, before in extent.blocks(draft.shape, most):
            offset, nbytes = extent.offset + before * itemsize, prod(shape) * itemsize
            if offset < stop and offset + nbytes > start:
                yield replace(extent, start=window.start, shape=shape, offset=offset, nbytes=nbytes)
