"""Compares the tensors of a live module with what a receipt says: `pyinit.torch.verify`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import torch

from ..checkpoint.blueprint import Draft
from ..checkpoint.plan import CheckpointPlan
from ..checkpoint.receipt import Receipt
from ..checkpoint.verification.comparison import Block, Bytes, Progress, compare
from ..checkpoint.verification.diagnosis import Diagnosis, converted
from ..checkpoint.verification.expected import Expected
from ..checkpoint.verification.finding import Finding, Verification
from ..checkpoint.verification.sampling import Sample
from ..checkpoint.verification.verify import expectation, finding_of, summed_up
from ..errors import LayoutError, PyinitError, RecipeError
from ..stream.dtypes import FLOATS
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Shape, Window
from .materialization.naming import state_names

__all__ = ["verify"]

Part = tuple[torch.Tensor, Window]


@dataclass(frozen=True, eq=False)
class _InModule:
    """A tensor of a module: the parts of it that this process holds."""

    draft: Draft
    parts: tuple[Part, ...]
    file: None = None

    @property
    def is_whole(self) -> bool:
        return len(self.parts) == 1 and tuple(self.parts[0][0].shape) == self.draft.shape

    def read(self, window: Window, extent: Shape, out: Bytes) -> None:
        for part, place in self.parts:
            start = [a - b for a, b in zip(window.start, place.start, strict=True)]
            stop = [a + n for a, n in zip(start, extent, strict=True)]
            if min(start, default=0) >= 0 and all(a <= n for a, n in zip(stop, part.shape, strict=True)):
                held = part[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
                torch.from_numpy(out).view(part.dtype).reshape(extent).copy_(held)
                return
        raise AssertionError("a block lies in one part")

    def blocks(self, sample: Sample) -> Iterator[Block]:
        """Yield the blocks of what is held here."""
        for part, place in self.parts:
            for window, extent in sample.blocks(self.draft, tuple(part.shape)):
                start = tuple(a + b for a, b in zip(window.start, place.start, strict=True))
                yield Block(self, Window(start, self.draft.shape), extent)


def verify(
    module: torch.nn.Module,
    receipt: Receipt | CheckpointPlan | str | os.PathLike[str],
    *,
    sample: float = 1.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Make the tensors of a model again, from its receipt, and compare them with those that a module holds.

    Of a DTensor each rank compares the part that it holds, and says nothing of the others: no collective is
    called.

    Parameters
    ----------
    module : torch.nn.Module
        On any device, wrapped or not. Its parameters and persistent buffers count, by the names of the state
        dict.
    receipt : Receipt, CheckpointPlan or path-like
        What the module should hold: a receipt, a plan, the JSON file of one, or a directory with
        ``init.json``.
    sample, seed, threads, progress
        As `pyinit.verify` takes them.

    Returns
    -------
    Verification
        A `Finding` for each tensor that differs, is missing or unexpected, or should be tied to another and
        is not.

    Raises
    ------
    RecipeError
        If it is no module.
    LayoutError
        If the module holds flat parameters of the first FSDP, or a DTensor is a term of a sum.
    FileNotFoundError, FormatError, SpecError, ArgumentError
        As `pyinit.verify`.

    Examples
    --------
    >>> import tempfile
    >>> import pyinit as pi
    >>> import pyinit.torch as pit
    >>> import torch
    >>> with pit.deferred():
    ...     module = torch.nn.Linear(64, 32)
    >>> module = pit.materialize(module, "he_normal", key=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     receipt = pi.write_checkpoint({"weight": (32, 64)}, "he_normal", path=folder, key=0)
    >>> print(pit.verify(module, receipt))
    bias: the receipt knows no such tensor
    Linear: 1 tensor differs; compared 1 of 1 tensors, 8.19 kB
    """
    if not isinstance(module, torch.nn.Module):
        raise RecipeError(
            f"verify needs a torch.nn.Module; got {type(module).__name__}. Use pyinit.verify for files."
        )
    expected = expectation(Path(), receipt)
    taken = Sample(sample, seed)
    state = _state_of(module)
    tensors, findings = _looked_at(module, state, expected)

    def blocks() -> Iterator[Block]:
        for held in tensors:
            yield from held.blocks(taken)

    total = sum(block.nbytes for block in blocks())
    tallies = compare(blocks(), threads=threads, total=total, progress=progress)
    diagnosis = Diagnosis(expected)
    findings += [each for tally in tallies if (each := finding_of(tally, diagnosis, expected)) is not None]
    looked_for = {held.draft.name: held.draft for held in tensors}
    return summed_up(expected, _called(module), tallies, findings, looked_for)


