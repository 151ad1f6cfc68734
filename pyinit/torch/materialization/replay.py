"""Recordings become values: a whole storage, or a window of one tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_leaves, tree_map

from ...recipes.distributions import Constant, Normal, TruncatedNormal, Uniform
from ...stream.key import Key
from ...stream.window import Shape, Window, check_window
from ..stored import FORMATS
from ..tensor import fill
from .recording import TARGET, Call, Content, Draw, Lost, Recorded, Snapshot, Write
from .view import View

__all__ = ["aligned", "in_windows", "refill", "replay"]

# Elements of these recipes depend only on their number in C order, not on the shape of the tensor.
_BY_NUMBER = (Constant, Normal, TruncatedNormal, Uniform)

# The tensors that were read, by the identities of the cell and of its writes, both of which a snapshot keeps.
Memo = dict[tuple[int, int], torch.Tensor]


def replay(
    writes: tuple[Write, ...],
    storage: torch.Tensor,
    root: Key,
    *,
    threads: int | None = None,
    memo: Memo | None = None,
) -> None:
    """Replay all recorded writes on a storage of the cell's size, which is given as a tensor of bytes."""
    memo = {} if memo is None else memo
    for write in writes:
        target = write.view.on(storage)
        if isinstance(write.content, Draw):
            fill(target, write.content.recipe, key=write.content.key(root), threads=threads)
        else:
            _call(write.content, target, root, threads, memo)


def _call(content: Content, target: torch.Tensor, root: Key, threads: int | None, memo: Memo) -> None:
    assert isinstance(content, Call), content

    # the other tensors that the operator changes are copies, because others may read the originals
    aside = any(leaf is not TARGET for leaf in content.written)

    def real(value: Any) -> Any:
        if value is TARGET:
            return target
        if isinstance(value, Snapshot):
            value = _read(value, root, threads, memo)
        return value.clone() if aside and isinstance(value, torch.Tensor) else value

    with torch.no_grad():
        args, kwargs = tree_map(real, (content.args, dict(content.kwargs)))
        result = content.function(*args, **kwargs)
        if content.output is not None:
            target.copy_(tree_leaves(result)[content.output])


def _read(snapshot: Snapshot, root: Key, threads: int | None, memo: Memo) -> torch.Tensor:
    at = (id(snapshot.cell), id(snapshot.writes))
    if at not in memo:
        storage = torch.empty(snapshot.cell.nbytes, dtype=torch.uint8, device="cpu")
        replay(snapshot.writes, storage, root, threads=threads, memo=memo)
        memo[at] = storage
    return snapshot.view.on(memo[at])


def refill(
    recorded: Recorded,
    out: torch.Tensor,
    root: Key,
    *,
    window: Window | None = None,
    threads: int | None = None,
) -> torch.Tensor:
    """Make a recorded tensor, or a window of it, in `out`.

    Parameters
    ----------
    recorded : Recorded
        A recording whose `unmade` is None.
    out : torch.Tensor
        A tensor on the CPU of the recorded dtype, with any strides.
    root : Key
        The model's key.
    window : Window, optional
        The position of `out` in the whole tensor.
    threads : int, optional
        At most this many threads. The values do not depend on it.

    Returns
    -------
    torch.Tensor
        `out`. A window takes time and memory in proportion to its size, unless a recorded operator reads more
        than one element at a time, such as a product or a sort: then the whole tensor is made in other
        memory.
    """
    where = Window((0,) * out.dim(), tuple(out.shape)) if window is None else window
    check_window(where, tuple(out.shape))
    parts = [_part(write, recorded.view, where, tuple(out.shape)) for write in recorded.writes]
    if any(part is None for part in parts):
        storage = torch.empty(recorded.cell.nbytes, dtype=torch.uint8, device="cpu")
        replay(recorded.writes, storage, root, threads=threads)
        whole = recorded.view.on(storage)
        with torch.no_grad():
            out.copy_(whole[_slices(where.start, tuple(out.shape))])
        return out
    plain = out.detach()
    for write, part in zip(recorded.writes, parts, strict=True):
        if part is None or 0 in part.shape:
            continue
        target = part.on(plain)
        if isinstance(write.content, Draw):
            key = write.content.key(root)
            fill(
                target, write.content.recipe, key=key, window=Window(part.start, part.whole), threads=threads
            )
        else:
            _call(_cut(write.content, part), target, root, threads, {})
    return out


def in_windows(recorded: Recorded) -> bool:
    """Tell whether a window of a tensor takes time and memory of its own size alone."""
    whole = Window((0,) * len(recorded.shape), recorded.shape)
    return all(
        _part(write, recorded.view, whole, recorded.shape) is not None and not _drawn_whole(write)
        for write in recorded.writes
    )


def _drawn_whole(write: Write) -> bool:
    content = write.content
    if not isinstance(content, Draw) or isinstance(content.recipe, _BY_NUMBER):
        return False
    return content.recipe.plan(write.view.shape, FORMATS[write.view.dtype]).is_drawn_whole


def _slices(start: Shape, extent: Shape) -> tuple[slice, ...]:
    return tuple(slice(first, first + n) for first, n in zip(start, extent, strict=True))


