"""Tensors that several modules hold, and which of the modules decides their initialization."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..owners import is_of_transformers
from .recorder import Recorder
from .recording import Draw, Recorded
from .view import View
from .walking import named_parts

__all__ = ["Ties", "declared_ties", "is_pretrained", "untied"]


def is_pretrained(module: torch.nn.Module) -> bool:
    """Return whether a module is a transformers model, without importing transformers."""
    return is_of_transformers(type(module), "PreTrainedModel")


def declared_ties(module: torch.nn.Module) -> dict[str, str]:
    """Return the ties that transformers models in a module declare, by the name of the tied parameter."""
    ties: dict[str, str] = {}
    if "transformers" not in sys.modules:
        return ties
    for prefix, part in named_parts(module):
        if is_pretrained(part):
            tied = getattr(part, "all_tied_weights_keys", None)
            before = f"{prefix}." if prefix else ""
            for target, source in tied.items() if isinstance(tied, dict) else ():
                ties.setdefault(before + target, before + source)
    return ties


class Ties:
    """The places of every tied tensor, the deciding one first; the others hold spares for the time being."""

    def __init__(self) -> None:
        self.tensors: dict[int, torch.Tensor] = {}
        self.names: dict[int, list[str]] = {}
        self.spares: dict[int, list[torch.Tensor]] = {}
        self.declared: set[int] = set()

    @property
    def tied(self) -> list[torch.Tensor]:
        """All tied tensors and their spares."""
        return [*self.tensors.values(), *(spare for spares in self.spares.values() for spare in spares)]

    def begun(
        self,
        name: str,
        tensor: torch.Tensor,
        recorder: Recorder,
        writes: Callable[[torch.Tensor], tuple[int, int]],
        version: int,
    ) -> tuple[Recorded, int]:
        """Return the recording of a tensor by its first owner that writes it, and the number of all writes.

        Parameters
        ----------
        writes : callable
            Returns the number of writes to a tensor by the module that holds it, and by methods that run
            after construction. The former count only for the owner that made the tensor, the latter for all
            owners.
        version : int
            The number of writes to the tensor before. An owner that writes as often takes precedence over one
            that writes less.
        """
        spares = self.spares.get(id(tensor))
        if not spares:
            return Recorded(name, View.of(tensor), recorder.cell(tensor)), sum(writes(tensor))
        owners = [tensor, *spares]
        applied = sum(writes(one)[1] for one in owners)
        often = [writes(one)[0] + applied for one in owners]
        begun = [Recorded(name, View.of(one), recorder.cell(one)) for one in owners]
        known = [each for each in zip(begun, often, strict=True) if each[0].unmade is None]
        known = [each for each in known if each[1] >= version] or known or [(begun[0], often[0])]
        recorded = known[0][0]
        places = self.names.pop(id(tensor), [])
        if places and id(tensor) not in self.declared and not all(_alike(recorded, one) for one, _ in known):
            warnings.warn(
                f"'{places[0]}' is one tensor with '{places[1]}', whose modules initialize it differently; "
                f"it begins as '{places[begun.index(recorded)]}'. Build the module under "
                "pyinit.torch.deferred(), which records which of them comes last.",
                UserWarning,
                stacklevel=2,
            )
        return recorded, max(often)


def _alike(first: Recorded, other: Recorded) -> bool:
    """Return whether two tensors are drawn alike; tensors with other writes are not compared."""
    pairs = zip(first.writes, other.writes, strict=False)
    return len(first.writes) == len(other.writes) and all(
        isinstance(one.content, Draw) and (one.view, one.content) == (two.view, two.content)
        for one, two in pairs
    )


@contextmanager
def untied(module: torch.nn.Module) -> Iterator[Ties]:
    """Leave every tied tensor with one of the modules that hold it; the others get spares in the block.

    The first module that holds a tied tensor decides its initialization, as if ``head.weight =
    embedding.weight`` followed both constructors; in a transformers model, the parameter that the model
    declares as the source does.
    """
    sources = declared_ties(module)
    slots: dict[int, list[tuple[str, dict[str, Any], str]]] = {}
    tensors: dict[int, torch.Tensor] = {}
    seen: set[int] = set()
    for prefix, part in named_parts(module):
        registry: dict[str, Any]
        for registry in (part._parameters, part._buffers):
            if id(registry) in seen:
                continue
            seen.add(id(registry))
            for last, tensor in registry.items():
                if tensor is not None and tensor.is_meta:
                    tensors[id(tensor)] = tensor
                    place = (f"{prefix}.{last}" if prefix else last, registry, last)
                    slots.setdefault(id(tensor), []).append(place)
    ties = Ties()
    replaced: list[tuple[dict[str, Any], str, int]] = []
    for at, places in slots.items():
        if len(places) < 2:
            continue
        names = [name for name, _, _ in places]
        targets = {name for name in names if sources.get(name) in names}
        # a tensor that is no target comes first
        places.sort(key=lambda place: place[0] in targets)
        if targets:
            ties.declared.add(at)
        ties.tensors[at] = tensors[at]
        ties.names[at] = [name for name, _, _ in places]
        for _, registry, last in places[1:]:
            spare = _spare(tensors[at])
            registry[last] = spare
            ties.spares.setdefault(at, []).append(spare)
            replaced.append((registry, last, at))
    try:
        yield ties
    finally:
        for registry, last, at in replaced:
            registry[last] = tensors[at]


def _spare(tensor: torch.Tensor) -> torch.Tensor:
    spare = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    return (
        torch.nn.Parameter(spare, tensor.requires_grad) if isinstance(tensor, torch.nn.Parameter) else spare
    )
