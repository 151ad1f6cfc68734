"""Tensors on a CUDA device: drawn there, on torch's current stream, with the bits of the CPU."""

from __future__ import annotations

import math

import torch

from ..cuda.device import Memory, Queue
from ..cuda.driver import device_at
from ..cuda.kernels import execute, has_kernel
from ..stream.dtypes import resolve
from ..stream.kernels import execute as execute_on_cpu
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape, contiguous_blocks

__all__ = ["execute_on_device", "is_cuda", "is_on_device"]

_BLOCK = 1 << 24
"""Elements of a strided tensor that are drawn at once, into memory of their own, and copied."""


def is_cuda(device: torch.device) -> bool:
    """Return whether pyinit draws on a device: NVIDIA's. torch calls AMD's devices "cuda", too."""
    return device.type == "cuda" and torch.version.hip is None


def is_on_device(tensor: torch.Tensor) -> bool:
    """Return whether a tensor is on a device that pyinit draws on."""
    return tensor.is_cuda and torch.version.hip is None


def execute_on_device(plan: Plan, tensor: torch.Tensor, key: Key, start: Shape | None) -> None:
    """Launch what writes a plan into a tensor of any strides; the tensor has been checked.

    A contiguous tensor is written where it is. Another one is written block by block, through memory of
    torch's allocator. Nothing waits for the device, but for weights that only the CPU makes.
    """
    plain = tensor.detach()
    if plan.source is not None or not has_kernel(plan):
        _copy(plan, plain, key, start)
        return
    queue = queue_of(plain)
    if plain.is_contiguous():
        execute(plan, Memory(plain.data_ptr(), tuple(plain.shape), plan.dtype, queue), key, start)
        return
    shape = tuple(plain.shape)
    start = (0,) * len(shape) if start is None else start
    most = max(plain.numel(), 1) if plan.is_drawn_whole else _BLOCK
    drawn = torch.empty(min(plain.numel(), most), dtype=plain.dtype, device=plain.device)
    for block, extent in contiguous_blocks(shape, most):
        part = drawn[: math.prod(extent)].view(extent)
        where = tuple(map(sum, zip(start, block.start, strict=True)))
        execute(plan, Memory(part.data_ptr(), extent, plan.dtype, queue), key, where)
        plain[tuple(slice(i, i + n) for i, n in zip(block.start, extent, strict=True))] = part


def queue_of(tensor: torch.Tensor) -> Queue:
    """Return torch's current stream of a tensor's device, with torch's allocator for what a fill needs."""
    where = tensor.device
    stream = int(torch.cuda.current_stream(where).cuda_stream)

    def allocate(nbytes: int) -> tuple[int, object]:
        # in the order of the stream: torch gives it to what comes later on the same stream alone
        kept = torch.empty(nbytes, dtype=torch.uint8, device=where)
        return kept.data_ptr(), kept

    return Queue(device_at(where.index or 0), stream, allocate)


def _copy(plan: Plan, tensor: torch.Tensor, key: Key, start: Shape | None) -> None:
    """Copy weights that are in the CPU's memory, or that only the CPU makes, after they are rounded there."""
    held = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
    bits = resolve(plan.dtype).bits
    of = held if bits is None else held.view(getattr(torch, bits))
    execute_on_cpu(plan, of.numpy(), key, start, None)
    tensor.copy_(held)
