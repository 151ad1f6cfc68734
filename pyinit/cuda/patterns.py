"""Tensors that are written, not drawn: the launches of csrc/cuda/patterns.hpp."""

from __future__ import annotations

import math

import numpy as np

from ..errors import LayoutError
from ..stream.dtypes import encode, resolve
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape
from .device import Memory
from .tasks import PATTERN_AXES, VALUES, AlongTask, PatternTask

__all__ = ["along", "around", "bilinear", "dirac", "element", "identity"]


def element(plan: Plan, value: float) -> bytes:
    """Return the bytes of a value, rounded to the compute dtype and then to a plan's."""
    dtype = resolve(plan.dtype)
    return encode(np.array(value, dtype.compute), dtype).tobytes()


def _number(plan: Plan, value: float) -> int:
    return int.from_bytes(element(plan, value), "little")


def _bits(plan: Plan) -> int:
    return 8 * resolve(plan.dtype).itemsize


def _pattern(memory: Memory, plan: Plan, start: Shape) -> PatternTask:
    axes = len(memory.shape)
    if axes > PATTERN_AXES:
        raise LayoutError(
            f"{plan.distribution} on a CUDA device takes at most {PATTERN_AXES} axes; got shape "
            f"{plan.shape}. Fill on the CPU and copy."
        )
    task = PatternTask(memory.address, math.prod(memory.shape), 0, axes, modulus=1)
    task.extent[:axes], task.start[:axes] = memory.shape[::-1], start[::-1]
    return task


def identity(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch `gain` where row and column are equal."""
    task = _pattern(memory, plan, start)
    task.element = _number(plan, plan.numbers[0])
    task.inner, task.outer, task.modulus = 0, 1, 2**63
    memory.queue.launch(f"diagonal_{_bits(plan)}", task.size, task)


def dirac(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch 1 where output and input channel agree, at the centre of each kernel."""
    groups, in_axis, out_axis, batch_axis = plan.numbers
    task, last = _pattern(memory, plan, start), len(plan.shape) - 1
    task.element = _number(plan, 1.0)
    task.inner, task.outer = last - in_axis, last - out_axis
    task.modulus = plan.shape[out_axis] // groups
    for axis, n in enumerate(plan.shape):
        if axis not in (in_axis, out_axis, *batch_axis):
            task.has_centre[last - axis], task.centre[last - axis] = 1, n // 2
    memory.queue.launch(f"diagonal_{_bits(plan)}", task.size, task)


def bilinear(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch the upsampling filter."""
    in_axis, out_axis, batch_axis = plan.numbers
    task, last = _pattern(memory, plan, start), len(plan.shape) - 1
    for axis, n in enumerate(plan.shape):
        if axis not in (in_axis, out_axis, *batch_axis):
            f = (n + 1) // 2
            task.scale[last - axis], task.shift[last - axis] = f, (2 * f - 1 - f % 2) / (2 * f)
    memory.queue.launch(f"bilinear_{plan.dtype}", task.size, task)


def along(memory: Memory, plan: Plan, key: Key, start: Shape) -> None:
    """Launch the values of the window's indices along an axis."""
    axis, values = plan.numbers
    outer, extent, inner = around(memory.shape, axis)
    for first in range(0, extent, VALUES):
        held = values[start[axis] + first : start[axis] + min(extent, first + VALUES)]
        elements = (_number(plan, value) for value in held)
        task = AlongTask(memory.address, outer, extent, inner, first, len(held), tuple(elements))
        memory.queue.launch(f"along_{_bits(plan)}", outer * len(held) * inner, task)


def around(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Return how many elements lie outside of an axis, along it, and inside."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])
