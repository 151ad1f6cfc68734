"""The names of a module's tensors in its state dict, and of the streams of recorded draws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from .recording import Draw, Path, Recorded, Write

__all__ = ["name_draws", "state_names", "whole_prefix"]

# The names under which torch.compile, activation checkpointing and the first FSDP hold the wrapped module.
_WRAPPED = frozenset({"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"})


def state_names(module: nn.Module, names: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Return the name of each tensor in the state dict of the module without wrappers.

    Parameters
    ----------
    module : torch.nn.Module
        A module with or without wrappers, around the whole or around parts.
    names : iterable of str
        Names of its tensors, as from ``named_parameters``.
    prefix : str
        The prefix of the module's names in the whole model; empty, or with a dot at its end.

    Returns
    -------
    dict of str to str
        The names in the state dict, in the same order.

    Examples
    --------
    >>> import torch
    >>> state_names(torch.nn.DataParallel(torch.nn.Linear(2, 2)), ["module.weight"], "head.")
    {'module.weight': 'head.weight'}
    """
    return {name: prefix + _unwrapped(module, name) for name in names}


def _unwrapped(module: nn.Module, name: str) -> str:
    parts = name.split(".")
    if not any(part == "module" or part in _WRAPPED for part in parts):
        return name
    kept = []
    # an item of a list or dict that is a plain attribute is no module
    holder: Any = module
    for part in parts:
        is_parallel = isinstance(holder, nn.DataParallel | nn.parallel.DistributedDataParallel)
        if part not in _WRAPPED and not (part == "module" and is_parallel):
            kept.append(part)
        holder = getattr(holder, part, None)
    return ".".join(kept)


def whole_prefix(prefix: str) -> str:
    """Return the prefix of a part's names in the state dict of the whole, without wrappers, with a dot.

    Examples
    --------
    >>> whole_prefix("_fsdp_wrapped_module.layers.2")
    'layers.2.'
    """
    return "".join(
        f"{part}." for part in prefix.removesuffix(".").split(".") if part and part not in _WRAPPED
    )


def name_draws(tensors: Mapping[str, Recorded], state: Mapping[str, str] | None = None) -> None:
    """Give a unique path to the key of every draw that the recorded tensors need.

    `state` maps their names to those of the state dict, if these differ. The tensors come first, in their
    order; then the tensors that their writes read, which are temporaries and the former contents of redrawn
    tensors.
    """
    state = dict(zip(tensors, tensors, strict=True)) if state is None else state
    names = _Names()
    cells = {id(recorded.cell): (state[name], recorded) for name, recorded in reversed([*tensors.items()])}
    owned = [cells[at] for at in dict.fromkeys(id(recorded.cell) for recorded in tensors.values())]
    paths: dict[int, Path] = {id(recorded.cell): (name,) for name, recorded in owned}
    for name, recorded in owned:
        names.give(recorded.writes, (name,))
    seen: set[int] = set()
    for name, recorded in owned:
        position = 0
        waiting = [(number, write) for number, write in enumerate(recorded.writes)]
        while waiting:
            number, write = waiting.pop(0)
            for read in getattr(write.content, "snapshots", ()):
                if id(read.cell) not in paths:
                    position += 1
                    paths[id(read.cell)] = (name, number, position)
                if id(read.writes) not in seen:
                    seen.add(id(read.writes))
                    names.give(read.writes, paths[id(read.cell)])
                    waiting += [(number, inner) for inner in read.writes]


class _Names:
    """The paths in use, and the draws that have one."""

    def __init__(self) -> None:
        self._taken: set[Path] = set()
        self._named: set[int] = set()

    def give(self, writes: tuple[Write, ...], path: Path) -> None:
        """Name the draws among the writes of a cell by their numbers, or by the next free number."""
        for number, write in enumerate(writes):
            draw = write.content
            if not isinstance(draw, Draw) or id(draw) in self._named:
                continue
            chosen = (*path, number) if number else path
            while chosen in self._taken:
                number += 1
                chosen = (*path, number)
            draw.path = chosen
            self._taken.add(chosen)
            self._named.add(id(draw))
