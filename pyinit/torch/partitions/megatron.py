"""Parameters that Megatron cuts over the ranks of tensor parallelism, marked by attributes.

A parameter with ``tensor_model_parallel`` is a part of a tensor that is cut along ``partition_dim`` into
(ranks times ``partition_stride``) equal blocks. Rank r holds the blocks r, r + ranks, r + 2 ranks, and so on,
one after another. Which rank this is, ``megatron.core.parallel_state`` knows.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from ...stream.window import Window
from ..errors import TensorLayoutError
from .partition import Part, Partition

__all__ = ["is_expert", "megatron_partition"]


def is_expert(tensor: Any) -> bool:
    """Return whether a parameter belongs to experts that are distributed over ranks."""
    held = tensor.__dict__
    return held.get("allreduce", True) is False or bool(held.get("expert_tp", False))


def megatron_partition(tensor: Any) -> Partition | None:
    """Return what this rank holds of a parameter of tensor parallelism, or None for another or a whole one.

    Raises
    ------
    LayoutError
        If the number of this rank is unknown, or the attributes do not fit the tensor.
    """
    if not tensor.__dict__.get("tensor_model_parallel", False):
        return None
    rank, count = _place(tensor)
    if count == 1:
        return None
    axis, blocks = int(tensor.partition_dim), int(tensor.partition_stride)
    held = tuple(tensor.shape)
    if not 0 <= axis < len(held) or blocks < 1 or held[axis] % blocks:
        raise TensorLayoutError(
            f"a parameter of Megatron of shape {held} needs a partition_dim among its axes and a "
            f"partition_stride that divides it; got {axis} and {blocks}. Set them as "
            "set_tensor_model_parallel_attributes does."
        )
    shape = tuple(n * count if at == axis else n for at, n in enumerate(held))
    size = held[axis] // blocks
    memory = tensor.detach()
    parts: list[Part] = []
    for block in range(blocks):
        start = tuple((rank + block * count) * size if at == axis else 0 for at in range(len(held)))
        parts.append((memory.narrow(axis, block * size, size), Window(start, shape)))
    return Partition(shape, parts)


def _place(tensor: Any) -> tuple[int, int]:
    """Return this rank's number among those that hold the parts of a parameter, and their count."""
    state: Any = sys.modules.get("megatron.core.parallel_state")
    if state is None or not _is_known(state):
        distributed = torch.distributed
        if not (distributed.is_available() and distributed.is_initialized()):
            return 0, 1
        raise TensorLayoutError(
            f"a parameter of shape {tuple(tensor.shape)} that is marked as tensor_model_parallel needs the "
            "number of this rank; megatron.core.parallel_state is not initialized. Call its "
            "initialize_model_parallel, or fill a plain tensor with a window."
        )
    dense = state.get_tensor_model_parallel_rank(), state.get_tensor_model_parallel_world_size()
    expert = state.get_expert_tensor_parallel_rank(), state.get_expert_tensor_parallel_world_size()
    if is_expert(tensor):
        return expert
    if expert[1] not in (None, dense[1]) and (state.get_expert_model_parallel_world_size() or 1) == 1:
        raise TensorLayoutError(
            f"a parameter of shape {tuple(tensor.shape)} that is marked as tensor_model_parallel needs to "
            f"be known as dense ({dense[1]} ranks) or as an expert's ({expert[1]} ranks); Megatron marks "
            "neither. Set expert_tp, fill a plain tensor with a window, or use as many ranks for both."
        )
    return dense


def _is_known(state: Any) -> bool:
    try:
        return state.get_tensor_model_parallel_world_size() is not None
    except (AssertionError, RuntimeError):
        return False
