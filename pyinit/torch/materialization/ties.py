"""Tensors that several modules hold: which of them says how such a tensor begins."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch

from .recorder import Recorder
from .recording import Draw, Recorded
from .view import View

__all__ = ["Ties", "declared_ties", "is_pretrained", "untied"]


def is_pretrained(module: torch.nn.Module) -> bool:
    """Tell a transformers model without importing transformers."""
    kind: Any = type(module)
    return _is_pretrained(kind)


@lru_cache(maxsize=1024)
def _is_pretrained(kind: type) -> bool:
    return any(
        base.__name__ == "PreTrainedModel" and base.__module__.startswith("transformers.")
        for base in kind.__mro__
    )


def declared_ties(module: torch.nn.Module) -> dict[str, str]:
    """Return which parameter each tied one is, by names, as transformers models in a module declare it."""
    found: dict[str, str] = {}
    if "transformers" not in sys.modules:
        return found
    for prefix, part in module.named_modules():
        if is_pretrained(part):
            tied = getattr(part, "all_tied_weights_keys", None)
            before = f"{prefix}." if prefix else ""
            for target, source in tied.items() if isinstance(tied, dict) else ():
                found.setdefault(before + target, before + source)
    return found


class Ties:
    """The places of every tied tensor, the one that decides first; the others hold spares meanwhile."""

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
        """Return how a tensor begins, by the first of its owners that says it, and how often all write it.

        Parameters
        ----------
        writes : callable
            Returns how often a tensor was written to by the module that has it, and by methods that run when
            all is built. Of the former those of one owner count, which made the tensor; of the latter all.
        version : int
            How often the tensor was written to before: an owner that writes as often decides before one that
            writes less.
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
                f"'{places[0]}' is one tensor with '{places[1]}', whose modules begin it in different ways; "
                f"it begins as '{places[begun.index(recorded)]}'. Build the module under "
                "pyinit.torch.deferred(), which sees which of them comes last.",
                UserWarning,
                stacklevel=2,
            )
        return recorded, max(often)


def _alike(first: Recorded, other: Recorded) -> bool:
    """Tell whether two tensors are drawn alike; of what else is done to them it is not known."""
    pairs = zip(first.writes, other.writes, strict=False)
    return len(first.writes) == len(other.writes) and all(
        isinstance(one.content, Draw) and (one.view, one.content) == (two.view, two.content)
        for one, two in pairs
    )


@contextmanager
def untied(module: torch.nn.Module) -> Iterator[Ties]:
    """Give every tied tensor to one of the modules that have it; the others get spares meanwhile.

    A tied tensor begins as the first module that has it says, as where ``head.weight = embedding.weight``
    follows both constructors; in a transformers model, as the parameter does that the model declares to be
    the source.
    """
    sources = declared_ties(module)
    slots: dict[int, list[tuple[str, dict[str, Any], str]]] = {}
    tensors: dict[int, torch.Tensor] = {}
    seen: set[int] = set()
    for prefix, part in module.named_modules():
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
        # what is a target of no other comes first
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
