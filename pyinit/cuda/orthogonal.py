"""Orthogonal matrices on a device: the launches of csrc/cuda/reflectors.hpp and panel.hpp in their order.

Each matrix is made as csrc/dense/orthogonal.hpp says, with its sums in the same order, so that its bits are
those of the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..stream.dtypes import resolve
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape
from .device import Memory, Queue
from .lines import LineAxes, steps_of
from .runs import pieces_of, runs_of
from .tasks import (
    GRAM_ROWS,
    REFLECTORS,
    SPAN_ROWS,
    SQUARE_ROWS,
    KeyWords,
    LinesTask,
    NormalNumbers,
    NormalTask,
    ReflectorTask,
)

__all__ = ["delta_orthogonal", "grouped_orthogonal", "orthogonal"]

_TILE_ROWS, _TILE_COLUMNS = 32, 64
_GROUPS_AT_ONCE = SPAN_ROWS // GRAM_ROWS
_PANEL_NUMBERS = 1 << 26
"""Numbers of a panel: columns beyond them wait, and V is drawn again for them."""


def orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch one orthogonal matrix, or a stack of them."""
    gain, out_axis, stack = plan.numbers
    rest = tuple(axis for axis in range(len(plan.shape)) if axis not in (out_axis, *stack))
    place = (plan.shape, start, memory.shape, steps_of(memory.shape))
    rows, columns, members = (LineAxes.of(axes, *place) for axes in (rest, (out_axis,), stack))
    matrix = _Matrix(memory, plan.dtype, gain, rows, columns, _size(plan, rest), plan.shape[out_axis])
    numbers, starts = members.index().tolist(), members.offset().tolist()
    keys = [key.fold_in(number) for number in numbers] if stack else [key]
    _launch(matrix, list(zip(keys, starts, strict=True)))


def grouped_orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch the matrices of groups of channels, of each member of a stack."""
    gain, columns, stack, split, groups = plan.numbers
    rest = tuple(axis for axis in range(len(plan.shape)) if axis not in (*columns, *stack))
    part, steps = plan.shape[split] // groups, steps_of(memory.shape)
    size = _with(plan.shape, split, part)
    # groups with the same lines in the window are drawn together: all but the first and the last
    alike: dict[tuple[int, int], list[tuple[int, int]]] = {}
    end = start[split] + memory.shape[split]
    for group in range(start[split] // part, -(-end // part)):
        low, high = max(start[split], group * part), min(end, (group + 1) * part)
        inside = (low - group * part, high - low)
        alike.setdefault(inside, []).append((group, (low - start[split]) * steps[split]))
    for (first, count), held in alike.items():
        place = (size, _with(start, split, first), _with(memory.shape, split, count), steps)
        sides = [LineAxes.of(axes, *place) for axes in (rest, columns, stack)]
        counts = [math.prod(size[axis] for axis in axes) for axes in (rest, columns)]
        matrix = _Matrix(memory, plan.dtype, gain, sides[0], sides[1], *counts)
        each = []
        for number, offset in zip(sides[2].index().tolist(), sides[2].offset().tolist(), strict=True):
            for group, base in held:
                own = key if groups == 1 and not stack else key.fold_in(number * groups + group)
                each.append((own, offset + base))
        _launch(matrix, each)


def delta_orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch the matrix at the centre of a kernel of a convolution; the rest is zero already."""
    gain, in_axis, out_axis = plan.numbers
    steps, offset = steps_of(memory.shape), 0
    for axis, step in enumerate(steps):
        if axis not in (in_axis, out_axis):
            centre = (plan.shape[axis] - 1) // 2 - start[axis]
            if not 0 <= centre < memory.shape[axis]:
                return
            offset += centre * step
    place = (plan.shape, start, memory.shape, steps)
    rows, columns = (LineAxes.of((axis,), *place) for axis in (in_axis, out_axis))
    sizes = plan.shape[in_axis], plan.shape[out_axis]
    _launch(_Matrix(memory, plan.dtype, gain, rows, columns, *sizes), [(key, offset)])


def _size(plan: Plan, axes: tuple[int, ...]) -> int:
    return math.prod(plan.shape[axis] for axis in axes)


def _with(shape: Shape, axis: int, n: int) -> Shape:
    return (*shape[:axis], n, *shape[axis + 1 :])


@dataclass(frozen=True)
class _Matrix:
    """The wanted lines of a matrix of `length` rows and `count` columns."""

    memory: Memory
    dtype: str
    gain: float
    rows: LineAxes
    columns: LineAxes
    length: int
    count: int


def _launch(matrix: _Matrix, each: list[tuple[Key, int]]) -> None:
    """Launch matrices of one shape: their keys, and where each begins in memory."""
    if matrix.length < matrix.count:
        rows, columns = matrix.columns, matrix.rows
        matrix = replace(matrix, length=matrix.count, count=matrix.length, rows=rows, columns=columns)
    if not len(matrix.rows) or not len(matrix.columns):
        return
    maker = _Maker(matrix)
    for key, offset in each:
        maker.make(key, offset)


