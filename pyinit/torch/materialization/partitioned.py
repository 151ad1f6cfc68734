"""Tensors that Megatron has cut, on the meta device: a recording of the part becomes one of the whole tensor.

A constructor of Megatron either copies its part of a whole tensor, which it draws for this, or draws into its
part. A draw into a part is a draw of the whole tensor, of which this rank makes its part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod

import torch

from ...errors import LayoutError, PyinitError, RecipeError
from ...stream.key import Key
from ...stream.window import Shape
from ..partitions.holding import partition_of
from ..partitions.megatron import is_expert
from .destination import is_drawn, made_on
from .holding import named_tensors
from .methods import forget
from .naming import state_names
from .recording import Call, Cell, Draw, Recorded, Write
from .replay import refill
from .view import View

__all__ = ["made_parts", "refuse_real_parts", "whole_recordings"]


def refuse_real_parts(module: torch.nn.Module) -> None:
    """Refuse a module without tensors on the meta device if DeepSpeed, FSDP or Megatron has cut one of it.

    Parts below, which FSDP has wrapped, do not count: it calls its ``param_init_fn`` with modules that hold
    them, of which nothing else is to be made.
    """
    for name, tensor in module.named_parameters():
        if "._fsdp_wrapped_module." in name:
            continue
        try:
            is_part = partition_of(tensor) is not None
        except LayoutError as error:
            raise type(error)(f"'{name}': {error}") from None
        if is_part:
            raise RecipeError(
                f"materialize needs a module on the meta device; '{name}' of {type(module).__name__} is "
                "real, and a part of a tensor that is cut over ranks. Materialize before it is cut, build "
                "the module under pyinit.torch.accelerate, or call pyinit.torch.fill for each parameter."
            )


def whole_recordings(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], prefix: str
) -> dict[str, tuple[torch.Tensor, Recorded]]:
    """Return parameters of which this rank makes a part, with recordings of the whole tensors, by name.

    Parameters
    ----------
    recorded : mapping of str to Recorded
        The recordings of the module's plain tensors, as they are on this rank.
    prefix : str
        The prefix of the module's names in the whole model, for messages.

    Raises
    ------
    LayoutError
        If it is unknown which part a tensor is.
    RecipeError
        If the writes to a part do not tell those to the whole tensor; if a tensor is of experts, of whose
        names each rank counts its own.
    """
    try:
        # the accesses below must not be recorded
        with torch._C.DisableTorchFunctionSubclass():
            return _whole_recordings(module, recorded, state_names(module, recorded, prefix))
    except PyinitError:
        forget(module)
        raise


def _whole_recordings(
    module: torch.nn.Module, recorded: Mapping[str, Recorded], names: Mapping[str, str]
) -> dict[str, tuple[torch.Tensor, Recorded]]:
    tensors = {name: tensor for name, tensor in named_tensors(module) if name in recorded}
    made: dict[str, tuple[torch.Tensor, Recorded]] = {}
    for name, tensor in tensors.items():
        if is_expert(tensor) and any(map(_drawn, recorded[name].writes)):
            raise RecipeError(
                f"materialize needs names that all ranks agree on; '{names[name]}' is of an expert that is "
                "numbered within its rank. Pass it by pyinit.torch.fill, with the key of its name in the "
                "whole model."
            )
        try:
            partition = partition_of(tensor)
        except LayoutError as error:
            raise type(error)(f"'{names[name]}': {error}") from None
        if partition is None:
            continue
        part = recorded[name]
        if all(_is_cut(write, partition.shape) for write in part.writes):
            # what was drawn whole and copied, or is constant
            continue
        shared = [other for other in recorded if recorded[other].cell is part.cell]
        alone = part.view.dense and part.view.run == (0, part.cell.nbytes)
        if not alone or any(tensors[other] is not tensor for other in shared):
            raise RecipeError(_unknown(names[name], "other tensors share its memory"))
        strides = tuple(torch.empty(partition.shape, device="meta").stride())
        whole = View(partition.shape, strides, 0, part.view.dtype)
        writes = tuple(_of_whole(write, part.view, whole, names[name]) for write in part.writes)
        nbytes = whole.size * whole.dtype.itemsize
        made[name] = tensor, Recorded(part.name, whole, Cell(nbytes, writes))
    return made


def made_parts(
    parts: Mapping[str, tuple[torch.Tensor, Recorded]], root: Key, threads: int | None, where: torch.device
) -> dict[str, torch.Tensor]:
    """Return this rank's parts of tensors on a device."""
    made: dict[int, torch.Tensor] = {}
    for name, (tensor, recorded) in parts.items():
        if id(tensor) in made:
            continue
        made[id(tensor)] = made_on(
            where,
            is_drawn(recorded),
            partial(torch.empty_strided, tensor.shape, tensor.stride(), dtype=tensor.dtype),
            partial(_make_part, name, tensor, recorded, root, threads),
        )
    return {name: made[id(tensor)] for name, (tensor, _) in parts.items()}


def _make_part(
    name: str,
    tensor: torch.Tensor,
    recorded: Recorded,
    root: Key,
    threads: int | None,
    real: torch.Tensor,
) -> None:
    """Make this rank's part of a tensor in `real`, which has its place for that time."""
    real.__dict__.update(tensor.__dict__)
    partition = partition_of(real)
    assert partition is not None, name
    for part, window in partition.within(real, None):
        refill(recorded, part, root, window=window, threads=threads)
    real.__dict__.clear()


def _of_whole(write: Write, part: View, whole: View, name: str) -> Write:
    """Return a write to all of a part as one to the whole tensor."""
    content = write.content
    alike = isinstance(content, Draw) or (isinstance(content, Call) and content.pointwise)
    if not alike or write.view != part:
        raise RecipeError(_unknown(name, f"{content!r} depends on it"))
    return Write(whole, content)


def _is_cut(write: Write, shape: Shape) -> bool:
    """Return whether a write has the same values on any rank, or reads draws of the whole tensor only."""
    return all(drawn.size == prod(shape) for drawn in _drawn(write))


def _drawn(write: Write) -> list[View]:
    """Return the views of all draws that a write needs."""
    if isinstance(write.content, Draw):
        return [write.view]
    if not isinstance(write.content, Call):
        return []
    inner = (each for snapshot in write.content.snapshots for each in snapshot.writes)
    return [view for each in inner for view in _drawn(each)]


def _unknown(name: str, why: str) -> str:
    return (
        f"materialize needs to know the whole tensor of which '{name}' is a part; {why}. Draw into the "
        "parameter itself, after it is marked as tensor_model_parallel, or pass recipe={pattern: a Recipe}."
    )
