"""Compares the tensors of a live module with what a receipt says: `pyinit.torch.verify`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import torch

from ...checkpoint.blueprint import Draft
from ...checkpoint.plan import CheckpointPlan
from ...checkpoint.receipt import Receipt
from ...checkpoint.verification.comparison import Block, Progress, compare
from ...checkpoint.verification.diagnosis import Diagnosis, converted
from ...checkpoint.verification.expected import Expected
from ...checkpoint.verification.finding import Finding, Verification
from ...checkpoint.verification.sampling import Sample
from ...checkpoint.verification.verify import expectation, finding_of, summed_up
from ...errors import LayoutError, PyinitError, RecipeError
from ...stream.dtypes import FLOATS
from ...stream.safetensors import ITEMSIZE
from ...stream.window import Shape
from ..checkpoint import rebuilding as rebuilding  # reads what receipts say that torch computes
from ..checkpoint.blueprint import is_whole, unwrapped
from ..checkpoint.following import Part
from ..checkpoint.saving import Saving, saving_of
from ..materialization.naming import state_names
from ..materialization.ties import is_pretrained
from .held import InModule, InParts, InPieces, held_of, is_whole_here

__all__ = ["verify"]


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

    Of a DTensor, and of what DeepSpeed's ZeRO-3, FSDP with ``use_orig_params`` and Megatron cut, each rank
    compares the part that it holds, and says nothing of the others: no collective is called.

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
    looking = _Looking(module, expected)
    tensors, findings = looking.tensors, looking.findings

    def blocks() -> Iterator[Block]:
        for held in tensors:
            yield from held.blocks(taken)

    total = sum(block.nbytes for block in blocks())
    tallies = compare(blocks(), threads=threads, total=total, progress=progress)
    diagnosis = Diagnosis(expected)
    findings += [each for tally in tallies if (each := finding_of(tally, diagnosis, expected)) is not None]
    looked_for = {held.draft.name: held.draft for held in tensors if held.is_here}
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
                    f"verify needs tensors of their shapes; {type(module).__name__} has a flat parameter in "
                    f"'{prefix}'. Call it inside FSDP.summon_full_params, or use fully_shard."
                )
            found[f"{prefix}.{name}" if prefix else name] = tensor
    names = state_names(module, found)
    ignored = set(getattr(unwrapped(module), "_keys_to_ignore_on_save", None) or ())
    return {names[name]: tensor for name, tensor in found.items() if names[name] not in ignored}


class _Looking:
    """What is to be compared, and what is known before."""

    def __init__(self, module: torch.nn.Module, expected: Expected) -> None:
        self.tensors: list[InModule] = []
        self.findings: list[Finding] = []
        self._state = _state_of(module)
        self._expected = expected
        self._is_followed = True
        self._saving = self._saved(module)
        self._sources: set[str] = set()
        for draft in expected.drafts:
            self._look_for(draft)
        drafts = {draft.name: draft for draft in expected.drafts}
        for name, tensor in self._state.items():
            owner = expected.ties.get(name)
            if owner is not None and owner in self._state and owner in drafts:
                if not _is_shared(tensor, self._state[owner]):
                    self.findings.append(Finding("untied", name, facts={"owner": owner}))
                    self._compare(replace(drafts[owner], name=name), tensor)
            elif owner is None and name not in drafts and name not in self._sources:
                self.findings.append(self._without("unexpected", name))

    def _saved(self, module: torch.nn.Module) -> Saving | None:
        """Return how the library of a module saves it, where that may be other tensors than it holds."""
        inner = unwrapped(module)
        if not is_pretrained(inner):
            return None
        self._is_followed = all(map(is_whole_here, self._state.values()))
        try:
            return saving_of(inner) if self._is_followed else None
        except PyinitError:
            self._is_followed = False
            return None

    def _is_own(self, name: str, parts: Sequence[Part]) -> bool:
        """Tell whether a saved tensor is the one that the module holds under its name."""
        if len(parts) > 1 or parts[0].source != name or name not in self._state:
            return False
        return is_whole(parts[0].rectangle, tuple(self._state[name].shape))

    def _without(self, kind: str, name: str) -> Finding:
        """Return the finding of a name that only the receipt, or only the module, has."""
        if self._is_followed:
            return Finding(kind, name)
        why = (
            "the module's names are not those of its files, and of a sharded module it is not known which of "
            "them belong together; verify the files, or the whole module"
        )
        return Finding("unchecked", name, facts={"why": why})

    def _look_for(self, draft: Draft) -> None:
        name = draft.name
        parts = None
        if self._saving is not None and name in self._saving.tensors:
            parts = self._saving.following.parts(self._saving.tensors[name])
        if parts is None or self._is_own(name, parts):
            if name in self._state:
                self._compare(draft, self._state[name])
            else:
                self.findings.append(self._without("missing", name))
            return
        assert self._saving is not None, "it knows the parts"
        self._sources |= {part.source for part in parts}
        sources = [self._state[part.source].detach() for part in parts]
        stand_in = self._saving.tensors[name]
        if self._is_alike(draft, tuple(stand_in.shape), is_meta=any(source.is_meta for source in sources)):
            pieces = zip((part.rectangle for part in parts), sources, strict=True)
            held = InPieces(draft, tuple(pieces))
            self._take(held, str(stand_in.dtype).removeprefix("torch."))

    def _compare(self, draft: Draft, tensor: torch.Tensor) -> None:
        try:
            shape, parts = held_of(tensor)
        except LayoutError as error:
            self.findings.append(Finding("unchecked", draft.name, facts={"why": str(error)}))
            return
        if self._is_alike(draft, shape, is_meta=tensor.is_meta):
            self._take(InParts(draft, parts), str(tensor.dtype).removeprefix("torch."))

    def _is_alike(self, draft: Draft, shape: Shape, *, is_meta: bool) -> bool:
        """Tell whether values can be compared, and note why not."""
        if shape != draft.shape:
            shapes = {"found": list(shape), "expected": list(draft.shape)}
            self.findings.append(Finding("shape", draft.name, facts=shapes))
        elif is_meta:
            self.findings.append(Finding("unchecked", draft.name, facts={"why": "it is on the meta device"}))
        else:
            return True
        return False

    def _take(self, held: InModule, dtype: str) -> None:
        if dtype == held.draft.dtype:
            self.tensors.append(held)
        else:
            facts = {"found": dtype, "expected": held.draft.dtype, "rounded": _is_converted(held, dtype)}
            self.findings.append(Finding("dtype", held.draft.name, facts=facts))


def _is_shared(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one is other or (
        not one.is_meta
        and one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
        and one.storage_offset() == other.storage_offset()
        and one.shape == other.shape
    )


def _is_converted(held: InModule, dtype: str) -> bool | None:
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
