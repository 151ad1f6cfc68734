"""Which blocks of a tensor are compared: all, or a sample that a seed decides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from math import prod

from ...errors import ArgumentError
from ...stream.safetensors import ITEMSIZE
from ...stream.window import ContiguousBlocks, Shape, Window, contiguous_blocks
from ..blueprint import Draft

__all__ = ["BLOCK_BYTES", "Sample"]

#: Bytes of a block, as the writer's; of a sample, smaller ones from more places.
BLOCK_BYTES = 4 << 20
_SAMPLED_BYTES = 256 << 10


class Sample:
    """A share of every tensor.

    The blocks of a tensor are put into as many equal groups as there are to be chosen, and the seed and the
    tensor's name choose one of each group: at least one block of every tensor. Only a tensor that is drawn
    whole is compared whole or not at all.

    Parameters
    ----------
    share : float
        In (0, 1].
    seed : int
        Another seed chooses others.

    Raises
    ------
    ArgumentError
        If the share is not in (0, 1].
    """

    def __init__(self, share: float = 1.0, seed: int = 0) -> None:
        if not (isinstance(share, float | int) and 0 < share <= 1):
            raise ArgumentError(f"sample must be in (0, 1], such as 0.01 for 1 %; got {share!r}")
        self.share, self.seed = float(share), seed

    def blocks(self, draft: Draft, shape: Shape | None = None) -> Iterator[tuple[Window, Shape]]:
        """Yield the blocks of a tensor to compare, in the order of their bytes.

        Parameters
        ----------
        draft : Draft
            The tensor.
        shape : tuple of int, optional
            Of a part of it, of which the blocks are then; a part of what is drawn whole is one block.
        """
        whole = draft.content.at_once(draft.shape)
        if shape is None or shape == draft.shape:
            shape = draft.shape
        elif whole:
            whole = max(prod(shape), 1)
        itemsize = ITEMSIZE[draft.dtype]
        if self.share == 1:
            yield from contiguous_blocks(shape, max(BLOCK_BYTES // itemsize, whole, 1))
            return
        if whole:
            for number, block in enumerate(contiguous_blocks(shape, whole)):
                if self._drawn(draft.name, number) < self.share:
                    yield block
            return
        most = max(_SAMPLED_BYTES // itemsize, 1)
        blocks = ContiguousBlocks.of(shape, most)
        for number in self._chosen(draft.name, len(blocks)):
            yield blocks[number]

    def _chosen(self, name: str, count: int) -> Iterator[int]:
        groups = min(count, max(1, round(self.share * count)))
        for group in range(groups):
            low, high = group * count // groups, (group + 1) * count // groups
            yield low + math.floor(self._drawn(name, group) * (high - low))

    def _drawn(self, name: str, number: int) -> float:
        """Return a number in [0, 1) that depends on seed, name and number alone."""
        text = f"{self.seed} {number} {name}".encode()
        return int.from_bytes(blake2b(text, digest_size=6).digest(), "little") / 2**48
