"""The table from a plan's distribution to the kernel that draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from . import patterns, pretrained, unitary
from .dtypes import encode, resolve
from .flattening import Flattening, Lines
from .key import Key
from .plan import Plan
from .window import Shape, contiguous_blocks

__all__ = ["execute", "ready"]

Array = npt.NDArray[Any]


def execute(plan: Plan, array: Array, key: Key, start: Shape | None, threads: int | None) -> None:
    """Run a plan's kernel on borrowed memory; the window and the number of threads have been checked."""
    if start is None:
        start = (0,) * array.ndim
    _KERNELS[plan.distribution](array, plan, key, start, threads or 0)


def ready(plan: Plan, elements: int) -> Any:
    """Return a plan that is ready to run on memory given by its address, for `_core.draw_small`.

    It fills all elements, in one thread. None if the distribution has no such kernel.
    """
    if resolve(plan.dtype).is_complex:
        return None
    if plan.distribution == "constant":
        return _core.ready_constant(elements, plan.dtype, _element(plan))
    make = _READY.get(plan.distribution)
    return None if make is None else make(elements, plan.dtype, *plan.numbers)


def _constant(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    dtype = resolve(plan.dtype)
    if dtype.is_complex:
        # memory of a complex dtype is aligned to its parts alone
        out[...] = encode(np.array(plan.numbers, dtype.compute), dtype)
        return
    _core.fill_constant(out, _element(plan), threads)


def _element(plan: Plan) -> bytes:
    """Return the bytes of a constant."""
    dtype = resolve(plan.dtype)
    return encode(np.array(plan.numbers, dtype.compute), dtype).tobytes()


def _parts(out: Array, plan: Plan, start: Shape) -> tuple[Array, str, Shape, Shape]:
    """Return what a kernel of real numbers fills: the memory, the format, the whole shape and the start.

    Of a complex tensor these are its real and imaginary parts, which number a last axis.
    """
    dtype = resolve(plan.dtype)
    if not dtype.is_complex:
        return out, plan.dtype, plan.shape, start
    parts = out.reshape(-1).view(dtype.compute).reshape(*out.shape, 2)
    return parts, dtype.compute, (*plan.shape, 2), (*start, 0)


def _uniform(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    low, high, lowest, highest = plan.numbers
    to, dtype, whole, start = _parts(out, plan, start)
    _core.fill_uniform(to, dtype, key.seed, key.offset, whole, start, low, high, lowest, highest, threads)


def _normal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std = plan.numbers
    to, dtype, whole, start = _parts(out, plan, start)
    _core.fill_normal(to, dtype, key.seed, key.offset, whole, start, mean, std, threads)


def _disk(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    is_normal = plan.distribution == "disk_normal"
    scale, floor = plan.numbers if is_normal else (plan.numbers[0], 0.0)
    to, dtype, whole, start = _parts(out, plan, start)
    _core.fill_disk(to, dtype, key.seed, key.offset, whole, start, scale, floor, is_normal, threads)


def _truncated_normal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std, lowest, highest, numbers = plan.numbers
    where = (plan.shape, start)
    _core.fill_truncated(
        out, plan.dtype, key.seed, key.offset, *where, mean, std, lowest, highest, numbers, threads
    )


def _transformed(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    where = (plan.shape, start)
    _core.fill_transformed(
        out, plan.dtype, key.seed, key.offset, *where, plan.distribution, plan.numbers, threads
    )


MASK = "sparse.mask"
"""The part of a sparse tensor's key that decides which elements are zero."""


def _sparse(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    kernel = _core.fill_sparse if plan.distribution == "sparse" else _core.fill_bernoulli_sparse
    mask, (mean, std, zeros) = key.fold_in(MASK), plan.numbers
    where = (plan.shape, start, mean, std, mask.seed, mask.offset, zeros, threads)
    kernel(out, plan.dtype, key.seed, key.offset, *where)


# elements of a flattened sparse tensor that are drawn at a time, into memory of their own
_SPARSE_BLOCK = 1 << 18


def _flattened_sparse(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    mean, std, zeros, exact, columns, stack = plan.numbers
    kernel = _core.fill_sparse if exact else _core.fill_bernoulli_sparse
    flattening = Flattening(_rest(out.ndim, columns, stack), columns, stack)
    rows, outputs, members = flattening.lines(plan.shape, start, out.shape)
    size, flat = flattening.size(plan.shape), out.reshape(-1)
    for number, base in zip(*members.lists(), strict=True):
        own = key.fold_in(number) if stack else key
        mask = own.fold_in(MASK)
        for first, row_offsets in _runs(rows, max(_SPARSE_BLOCK // max(outputs.index.size, 1), 1)):
            for column, column_offsets in _runs(outputs, _SPARSE_BLOCK):
                block = np.empty((row_offsets.size, column_offsets.size), out.dtype)
                where = (size, (first, column), mean, std, mask.seed, mask.offset, zeros, threads)
                kernel(block, plan.dtype, own.seed, own.offset, *where)
                flat[row_offsets[:, None] + column_offsets + np.uint64(base)] = block


def _rest(rank: int, *taken: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that are in none of the groups."""
    return tuple(axis for axis in range(rank) if not any(axis in group for group in taken))


def _runs(lines: Lines, most: int) -> Iterator[tuple[int, npt.NDArray[np.uint64]]]:
    """Yield the first index and all offsets of each run of at most `most` neighbouring lines."""
    ends = np.flatnonzero(np.diff(lines.index) != 1) + 1
    for begin, end in pairwise([0, *ends.tolist(), lines.index.size]):
        for at in range(begin, end, most):
            yield int(lines.index[at]), lines.offset[at : min(at + most, end)]


def _orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, out_axis, stack = plan.numbers
    if out.size == 0:
        return
    others = tuple(axis for axis in range(out.ndim) if axis != out_axis and axis not in stack)
    flattening = Flattening(others, (out_axis,), stack)
    numbers, starts = flattening.lines(plan.shape, start, out.shape)[2].lists()
    keys = [key.fold_in(number) for number in numbers] if stack else [key]
    _draw_orthogonal(out, plan, keys, starts, gain, flattening, start, threads)


def _grouped_orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, columns, stack, split, groups = plan.numbers
    if out.size == 0:
        return
    flattening = Flattening(_rest(out.ndim, columns, stack), columns, stack)
    part = plan.shape[split] // groups
    size = _with(plan.shape, split, part)
    steps = tuple(step // out.itemsize for step in out.strides)
    # groups with the same lines in the window are drawn together: all but the first and the last
    alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for group in range(start[split] // part, -(-(start[split] + out.shape[split]) // part)):
        low = max(start[split], group * part)
        high = min(start[split] + out.shape[split], (group + 1) * part)
        inside = (low - group * part, high - low)
        alike.setdefault(inside, []).append((group, (low - start[split]) * steps[split]))
    for (first, count), held in alike.items():
        begin, extent = _with(start, split, first), _with(out.shape, split, count)
        rows, outputs, members = flattening.lines(size, begin, extent, steps)
        words, starts = [], []
        for number, offset in zip(*members.lists(), strict=True):
            for group, base in held:
                own = key if groups == 1 and not stack else key.fold_in(number * groups + group)
                words.append((own.seed, own.offset))
                starts.append(offset + base)
        _draw_lines(out, plan, words, starts, flattening.size(size), rows, outputs, gain, threads)


def _with(shape: Shape, axis: int, n: int) -> Shape:
    return (*shape[:axis], n, *shape[axis + 1 :])


def _delta_orthogonal(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    gain, in_axis, out_axis = plan.numbers
    if out.size == 0:
        return
    out[...] = 0
    offset = 0
    for axis, step in enumerate(out.strides):
        if axis not in (in_axis, out_axis):
            centre = (plan.shape[axis] - 1) // 2 - start[axis]
            if not 0 <= centre < out.shape[axis]:
                return
            offset += centre * (step // out.itemsize)
    flattening = Flattening((in_axis,), (out_axis,))
    _draw_orthogonal(out, plan, [key], [offset], gain, flattening, start, threads)


def _draw_orthogonal(
    out: Array,
    plan: Plan,
    keys: list[Key],
    starts: list[int],
    gain: float,
    flattening: Flattening,
    start: Shape,
    threads: int,
) -> None:
    rows, columns, _ = flattening.lines(plan.shape, start, out.shape)
    words = [(key.seed, key.offset) for key in keys]
    _draw_lines(out, plan, words, starts, flattening.size(plan.shape), rows, columns, gain, threads)


def _draw_lines(
    out: Array,
    plan: Plan,
    words: list[tuple[int, int]],
    starts: list[int],
    size: tuple[int, int],
    rows: Lines,
    columns: Lines,
    gain: float,
    threads: int,
) -> None:
    length, count = size
    if length < count:
        length, count, rows, columns = count, length, columns, rows
    if resolve(plan.dtype).is_complex:
        unitary.write(out, words, starts, length, count, rows, columns, gain, threads)
        return
    lines = ((rows.index, rows.offset), (columns.index, columns.offset))
    _core.orthogonal(out, plan.dtype, words, starts, length, count, *lines, gain, threads)


# elements of a block with gaps in memory that are drawn at a time, into memory of their own
_BLOCK = 1 << 18


def _blocks(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    axis, begin = plan.numbers[0], 0
    for number, part in zip(plan.streams, plan.parts, strict=True):
        end = begin + part.shape[axis]
        low, high = max(begin, start[axis]), min(end, start[axis] + out.shape[axis])
        if low < high and out.size:
            place = slice(low - start[axis], high - start[axis])
            target = out[(slice(None),) * axis + (place,)]
            _fill_strided(part, target, key.fold_in(number), _with(start, axis, low - begin), threads)
        begin = end


def _icnr(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    axis, copies, are_neighbours, (part,) = plan.numbers
    if out.size == 0:
        return
    # the number that each index along the axis is a copy of; their runs are windows of the part
    number = np.arange(start[axis], start[axis] + out.shape[axis])
    number = number // copies if are_neighbours else number % part.shape[axis]
    needed = np.unique(number)
    for run in np.split(needed, np.flatnonzero(np.diff(needed) != 1) + 1):
        drawn = np.empty(_with(out.shape, axis, run.size), out.dtype)
        execute(part, drawn, key, _with(start, axis, int(run[0])), threads)
        at = np.flatnonzero((number >= run[0]) & (number <= run[-1]))
        out[(slice(None),) * axis + (at,)] = drawn.take(number[at] - run[0], axis)


def _fill_strided(plan: Plan, out: Array, key: Key, start: Shape, threads: int) -> None:
    """Run a kernel on memory with gaps."""
    if out.flags.c_contiguous:
        execute(plan, out, key, start, threads)
        return
    most = out.size if plan.is_drawn_whole else _BLOCK
    for block, extent in contiguous_blocks(out.shape, most):
        part = np.empty(extent, out.dtype)
        execute(plan, part, key, tuple(map(sum, zip(start, block.start, strict=True))), threads)
        out[tuple(slice(i, i + n) for i, n in zip(block.start, extent, strict=True))] = part


def _pattern(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    patterns.WRITERS[plan.distribution](out, resolve(plan.dtype), plan.shape, start, *plan.numbers)


def _pretrained(out: Array, plan: Plan, key: Key, start: Shape, threads: int) -> None:
    whole = plan.shape if plan.distribution == "selected" else None
    pretrained.copy(out, resolve(plan.dtype), plan.source, start, whole)


_KERNELS: dict[str, Callable[[Array, Plan, Key, Shape, int], None]] = {
    "constant": _constant,
    "uniform": _uniform,
    "normal": _normal,
    "disk": _disk,
    "disk_normal": _disk,
    "truncated_normal": _truncated_normal,
    "log_uniform": _transformed,
    "inverse_softplus": _transformed,
    "log_of_uniform": _transformed,
    "log_decay": _transformed,
    "sparse": _sparse,
    "bernoulli_sparse": _sparse,
    "flattened_sparse": _flattened_sparse,
    "orthogonal": _orthogonal,
    "grouped_orthogonal": _grouped_orthogonal,
    "delta_orthogonal": _delta_orthogonal,
    "along": _pattern,
    "identity": _pattern,
    "dirac": _pattern,
    "bilinear": _pattern,
    "hippo": _pattern,
    "pretrained": _pretrained,
    "selected": _pretrained,
    "blocks": _blocks,
    "sharing_blocks": _blocks,
    "icnr": _icnr,
}

_READY: dict[str, Callable[..., Any]] = {
    "uniform": _core.ready_uniform,
    "normal": _core.ready_normal,
    "truncated_normal": _core.ready_truncated,
}