class _Part(NamedTuple):
    """The part of a written tensor that lies in a window.

    Attributes
    ----------
    local
        The elements of the window, as an index for each of its axes.
    axes
        The window's axis for every axis of the written tensor, counted without those that `local` drops; None
        for an axis of size 1 that the window does not have.
    start, shape, whole
        The start and the shape of the part, and the shape of the whole written tensor.
    """

    local: tuple[slice | int, ...]
    axes: tuple[int | None, ...]
    start: Shape
    shape: Shape
    whole: Shape

    def on(self, window: torch.Tensor) -> torch.Tensor:
        """Return the part as a view of the window."""
        taken = window[self.local]
        view = taken.permute([axis for axis in self.axes if axis is not None])
        for position, axis in enumerate(self.axes):
            if axis is None:
                view = view.unsqueeze(position)
        return view


def _part(write: Write, base: View, window: Window, extent: Shape) -> _Part | None:
    """Return the part of a write that lies in a window, or None if it cannot be replayed alone."""
    content, view = write.content, write.view
    if isinstance(content, Lost) or view.dtype != base.dtype:
        return None
    if isinstance(content, Call) and not content.pointwise and not _copies(content):
        return None
    found = aligned(view, base)
    if found is None and (not isinstance(content, Draw) or isinstance(content.recipe, _BY_NUMBER)):
        rows = None if isinstance(content, Call) and not content.pointwise else _rows(view, base)
        if rows is not None:
            view = rows
            found = aligned(view, base)
    if found is None:
        return None
    axes, firsts, steps = found
    local: list[slice | int] = []
    starts, extents = [0] * len(view.shape), [1] * len(view.shape)
    empty = False
    for axis, (low, n) in enumerate(zip(window.start, extent, strict=True)):
        first, step = firsts[axis], steps[axis]
        if axis not in axes:
            # the write has a single index of this axis
            empty |= not low <= first < low + n
            local.append(0 if empty else first - low)
            continue
        drawn = axes.index(axis)
        begin = max(-(-(low - first) // step), 0)
        end = min(-(-(low + n - first) // step), view.shape[drawn])
        starts[drawn], extents[drawn] = begin, max(end - begin, 0)
        at = first + begin * step - low
        local.append(slice(at, at + (extents[drawn] - 1) * step + 1, step) if extents[drawn] else slice(0, 0))
    if empty:
        extents = [0] * max(len(extents), 1)
    kept = [axis for axis in range(len(extent)) if axis in axes]
    numbered = tuple(None if axis is None else kept.index(axis) for axis in axes)
    return _Part(tuple(local), numbered, tuple(starts), tuple(extents), view.shape)


def aligned(view: View, base: View) -> tuple[list[int | None], list[int], list[int]] | None:
    """Return for each axis of a view the base's axis, and for each of the base the first index and step."""
    rest = view.offset - base.offset
    firsts, steps = [0] * len(base.shape), [1] * len(base.shape)
    order = sorted((axis for axis, n in enumerate(base.shape) if n > 1), key=lambda axis: -base.strides[axis])
    if rest < 0:
        return None
    for axis in order:
        firsts[axis], rest = divmod(rest, base.strides[axis])
    if rest or any(firsts[axis] >= base.shape[axis] for axis in order):
        return None
    axes: list[int | None] = []
    for stride, n in zip(view.strides, view.shape, strict=True):
        if n == 1:
            axes.append(None)
            continue
        within = [axis for axis in order if base.strides[axis] <= stride]
        if not within or within[0] in axes or stride % base.strides[within[0]]:
            return None
        axis = within[0]
        steps[axis] = stride // base.strides[axis]
        if firsts[axis] + steps[axis] * (n - 1) >= base.shape[axis]:
            return None
        axes.append(axis)
    return axes, firsts, steps


def _rows(view: View, base: View) -> View | None:
    """Return a view that holds whole rows of the base, in C order, as a tensor of such rows."""
    if not (_contiguous(view) and _contiguous(base)) or not base.shape or not base.size:
        return None
    row = base.size // base.shape[0]
    if (view.offset - base.offset) % row or view.size % row:
        return None
    return View((view.size // row, *base.shape[1:]), base.strides, view.offset, view.dtype)


def _contiguous(view: View) -> bool:
    expected = 1
    for stride, n in zip(reversed(view.strides), reversed(view.shape), strict=True):
        if n != 1 and stride != expected:
            return False
        expected *= n
    return True


def _copies(content: Call) -> bool:
    """Return whether a call copies values that were known when it was recorded."""
    if content.function is not torch.ops.aten.copy_.default or content.args[0] is not TARGET:
        return False
    return isinstance(content.args[1], torch.Tensor)


def _cut(content: Content, part: _Part) -> Content:
    """Return a copying call with the part of its source that a window needs, and other calls as they are."""
    if not isinstance(content, Call) or not _copies(content):
        return content
    source = content.args[1].expand(part.whole)[_slices(part.start, part.shape)]
    return Call(content.function, (TARGET, source, *content.args[2:]), content.kwargs)
