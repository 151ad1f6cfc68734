"""Recorded writes that depend on others: what was drawn, what is computed of it, and what is constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch.utils._pytree import tree_map

from ...recipes.distributions import Constant
from ...recipes.patterns import Bilinear, Dirac, Identity
from ...recipes.pretrained import Pretrained
from .recording import Call, Cell, Draw, Snapshot, Write

__all__ = ["again", "following", "is_random", "last_constants"]

# What decides every number itself.
_GIVEN = (Constant, Identity, Dirac, Bilinear, Pretrained)


def again(writes: tuple[Write, ...], cells: Mapping[int, Cell]) -> tuple[Write, ...]:
    """Return writes that compute the same of what the module's cells hold now."""

    def of_now(value: Any) -> Any:
        if not isinstance(value, Snapshot):
            return value
        if id(value.cell) in cells:
            cell = cells[id(value.cell)]
            return Snapshot(cell, cell.writes, value.view)
        return replace(value, writes=again(value.writes, cells))

    def each(write: Write) -> Write:
        if not isinstance(write.content, Call):
            return write
        args, kwargs = tree_map(of_now, (write.content.args, dict(write.content.kwargs)))
        return replace(write, content=replace(write.content, args=args, kwargs=kwargs))

    return tuple(map(each, writes))


def following(
    writes: tuple[Write, ...],
    changed: Mapping[int, tuple[tuple[Write, ...], Cell]],
    memo: dict[int, tuple[Write, ...]],
) -> tuple[Write, ...]:
    """Return writes that read of changed cells what these hold now, where they read what these held at last.

    So a target network is still a copy of the network, and singular vectors are those of the weight.
    """
    if id(writes) in memo:
        return memo[id(writes)]

    def of_now(value: Any) -> Any:
        if not isinstance(value, Snapshot):
            return value
        if id(value.cell) in changed:
            before, cell = changed[id(value.cell)]
            if value.writes is before:
                return Snapshot(cell, cell.writes, value.view)
        inner = following(value.writes, changed, memo)
        return value if inner is value.writes else replace(value, writes=inner)

    def each(write: Write) -> Write:
        if not isinstance(write.content, Call):
            return write
        args, kwargs = tree_map(of_now, (write.content.args, dict(write.content.kwargs)))
        return replace(write, content=replace(write.content, args=args, kwargs=kwargs))

    reads = any(True for write in writes for _ in getattr(write.content, "snapshots", ()))
    memo[id(writes)] = tuple(map(each, writes)) if reads else writes
    return memo[id(writes)]


def last_constants(writes: tuple[Write, ...]) -> tuple[Write, ...]:
    """Return the writes after the last one that is drawn at random, or that changes what is there."""
    is_kept = [write.assigns and not is_random((write,)) for write in writes]
    first = len(writes) - is_kept[::-1].index(False) if False in is_kept else 0
    return writes[first:]


def is_random(writes: tuple[Write, ...], held: Mapping[int, Cell] | None = None) -> bool:
    """Tell whether something was drawn at random, or computed from what was.

    What cells hold at last counts as known where it is read.
    """
    held = {} if held is None else held
    seen: set[int] = set()
    waiting = [writes]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        for write in found:
            if isinstance(write.content, Draw) and not isinstance(write.content.recipe, _GIVEN):
                return True
            reads = getattr(write.content, "snapshots", ())
            waiting += [
                read.writes
                for read in reads
                if id(read.cell) not in held or read.writes is not held[id(read.cell)].writes
            ]
    return False
