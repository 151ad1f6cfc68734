"""Where a recorded tensor becomes real: on the CPU, or on a CUDA device, with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from ...errors import DeviceError
from ...stream.key import Key
from ..device import is_cuda
from ..errors import TensorLayoutError
from .recording import Cell, Draw, Recorded
from .replay import replay

__all__ = ["destination", "is_drawn", "made_on", "replayed_on"]


def destination(device: torch.device | str | None) -> torch.device:
    """Return the device that a caller named; the CPU if none."""
    where = torch.device("cpu" if device is None else device)
    if where.type == "cpu":
        return where
    if not is_cuda(where):
        raise TensorLayoutError(
            f"materialize needs the CPU or a CUDA device of NVIDIA's; got {where}. "
            "Make the module on the CPU and move it: module.to(device)."
        )
    if where.type == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"materialize on {where} needs torch built for CUDA and a device; torch {torch.__version__} "
            "finds none. See `pyinit info`, or make the module on the CPU."
        )
    # a tensor says which of the devices it is on
    return torch.empty(0, device=where).device


def replayed_on(where: torch.device, cell: Cell, root: Key, threads: int | None) -> torch.Tensor:
    """Return the bytes of a cell on a CUDA device."""
    return made_on(
        where,
        is_drawn(cell),
        partial(torch.empty, cell.nbytes, dtype=torch.uint8),
        lambda storage: replay(cell.writes, storage, root, threads=threads),
    )


def made_on(
    where: torch.device,
    drawn_only: bool,
    allocate: Callable[..., torch.Tensor],
    make: Callable[[torch.Tensor], object],
) -> torch.Tensor:
    """Return memory on a device after `make` has written it.

    `allocate` takes the device by name. What is only drawn is made there. Operators of torch's may round
    differently on another device, so what they compute is made on the CPU and copied.
    """
    memory = allocate(device=where)
    if drawn_only or where.type == "cpu":
        make(memory)
    else:
        near = allocate(device="cpu")
        make(near)
        memory.copy_(near)
    return memory


def is_drawn(recorded: Cell | Recorded) -> bool:
    """Return whether a storage or a tensor is made by draws alone."""
    return all(isinstance(write.content, Draw) for write in recorded.writes)
