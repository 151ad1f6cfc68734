"""How recorded writes depend on each other: which are drawn, computed from draws, or constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch.utils._pytree import tree_map

from ...recipes.distributions import Constant
from ...recipes.patterns import Bilinear, Dirac, Identity
from ...recipes.pretrained import Pretrained
from .recording import Call, Cell, Draw, Snapshot, Write

__all__ = ["again", "following", "is_random", "last_constants"]

# Recipes that need no random numbers.
_GIVEN = (Constant, Identity, Dirac, Bilinear, Pretrained)


def again(writes: tuple[Write, ...], cells: Mapping[int, Cell]) -> tuple[Write, ...]:
    """Return writes that compute the same from the present contents of the module's cells."""

    def current(value: Any) -> Any:
        if not isinstance(value, Snapshot):
            return value
        if id(value.cell) in cells:
            cell = cells[id(value.cell)]
            return Snapshot(cell, cell.writes, value.view)
        return replace(value, writes=again(value.writes, cells))

    return tuple(_reading(current, write) for write in writes)


def _reading(current: Callable[[Any], Any], write: Write) -> Write:
    """Return a write whose call has other arguments."""
    if not isinstance(write.content, Call):
        return write
    args, kwargs = tree_map(current, (write.content.args, dict(write.content.kwargs)))
    return replace(write, content=replace(write.content, args=args, kwargs=kwargs))


def following(
    writes: tuple[Write, ...],
    changed: Mapping[int, tuple[tuple[Write, ...], Cell]],
    memo: dict[int, tuple[Write, ...]],
) -> tuple[Write, ...]:
    """Return writes that read the present contents of changed cells if they read the last contents before.

    So a target network is still a copy of the network, and singular vectors are still those of the weight.
    """
    if id(writes) in memo:
        return memo[id(writes)]

    def current(value: Any) -> Any:
        if not isinstance(value, Snapshot):
            return value
        if id(value.cell) in changed:
            before, cell = changed[id(value.cell)]
            if value.writes is before:
                return Snapshot(cell, cell.writes, value.view)
        inner = following(value.writes, changed, memo)
        return value if inner is value.writes else replace(value, writes=inner)

    reads = any(True for write in writes for _ in getattr(write.content, "snapshots", ()))
    memo[id(writes)] = tuple(_reading(current, write) for write in writes) if reads else writes
    return memo[id(writes)]


def last_constants(writes: tuple[Write, ...]) -> tuple[Write, ...]:
    """Return the writes after the last one that is random or that changes existing values."""
    is_kept = [write.assigns and not is_random((write,)) for write in writes]
    first = len(writes) - is_kept[::-1].index(False) if False in is_kept else 0
    return writes[first:]


def is_random(writes: tuple[Write, ...], held: Mapping[int, Cell] | None = None) -> bool:
    """Return whether a write is drawn at random, or computed from a random draw.

    The last contents of the cells in `held` count as known if a write reads them.
    """
    held = {} if held is None else held
    seen: set[int] = set()
    waiting = [writes]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for write in current:
            if isinstance(write.content, Draw) and not isinstance(write.content.recipe, _GIVEN):
                return True
            reads = getattr(write.content, "snapshots", ())
            waiting += [
                read.writes
                for read in reads
                if id(read.cell) not in held or read.writes is not held[id(read.cell)].writes
            ]
    return False
