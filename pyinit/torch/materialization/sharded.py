"""Distributed tensors of a module: whole ones are recorded in their place, then each rank makes its part."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn.parameter import is_lazy

from ...errors import LayoutError, RecipeError
from ...stream.key import Key
from .construction import made_by_constructor
from .destination import destination, is_drawn, made_on
from .holding import STAND_IN, named_tensors, substitute, times_written
from .recorder import MARK
from .recording import Recorded
from .replay import refill
from .ties import declared_ties

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

__all__ = ["shards", "stand_ins"]


@contextmanager
def stand_ins(module: torch.nn.Module) -> Iterator[dict[str, DTensor]]:
    """Replace a module's DTensors on the meta device by plain meta tensors of the whole shape, in a block.

    Initialization that runs on a DTensor would see a rank's part, and torch's random functions would
    communicate a seed with the other ranks. FSDP's modules get their former class in the block, too, because
    transformers initializes models of other classes in another way. A tie that sharding has cut is restored
    in the block if a transformers model declares it, or if a recorded constructor made it.

    Parameters
    ----------
    module : torch.nn.Module
        The module, which is restored after the block.

    Yields
    ------
    dict of str to DTensor
        The replaced tensors, by name; tied tensors under each of their names.

    Raises
    ------
    LayoutError
        If it is unknown which part of a DTensor this rank holds.
    RecipeError
        If a DTensor was written to.
    """
    if "torch.distributed.tensor" not in sys.modules:
        yield {}
        return
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor

    from ..placement import shard_rectangles

    constructed = _constructed(module)
    originals: dict[str, DTensor] = {}
    plain: dict[int, torch.Tensor] = {}
    for name, tensor in named_tensors(module):
        if isinstance(tensor, DTensor) and tensor.is_meta:
            if times_written(tensor):
                raise RecipeError(
                    f"materialize needs to know how '{name}' begins; it was written to after it was sharded, "
                    "which is not recorded. Initialize before sharding or after materialize."
                )
            originals[name] = tensor
            if id(tensor) not in plain:
                try:
                    shard_rectangles(tensor)
                except LayoutError as error:
                    raise LayoutError(f"'{name}': {error}") from None
                plain[id(tensor)] = _stand_in(tensor, constructed.get(id(tensor)))
    for target, source in declared_ties(module).items() if originals else ():
        if target in originals and source in originals:
            plain[id(originals[target])] = plain[id(originals[source])]
    undo = substitute(module, plain)
    wrapped = [(part, type(part)) for part in module.modules() if isinstance(part, FSDPModule)]
    for part, kind in wrapped:
        part.__class__ = kind.__mro__[kind.__mro__.index(FSDPModule) + 1]
    try:
        yield originals
    finally:
        for part, kind in wrapped:
            part.__class__ = kind
        for holder, key, held in undo:
            holder[key] = held


def shards(
    distributed: Mapping[str, DTensor], recorded: Mapping[str, Recorded], root: Key, threads: int | None
) -> dict[str, DTensor]:
    """Return DTensors on their mesh's devices, placed like those on the meta device.

    Each rank makes only its parts.
    """
    made: dict[int, DTensor] = {}
    for name, tensor in distributed.items():
        if id(tensor) in made:
            continue
        like = tensor._local_tensor
        local = made_on(
            destination("cuda" if tensor.device_mesh.device_type == "cuda" else "cpu"),
            is_drawn(recorded[name]),
            partial(torch.empty_strided, like.shape, like.stride(), dtype=like.dtype),
            partial(_make_parts, tensor, recorded[name], root, threads),
        )
        made[id(tensor)] = _placed(local, tensor)
    return {name: made[id(tensor)] for name, tensor in distributed.items()}


def _placed(local: torch.Tensor, tensor: DTensor) -> DTensor:
    """Return a DTensor of a rank's part, placed like another one."""
    from torch.distributed.tensor import DTensor

    return DTensor(local, tensor._spec, requires_grad=False)  # type: ignore[no-untyped-call]


def _make_parts(
    tensor: DTensor, recorded: Recorded, root: Key, threads: int | None, local: torch.Tensor
) -> None:
    """Make this rank's parts of a tensor in `local`."""
    from ..placement import local_parts

    for part, window in local_parts(_placed(local, tensor)):
        refill(recorded, part, root, window=window, threads=threads)


def _constructed(module: torch.nn.Module) -> dict[int, torch.Tensor]:
    """Return the tensors of recorded constructors by the identities of those that have replaced them."""
    originals: dict[int, torch.Tensor] = {}
    for part in module.modules():
        for name, tensor in (*part._parameters.items(), *part._buffers.items()):
            made = made_by_constructor(part, name)
            if tensor is None or made is None or made is tensor or is_lazy(tensor):
                continue
            if made.shape == tensor.shape and id(tensor) not in originals:
                originals[id(tensor)] = made if made.dtype == tensor.dtype else _cast(made, tensor.dtype)
    return originals


def _cast(made: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a recorded tensor in another dtype, and record the cast."""
    with torch._C.DisableTorchFunctionSubclass():
        cast: torch.Tensor = made.__dict__[MARK].follow(torch.Tensor.to, (made, dtype), {})
    return cast


def _stand_in(tensor: DTensor, constructed: torch.Tensor | None) -> torch.Tensor:
    """Return a plain meta tensor with a DTensor's attributes, and with its recorded construction if known."""
    if constructed is None:
        plain = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    else:
        with torch._C.DisableTorchFunctionSubclass():
            plain = constructed.detach()
    if isinstance(tensor, torch.nn.Parameter):
        plain = torch.nn.Parameter(plain, tensor.requires_grad)
    if constructed is not None:
        plain.__dict__.update((name, value) for name, value in constructed.__dict__.items() if name != MARK)
    plain.__dict__.update({name: value for name, value in tensor.__dict__.items() if name != "_is_param"})
    plain.__dict__[STAND_IN] = True
    return plain
