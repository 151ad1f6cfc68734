"""A module looked at in another dtype: its floating tensors have stand-ins meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.parameter import is_lazy

from ...errors import DTypeError
from ...stream.dtypes import FLOATS
from ..materialization.holding import named_tensors, substitute, times_written
from ..materialization.recorder import MARK

__all__ = ["in_dtype"]


@contextmanager
def in_dtype(module: torch.nn.Module, dtype: str | torch.dtype | None) -> Iterator[None]:
    """Let a module be what ``module.to(dtype)`` makes of it, until the block ends; None changes nothing.

    Parameters
    ----------
    module : torch.nn.Module
        On the meta device; at the end it is as it was.
    dtype : str or torch.dtype, optional
        Of all floating tensors.

    Raises
    ------
    DTypeError
        If it is none that can be drawn.

    Examples
    --------
    >>> layer = torch.nn.Linear(2, 3, device="meta")
    >>> with in_dtype(layer, "bfloat16"):
    ...     layer.weight.dtype
    torch.bfloat16
    >>> layer.weight.dtype
    torch.float32
    """
    name = str(dtype).removeprefix("torch.")
    if dtype is None:
        yield
        return
    if name not in FLOATS:
        raise DTypeError(f"dtype must be one of {', '.join(FLOATS)}; got {dtype!r}")
    wanted: torch.dtype = getattr(torch, name)
    stand_ins: dict[int, torch.Tensor] = {}
    with torch._C.DisableTorchFunctionSubclass():
        for _, tensor in named_tensors(module):
            if is_lazy(tensor) or id(tensor) in stand_ins:
                continue
            if tensor.is_floating_point() and tensor.dtype != wanted:
                stand_ins[id(tensor)] = _cast(tensor, wanted)
    undo = substitute(module, stand_ins)
    try:
        yield
    finally:
        for holder, key, held in undo:
            holder[key] = held


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor in another dtype, with its attributes and its recording."""
    recorder = tensor.__dict__.get(MARK)
    with torch.no_grad():
        if recorder is not None:
            cast: torch.Tensor = recorder.follow(torch.Tensor.to, (tensor, dtype), {}).detach()
        else:
            cast = tensor.detach().to(dtype)
    if isinstance(tensor, torch.nn.Parameter):
        cast = torch.nn.Parameter(cast, tensor.requires_grad)
    cast.__dict__.update((name, value) for name, value in tensor.__dict__.items() if name != MARK)
    # how often it was written to says whether something else than the methods has begun it
    while times_written(cast) < times_written(tensor):
        torch.autograd.graph.increment_version(cast)
    return cast
