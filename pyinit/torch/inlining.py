"""Copies of temporary tensors become what made the temporary: drawn in place, and window by window."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch

from .recording import TARGET, Call, Cell, Draw, Snapshot, Write

__all__ = ["inline"]


def inline(cell: Cell, owned: Set[int]) -> None:
    """Replace a cell's first write, if it copies or changes a temporary, by the writes of the latter.

    ``w.copy_(torch.randn(n, m) * 0.02)`` becomes a draw and a product in place. The draws are the
    temporary's own, so whoever reads it too sees the same values.

    Parameters
    ----------
    cell : Cell
        Of a tensor of the module.
    owned : set of int
        The identities of all such cells: others are temporaries.
    """
    cell.writes = _inlined(cell.writes, owned)


def _inlined(writes: tuple[Write, ...], owned: Set[int]) -> tuple[Write, ...]:
    if not writes:
        return writes
    first = writes[0]
    source, then = _source(first)
    if source is None or id(source.cell) in owned:
        return writes
    inner = _inlined(source.writes, owned)
    if not inner or not inner[0].assigns or any(write.view != source.view for write in inner):
        return writes
    if any(isinstance(write.content, Call) and not write.content.pointwise for write in inner):
        return writes
    if not all(isinstance(write.content, Draw | Call) for write in inner):
        return writes
    return (*(Write(first.view, write.content) for write in inner), *then, *writes[1:])


def _source(write: Write) -> tuple[Snapshot | None, tuple[Write, ...]]:
    """Return the tensor of the same shape and dtype that a write begins with, and what it does to that."""
    content = write.content
    if not isinstance(content, Call):
        return None, ()
    source: Any = None
    then: tuple[Write, ...] = ()
    if content.function is torch.ops.aten.copy_.default and content.args[0] is TARGET:
        source = content.args[1]
    elif content.output == 0 and content.function in _ALIKE:
        source = content.args[0]
    elif content.output == 0 and torch.Tag.pointwise in content.function.tags and content.args:
        source = content.args[0]
        changed = Call(_in_place(content.function), (TARGET, *content.args[1:]), content.kwargs)
        if changed.function is None or not changed.pointwise:
            return None, ()
        then = (Write(write.view, changed),)
    if not isinstance(source, Snapshot):
        return None, ()
    alike = source.view.shape == write.view.shape and source.view.dtype == write.view.dtype
    return (source, then) if alike else (None, ())


# What returns the same values in other memory.
_ALIKE = frozenset({torch.ops.aten.clone.default, torch.ops.aten._to_copy.default})


def _in_place(function: Any) -> Any:
    """Return the operator that does the same to its first argument, or None."""
    packet = getattr(torch.ops.aten, f"{function._opname}_", None)
    return getattr(packet, function._overloadname, None)