class _Layout:
    """Parts of one allocation, each at a multiple of 256 bytes."""

    def __init__(self) -> None:
        self.size = 0

    def part(self, nbytes: int) -> int:
        """Return the offset of a new part."""
        at = self.size
        self.size += -(-nbytes // 256) * 256
        return at


class _Maker:
    """Launches matrices of one shape, one after the other, in the same scratch memory."""

    def __init__(self, matrix: _Matrix) -> None:
        self.matrix = matrix
        self.itemsize = resolve(resolve(matrix.dtype).compute).itemsize
        self.bits = 8 * self.itemsize
        self.queue: Queue = matrix.memory.queue
        self.index = matrix.columns.index()
        length, count, columns = matrix.length, matrix.count, len(matrix.columns)
        self.is_thin = count <= REFLECTORS
        self.panel_columns = min(columns, max(_TILE_COLUMNS, _PANEL_NUMBERS // length))
        # a thin matrix is summed in spans
        self.spans = -(-length // SPAN_ROWS) if self.is_thin else 1
        self.is_transposed = not matrix.columns.are_adjacent() and matrix.rows.are_adjacent()
        layout, item = _Layout(), self.itemsize
        square = REFLECTORS * REFLECTORS
        sizes = {
            "v": length * min(count, REFLECTORS) * item,
            "drawn": REFLECTORS * item,
            "tau": REFLECTORS * item,
            "signs": count * item,
            "squares": -(-length // SQUARE_ROWS) * REFLECTORS * 8,
            "parts": min(-(-length // GRAM_ROWS), _GROUPS_AT_ONCE) * square * item,
            "gram": square * item,
            "spans": self.spans * square * 8 if self.spans > 1 else 0,
            "panel": length * self.panel_columns * item,
            "y": REFLECTORS * self.panel_columns * item,
            **{f"column_{name}": columns * 8 for name in ("index", "offset")},
            **{f"row_{name}": len(matrix.rows) * 8 for name in ("index", "offset")},
        }
        parts = {name: layout.part(nbytes) for name, nbytes in sizes.items()}
        address, self.scratch = self.queue.allocate(layout.size)
        self.at = {name: address + offset for name, offset in parts.items()}
        for side, lines in (("row", matrix.rows), ("column", matrix.columns)):
            task = LinesTask(lines.for_device(), self.at[f"{side}_index"], self.at[f"{side}_offset"])
            self.queue.launch("write_lines", len(lines), task)

    def make(self, key: Key, offset: int) -> None:
        """Launch one matrix, which begins at element `offset` of memory."""
        columns = len(self.index)
        for first in range(0, columns, self.panel_columns):
            count = min(self.panel_columns, columns - first)
            self._panel(key, offset, first, count)

    def _panel(self, key: Key, offset: int, first: int, columns: int) -> None:
        matrix, index = self.matrix, self.index[first : first + columns]
        task = self._task(first, columns)
        self._grid("begin", task, matrix.length * columns)
        for number in reversed(range(int(index[-1]) // REFLECTORS + 1)):
            start = number * REFLECTORS
            task.width = min(REFLECTORS, matrix.count - start)
            task.rows, task.first_row = matrix.length - start, start
            # a block leaves the columns before its first one as they are
            task.from_column = int(np.searchsorted(index, start))
            task.signs = self.at["signs"] + start * self.itemsize
            self._draw(key, start, task)
            self._measure(task)
            self._reflect(task)
        task.signs = self.at["signs"]
        task.out = matrix.memory.address + offset * resolve(matrix.dtype).itemsize
        task.picked_rows, task.by_columns = len(matrix.rows), self.is_transposed
        self.queue.launch(f"deliver_{matrix.dtype}", task.picked_rows * columns, task)

    def _task(self, first: int, columns: int) -> ReflectorTask:
        task = ReflectorTask(**self.at, length=self.matrix.length, columns=columns, gain=self.matrix.gain)
        task.column_index += 8 * first
        task.column_offset += 8 * first
        task.span_count = self.spans
        return task

    def _grid(self, name: str, task: ReflectorTask, units: int) -> None:
        self.queue.launch(f"{name}_{self.bits}", units, task)

    def _draw(self, key: Key, start: int, task: ReflectorTask) -> None:
        """Draw V: its element (i, k) is element (start + i, start + k) of the key's normal stream."""
        shape, name = (self.matrix.length, self.matrix.count), f"centred_normal_float{self.bits}"
        for runs, _ in runs_of(shape, (start, start), (task.rows, task.width)):
            drawn = NormalTask(task.v, KeyWords.of(key), runs, NormalNumbers(0.0, 1.0))
            self.queue.launch(name, pieces_of(runs, 16 // self.itemsize), drawn)
        self._grid("cut", task, task.width**2)

    def _measure(self, task: ReflectorTask) -> None:
        """Find the first numbers, tau and the signs, then V'V above its diagonal."""
        self._grid("sum_squares", task, -(-task.rows // SQUARE_ROWS) * task.width)
        self._grid("finish", task, task.width)
        tiles = -(-REFLECTORS // _TILE_ROWS) * -(-REFLECTORS // _TILE_COLUMNS)
        for first, count in self._groups(task.rows):
            task.first_group, task.groups = first, count
            task.span, task.is_first = first // _GROUPS_AT_ONCE, first == 0 or self.spans > 1
            self.queue.launch_blocks(f"multiply_groups_{self.bits}", count * tiles, task)
            self._grid("add_groups", task, REFLECTORS**2)
        if self.spans > 1:
            self._grid("join_spans", task, REFLECTORS**2)

    def _groups(self, rows: int) -> Iterator[tuple[int, int]]:
        """Yield groups of rows whose products are held at once; of a thin matrix, those of a span."""
        groups = -(-rows // GRAM_ROWS)
        for first in range(0, groups, _GROUPS_AT_ONCE):
            yield first, min(_GROUPS_AT_ONCE, groups - first)

    def _reflect(self, task: ReflectorTask) -> None:
        """Apply the block to the panel."""
        columns = task.columns - task.from_column
        across = -(-columns // _TILE_COLUMNS)
        if self.is_thin:
            self._grid("pick", task, task.width * task.columns)
        else:
            self.queue.launch_blocks(f"project_{self.bits}", across * (REFLECTORS // _TILE_ROWS), task)
        self._grid("solve", task, columns)
        down = -(-task.rows // _TILE_ROWS)
        self.queue.launch_blocks(f"combine_{self.bits}", across * down, task)