def _called(module: torch.nn.Module) -> str:
    name = type(module).__name__
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return f"{name} on rank {torch.distributed.get_rank()}"
    return name


def _state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and persistent buffers by their names in the state dict without wrappers.

    The state dict is not asked for: wrappers gather it from all ranks.
    """
    found: dict[str, torch.Tensor] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for name, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is None or name in part._non_persistent_buffers_set:
                continue
            if getattr(tensor, "_is_flat_param", False):
                raise LayoutError(
                    f"verify needs tensors of their shapes; {type(module).__name__} holds a flat parameter "
                    f"in '{prefix}'. Call it inside FSDP.summon_full_params, or use fully_shard."
                )
            found[f"{prefix}.{name}" if prefix else name] = tensor
    names = state_names(module, found)
    ignored = set(getattr(module, "_keys_to_ignore_on_save", None) or ())
    return {names[name]: tensor for name, tensor in found.items() if names[name] not in ignored}


def _looked_at(
    module: torch.nn.Module, state: Mapping[str, torch.Tensor], expected: Expected
) -> tuple[list[_InModule], list[Finding]]:
    """Return the tensors to compare, and what is known before."""
    tensors: list[_InModule] = []
    findings: list[Finding] = []
    drafts = {draft.name: draft for draft in expected.drafts}
    for name, draft in drafts.items():
        if name in state:
            _look_at(draft, state[name], tensors, findings)
        else:
            findings.append(Finding("missing", name))
    for name, tensor in state.items():
        owner = expected.ties.get(name)
        if owner is not None and owner in state and owner in drafts and not _is_shared(tensor, state[owner]):
            findings.append(Finding("untied", name, facts={"owner": owner}))
            _look_at(replace(drafts[owner], name=name), tensor, tensors, findings)
        elif owner is None and name not in drafts:
            findings.append(Finding("unexpected", name))
    return tensors, findings


def _is_shared(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one is other or (
        not one.is_meta
        and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
        and one.storage_offset() == other.storage_offset()
        and one.shape == other.shape
    )


def _look_at(draft: Draft, tensor: torch.Tensor, tensors: list[_InModule], findings: list[Finding]) -> None:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if getattr(tensor, "ds_shape", tensor.shape) != tensor.shape:
        why = "DeepSpeed holds parts of it; verify inside deepspeed.zero.GatheredParameters"
        findings.append(Finding("unchecked", draft.name, facts={"why": why}))
    elif tuple(tensor.shape) != draft.shape:
        shapes = {"found": list(tensor.shape), "expected": list(draft.shape)}
        findings.append(Finding("shape", draft.name, facts=shapes))
    elif tensor.is_meta:
        findings.append(Finding("unchecked", draft.name, facts={"why": "it is on the meta device"}))
    else:
        held = _InModule(draft, _parts(tensor))
        if dtype == draft.dtype:
            tensors.append(held)
        else:
            facts = {"found": dtype, "expected": draft.dtype, "rounded": _is_converted(held, dtype)}
            findings.append(Finding("dtype", draft.name, facts=facts))


def _parts(tensor: torch.Tensor) -> tuple[Part, ...]:
    distributed = sys.modules.get("torch.distributed.tensor")
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        from .placement import local_parts

        return tuple(part for part in local_parts(tensor) if part[0].numel())
    shape = tuple(tensor.shape)
    return ((tensor.detach(), Window((0,) * len(shape), shape)),)


def _is_converted(held: _InModule, dtype: str) -> bool | None:
    """Tell whether the values are those written, converted; of a block that is held here."""
    draft = held.draft
    block = next(held.blocks(Sample()), None)
    if dtype not in FLOATS or draft.dtype not in FLOATS or block is None:
        return None
    made = np.empty(block.nbytes, np.uint8)
    found = np.empty(prod(block.extent) * ITEMSIZE[dtype], np.uint8)
    try:
        draft.content.fill(block.window, block.extent, made, 1)
    except PyinitError:
        return None
    held.read(block.window, block.extent, found)
    return bool(np.array_equal(converted(made, draft.dtype, dtype), found))
