"""The table from a plan's distribution to the launches that write it on a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from ctypes import c_float
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from ..errors import LayoutError
from ..stream.dtypes import resolve
from ..stream.kernels import MASK
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape, contiguous_blocks
from .device import Memory
from .lines import LineAxes, steps_of
from .orthogonal import delta_orthogonal, grouped_orthogonal, orthogonal
from .patterns import along, around, bilinear, dirac, element, identity
from .runs import pieces_of, runs_of
from .tasks import (
    STRIP_ROWS,
    ChanceZerosTask,
    ColumnZerosTask,
    ConstantTask,
    DiskNumbers,
    DiskTask,
    DrawTask,
    FlattenedTask,
    KeyWords,
    NormalNumbers,
    NormalTask,
    PlaceTask,
    Runs,
    TransformedFloats,
    TransformedFloatTask,
    TransformedNumbers,
    TransformedTask,
    TruncatedFloats,
    TruncatedFloatTask,
    TruncatedNumbers,
    TruncatedTask,
    UniformNumbers,
    UniformTask,
)

__all__ = ["constant", "execute", "has_kernel"]


def execute(plan: Plan, memory: Memory, key: Key, start: Shape | None) -> None:
    """Launch what writes a plan into a device's memory; the window has been checked.

    The bytes are those of a fill on the CPU. Nothing waits for the device.
    """
    if not has_kernel(plan):
        raise LayoutError(
            f"no kernel of a CUDA device makes the distribution {plan.distribution} in "
            f"{plan.dtype}, or a part of it. Fill a CPU tensor and copy it over."
        )
    if 0 in memory.shape:
        return
    if start is None:
        start = (0,) * len(memory.shape)
    dtype = resolve(plan.dtype)
    if dtype.is_complex:
        # the parts of numbers lie along a last axis
        plan = replace(plan, dtype=dtype.compute, shape=(*plan.shape, 2))
        memory, start = replace(memory, dtype=dtype.compute, shape=(*memory.shape, 2)), (*start, 0)
    _KERNELS[plan.distribution](memory, plan, key, start)


def has_kernel(plan: Plan) -> bool:
    """Return whether a device makes what a plan describes, all of its parts included."""
    if resolve(plan.dtype).is_complex:
        # both parts of a number are alike: drawn, or zero. The imaginary part of -0 is +0
        if plan.distribution == "constant":
            return plan.numbers[0] == 0 and math.copysign(1, plan.numbers[0]) > 0
        return plan.distribution in ("normal", "uniform", "disk", "disk_normal")
    return plan.distribution in _KERNELS and all(map(has_kernel, plan.parts))


def constant(memory: Memory, element: bytes) -> None:
    """Repeat one element."""
    pattern = int.from_bytes(element * (8 // len(element)), "little")
    size = math.prod(memory.shape) * len(element)
    task = ConstantTask(memory.address, size, pattern, len(element))
    memory.queue.launch("constant", -(-size // 16), task)


def _constant(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    (value,) = plan.numbers
    constant(memory, element(plan, value))


def _runs(memory: Memory, plan: Plan, start: Shape) -> Iterator[tuple[Runs, int]]:
    """Yield the runs of the window and the address where each set of them begins."""
    itemsize = resolve(plan.dtype).itemsize
    for runs, passed in runs_of(plan.shape, start, memory.shape):
        yield runs, memory.address + passed * itemsize


def _draw(
    memory: Memory,
    plan: Plan,
    key: Key,
    start: Shape,
    make: Callable[[int, KeyWords, Runs], DrawTask],
    name: str,
) -> None:
    per_block = 128 // resolve(plan.dtype).word_bits
    for runs, address in _runs(memory, plan, start):
        task = make(address, KeyWords.of(key), runs)
        memory.queue.launch(f"{name}_{plan.dtype}", pieces_of(runs, per_block), task)


def _uniform(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    numbers = UniformNumbers(*plan.numbers)
    _draw(memory, plan, key, start, lambda *place: UniformTask(*place, numbers), "uniform")


def _normal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    mean, std = plan.numbers[:2]
    numbers = NormalNumbers(mean, std)
    name = "centred_normal" if mean == 0 and math.copysign(1, mean) > 0 else "normal"
    _draw(memory, plan, key, start, lambda *place: NormalTask(*place, numbers), name)


def _disk(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    is_normal = plan.distribution == "disk_normal"
    scale, floor = plan.numbers if is_normal else (plan.numbers[0], 0.0)
    numbers = DiskNumbers(scale, floor, is_normal)
    _draw(memory, plan, key, start, lambda *place: DiskTask(*place, numbers), "disk")


def _truncated_normal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    mean, std, lowest, highest, interval = plan.numbers
    sign, exponent, pivot, tail_step, tail_low, tail_high, centre_low, centre_high, centre_step = interval
    tail, centre = (tail_step, tail_low, tail_high), (centre_step, centre_low, centre_high)
    name, four = "truncated_normal", (mean, std, lowest, highest)
    if plan.dtype == "float64":
        wide = TruncatedNumbers(*four, sign < 0, exponent, pivot, *tail, *centre)
        _draw(memory, plan, key, start, lambda *place: TruncatedTask(*place, wide), name)
    else:
        numbers = TruncatedFloats(*four, *tail, *centre, exponent, pivot, sign < 0)
        _draw(memory, plan, key, start, lambda *place: TruncatedFloatTask(*place, numbers), name)


def _transformed(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    name, (first, first_rest, width, width_rest, *others) = plan.distribution, plan.numbers
    is_wide = first + first_rest + width > 0
    if plan.dtype == "float64":
        wide = TransformedNumbers(0, is_wide, *plan.numbers)
        _draw(memory, plan, key, start, lambda *place: TransformedTask(*place, wide), name)
    else:
        # what float32 does not keep of the first parts goes to the second ones
        start32, width32 = c_float(first).value, c_float(width).value
        argument = start32, first - start32 + first_rest, width32, width - width32 + width_rest
        numbers = TransformedFloats(*argument, *others, is_wide)
        _draw(memory, plan, key, start, lambda *place: TransformedFloatTask(*place, numbers), name)


def _threshold(sparsity: float) -> int:
    """Return the 32-bit draw below which an element is zero."""
    return round(sparsity * 2**32)


def _bits(plan: Plan) -> int:
    return 8 * resolve(plan.dtype).itemsize


def _sparse(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    _normal(memory, plan, key, start)
    zeros, (rows, columns) = plan.numbers[2], memory.shape
    mask = KeyWords.of(key.fold_in(MASK))
    task = ColumnZerosTask(memory.address, mask, plan.shape[0], zeros, *start, rows, columns, columns)
    units = -(-columns // 2) * -(-rows // STRIP_ROWS)
    memory.queue.launch(f"zero_in_columns_{_bits(plan)}", units, task)


def _bernoulli_sparse(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    _normal(memory, plan, key, start)
    mask, threshold = KeyWords.of(key.fold_in(MASK)), _threshold(plan.numbers[2])
    for runs, address in _runs(memory, plan, start):
        task = ChanceZerosTask(address, mask, runs, threshold)
        memory.queue.launch(f"zero_by_chance_{_bits(plan)}", pieces_of(runs, 4), task)


_MASK_NUMBER = int.from_bytes(blake2b(MASK.encode(), digest_size=8).digest(), "little")


def _flattened_sparse(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    mean, std, zeros, is_exact, columns, stack = plan.numbers
    rows = tuple(axis for axis in range(len(plan.shape)) if axis not in (*columns, *stack))
    steps = steps_of(memory.shape)
    sides = [LineAxes.of(axes, plan.shape, start, memory.shape, steps) for axes in (rows, columns, stack)]
    task = FlattenedTask(
        memory.address,
        KeyWords.of(key),
        *(side.for_device() for side in sides),
        *(math.prod(plan.shape[axis] for axis in axes) for axes in (rows, columns)),
        _MASK_NUMBER,
        zeros if is_exact else _threshold(zeros),
        bool(stack),
        is_exact,
        NormalNumbers(mean, std),
    )
    memory.queue.launch(f"sparse_{plan.dtype}", math.prod(memory.shape), task)


def _orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    orthogonal(memory, plan, key, start)


def _grouped_orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    grouped_orthogonal(memory, plan, key, start)


def _delta_orthogonal(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    constant(memory, bytes(resolve(plan.dtype).itemsize))
    delta_orthogonal(memory, plan, key, start)


def _pretrained(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    raise LayoutError(
        f"pretrained copies {plan.source}, which is in the CPU's memory. Fill a CPU tensor and copy it over."
    )


_BLOCK = 1 << 24
"""Elements of a part with gaps in memory that are drawn at a time, into memory of their own."""


def _blocks(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    axis, begin = plan.numbers[0], 0
    outer, extent, inner = around(memory.shape, axis)
    for number, part in zip(plan.streams, plan.parts, strict=True):
        end = begin + part.shape[axis]
        low, high = max(begin, start[axis]), min(end, start[axis] + extent)
        if low < high:
            address = memory.address + (low - start[axis]) * inner * resolve(plan.dtype).itemsize
            target = replace(memory, address=address, shape=_with(memory.shape, axis, high - low))
            own, first = key.fold_in(number), _with(start, axis, low - begin)
            if outer == 1:
                execute(part, target, own, first)
            else:
                _execute_with_gaps(part, target, own, first, (high - low) * inner, extent * inner)
        begin = end


def _execute_with_gaps(plan: Plan, memory: Memory, key: Key, start: Shape, length: int, pitch: int) -> None:
    """Launch a plan for memory whose runs of `length` elements lie `pitch` apart."""
    size = math.prod(memory.shape)
    most = size if plan.is_drawn_whole else min(size, _BLOCK)
    address, kept = memory.queue.allocate(most * resolve(plan.dtype).itemsize)
    for block, extent in contiguous_blocks(memory.shape, most):
        where = tuple(map(sum, zip(start, block.start, strict=True)))
        execute(plan, replace(memory, address=address, shape=extent), key, where)
        count = math.prod(extent)
        task = PlaceTask(memory.address, address, block.offset, count, length, pitch)
        memory.queue.launch(f"place_{_bits(plan)}", count, task)
    del kept


def _with(shape: Shape, axis: int, n: int) -> Shape:
    return (*shape[:axis], n, *shape[axis + 1 :])


_KERNELS: dict[str, Callable[[Memory, Plan, Key, Shape], Any]] = {
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
    "bernoulli_sparse": _bernoulli_sparse,
    "flattened_sparse": _flattened_sparse,
    "orthogonal": _orthogonal,
    "grouped_orthogonal": _grouped_orthogonal,
    "delta_orthogonal": _delta_orthogonal,
    "along": along,
    "identity": identity,
    "dirac": dirac,
    "bilinear": bilinear,
    "pretrained": _pretrained,
    "selected": _pretrained,
    "blocks": _blocks,
    "sharing_blocks": _blocks,
}
