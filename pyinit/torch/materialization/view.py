"""The elements of a storage that belong to a tensor."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import torch

from ...stream.window import Shape

__all__ = ["View"]


class View(NamedTuple):
    """The elements of a storage that belong to a tensor: its shape, strides, first element and dtype."""

    shape: Shape
    strides: Shape
    offset: int
    dtype: torch.dtype

    @classmethod
    def of(cls, tensor: torch.Tensor) -> View:
        """Return a tensor's view of its storage."""
        return cls(tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset()), tensor.dtype)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def dense(self) -> bool:
        """Whether the elements fill a run of the storage without gaps, in any order."""
        expected = 1
        for stride, n in sorted(zip(self.strides, self.shape, strict=True)):
            if n != 1:
                if stride != expected:
                    return False
                expected *= n
        return True

    @property
    def run(self) -> tuple[int, int]:
        """The run of bytes from the first element to the last."""
        if not self.size:
            return 0, 0
        last = sum(stride * (n - 1) for stride, n in zip(self.strides, self.shape, strict=True))
        size = self.dtype.itemsize
        return self.offset * size, (self.offset + last + 1) * size

    def on(self, storage: torch.Tensor) -> torch.Tensor:
        """Return these elements of a storage, given as a tensor of bytes."""
        return storage.view(self.dtype).as_strided(self.shape, self.strides, self.offset)
