"""The elements of a storage that belong to a tensor."""

from __future__ import annotations

from functools import lru_cache
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
        return _dense(self)

    @property
    def run(self) -> tuple[int, int]:
        """The run of bytes from the first element to the last."""
        return _run(self)

    def on(self, storage: torch.Tensor) -> torch.Tensor:
        """Return these elements of a storage, given as a tensor of bytes."""
        return storage.view(self.dtype).as_strided(self.shape, self.strides, self.offset)


# A model has hundreds of tensors of a few shapes.


@lru_cache(maxsize=1024)
def _dense(view: View) -> bool:
    expected = 1
    for stride, n in sorted(zip(view.strides, view.shape, strict=True)):
        if n != 1:
            if stride != expected:
                return False
            expected *= n
    return True


@lru_cache(maxsize=1024)
def _run(view: View) -> tuple[int, int]:
    if not view.size:
        return 0, 0
    last = sum(stride * (n - 1) for stride, n in zip(view.strides, view.shape, strict=True))
    size = view.dtype.itemsize
    return view.offset * size, (view.offset + last + 1) * size
