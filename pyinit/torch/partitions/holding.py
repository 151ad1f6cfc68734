"""What this rank holds of any tensor, and the shape of the whole tensor of which it is a part."""

from __future__ import annotations

from types import FrameType
from typing import Any

import torch
from torch.nn import init

from ...stream.window import Shape
from ..errors import TensorLayoutError
from .deepspeed import zero_partition
from .fsdp import fsdp_partition
from .megatron import megatron_partition
from .partition import Partition

__all__ = [
    "ALIASES",
    "MARKS",
    "SHAPES",
    "mark_alias",
    "partition_of",
    "refuse_part",
    "shaped_whole",
    "whole_shape",
]

PART_OF = "_pyinit_part_of"
"""The attribute of a tensor, such as ``p.data``, for the parameter whose elements it holds."""


def partition_of(tensor: torch.Tensor) -> Partition | None:
    """Return what this rank holds of a tensor that DeepSpeed, FSDP or Megatron has cut; None for a whole one.

    A DTensor, whose placements `placement` reads, is whole here.

    Raises
    ------
    LayoutError
        If it is unknown which part the tensor is, or if what is written to it would be lost.
    """
    held = tensor.__dict__
    if not held and tensor._base is None:
        # most tensors
        return None
    tensor = held.get(PART_OF, tensor)
    found = zero_partition(tensor) or fsdp_partition(tensor)
    cut = megatron_partition(tensor)
    if found is not None and cut is not None:
        raise TensorLayoutError(
            f"pyinit.torch needs to know how a tensor is cut; one of shape {found.shape} is a part of "
            "Megatron's tensor parallelism that DeepSpeed or FSDP has cut again. "
            "Fill it before the second cut."
        )
    return found or cut


def whole_shape(tensor: torch.Tensor) -> Shape:
    """Return the shape of the whole tensor of which a tensor is a part."""
    partition = partition_of(tensor)
    return tuple(tensor.shape) if partition is None else partition.shape


def refuse_part(tensor: Any, call: str, instead: str = "Use pyinit.torch.fill or pyinit.torch.init.") -> None:
    """Refuse a tensor of which this rank holds only a part, for a call that does not know the whole."""
    partition = partition_of(tensor) if isinstance(tensor, torch.Tensor) else None
    if partition is not None:
        raise TensorLayoutError(
            f"{call} needs a whole tensor; got this rank's part of one of {partition.shape}. {instead}"
        )


SHAPES = {
    torch.Tensor.dim,
    torch.Tensor.ndimension,
    torch.Tensor.numel,
    torch.Tensor.size,
    torch.Tensor.shape.__get__,  # type: ignore[attr-defined]
}
"""Functions whose answer depends on a tensor's shape alone."""

ALIASES = {torch.Tensor.data.__get__, torch.Tensor.detach}  # type: ignore[attr-defined]
"""Functions that return a tensor's memory without its attributes."""


def shaped_whole(tensor: torch.Tensor, frame: FrameType | None) -> torch.Tensor:
    """Return a tensor, or one of the whole shape if a function of torch.nn.init asks, in its frame.

    torch.nn.init counts fans from the shape of a tensor, which may be a part, and does nothing with an empty
    one.
    """
    if frame is None or frame.f_globals is not vars(init):
        return tensor
    partition = partition_of(tensor)
    return tensor if partition is None else torch.empty(partition.shape, dtype=tensor.dtype, device="meta")


def mark_alias(tensor: torch.Tensor, alias: torch.Tensor) -> None:
    """Let an alias of a tensor's memory be known as a part, if the tensor is one."""
    held = tensor.__dict__
    if not held.keys().isdisjoint(MARKS):
        setattr(alias, PART_OF, held.get(PART_OF, tensor))


MARKS = frozenset({"ds_id", "_is_flat_param", "_fsdp_flattened", "tensor_model_parallel", PART_OF})
"""Attributes of tensors that may be parts; one that has none of them, and is no view, is whole."""
