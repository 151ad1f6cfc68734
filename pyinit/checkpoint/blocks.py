"""Cuts extents into blocks that fit a buffer, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window
from .blueprint import Draft
from .contents import Copied
from .extents import Extent
from .plan import CheckpointPlan

__all__ = ["Block", "OpenExtent", "blocks_of"]


@dataclass
class OpenExtent:
    """An extent that is being written.

    Parameters
    ----------
    extent, draft
        What it is.
    sums : dict, optional
        Of each block that is written, by its place: (CRC-32, bytes).
    pending : int
        Blocks that are not written yet; one more, until the last one is handed out.
    """

    extent: Extent
    draft: Draft
    sums: dict[int, tuple[int, int]] | None
    pending: int = 1


@dataclass(frozen=True)
class Block:
    """A contiguous piece of an extent: its rectangle of the tensor, and its bytes of the file."""

    of: OpenExtent
    offset: int
    nbytes: int
    window: Window
    shape: Shape


def blocks_of(
    plan: CheckpointPlan, extents: Sequence[Extent], block_bytes: int, *, digest: bool
) -> Iterator[Block]:
    """Yield the blocks of extents, each of at most `block_bytes` unless more must be made at once."""
    drafts = {draft.name: draft for draft in plan.blueprint.drafts}
    for extent in extents:
        draft = drafts[extent.tensor]
        # copies are compared with what the plan saw, as their files may change
        is_summed = digest or isinstance(draft.content, Copied)
        opened = OpenExtent(extent, draft, {} if is_summed else None)
        itemsize = ITEMSIZE[draft.dtype]
        most = max(block_bytes // itemsize, draft.content.at_once(draft.shape), 1)
        left = extent.nbytes
        for window, shape, before in extent.blocks(draft.shape, most):
            nbytes = prod(shape) * itemsize
            left -= nbytes
            # the last block takes the place of the one too many
            opened.pending += left > 0
            yield Block(opened, extent.offset + before * itemsize, nbytes, window, shape)
