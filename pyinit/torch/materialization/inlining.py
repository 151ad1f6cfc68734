"""Copies of temporary tensors become the temporary's own writes, which are made in place and by windows."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import torch

from ..stored import FORMATS
from .recording import TARGET, Call, Cell, Draw, Snapshot, Write
from .view import View

__all__ = ["inline"]


def inline(cell: Cell, owned: Set[int]) -> None:
    """Replace a cell's first write, if it copies or changes a temporary, by the writes of the temporary.

    ``w.copy_(torch.randn(n, m) * 0.02)`` becomes a draw and a product in place. The draws are the temporary's
    own, so that other readers of the temporary get the same values. A cast of a tensor that was only drawn
    becomes a draw in the new dtype, with one rounding, as if the module had been built in that dtype.

    `owned` are the identities of the cells of the module's tensors; other cells are temporaries.
    """
    cell.writes = _inlined(cell.writes, owned)


def _inlined(writes: tuple[Write, ...], owned: Set[int]) -> tuple[Write, ...]:
    if not writes:
        return writes
    first = writes[0]
    source, then = _source(first)
    if source is None or id(source.cell) in owned:
        return writes
    inner = _moved(_inlined(source.writes, owned), source.view, first.view)
    return writes if inner is None else (*inner, *then, *writes[1:])


def _moved(writes: tuple[Write, ...], source: View, target: View) -> tuple[Write, ...] | None:
    """Return the writes of a tensor as writes of its copy, or None if that is not possible."""
    if not writes or not writes[0].assigns or writes[0].view != source:
        return None
    alike = source.dense and (source.shape, source.strides) == (target.shape, target.strides)
    cast = source.dtype != target.dtype
    moved = []
    for write in writes:
        content, view = write.content, write.view
        low, high = view.run
        inside = source.run[0] <= low and high <= source.run[1] and view.dtype == source.dtype
        if view == source:
            view = target
        elif alike and inside:
            offset = view.offset - source.offset + target.offset
            view = View(view.shape, view.strides, offset, target.dtype)
        else:
            return None
        if isinstance(content, Draw) or (isinstance(content, Call) and content.pointwise and not cast):
            moved.append(Write(view, content))
        else:
            return None
    return tuple(moved)


def _source(write: Write) -> tuple[Snapshot | None, tuple[Write, ...]]:
    """Return the tensor of the same shape with which a write begins, and the writes that change it."""
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
    if source.view.shape != write.view.shape:
        return None, ()
    if source.view.dtype != write.view.dtype and (
        then or not {source.view.dtype, write.view.dtype} <= FORMATS.keys()
    ):
        return None, ()
    return source, then


# Operators that return the same values in other memory.
_ALIKE = frozenset({torch.ops.aten.clone.default, torch.ops.aten._to_copy.default})


def _in_place(function: Any) -> Any:
    """Return the operator that does the same in place, or None."""
    packet = getattr(torch.ops.aten, f"{function._opname}_", None)
    return getattr(packet, function._overloadname, None)
