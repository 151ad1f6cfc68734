"""JAX's operations for a window of their result, exactly, so that every cut has the same bits.

Each function here takes a function that makes windows of nodes, the node, and the start and extent of a
window. Each rounds at most once per element; operations that round more often (exp, a matrix product) are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...stream.window import Shape
from .nodes import Node

__all__ = ["EXACT", "Part", "cut"]

Array = npt.NDArray[Any]
Part = Callable[[Node, Shape, Shape], Array]


def cut(array: Any, start: Shape, extent: Shape) -> Any:
    """Return a window of an array."""
    return array[tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))]


# bfloat16 and the like are of kind V
_REAL = "fV"
_NUMBERS = "fViu"


def _elementwise(
    function: Callable[..., Any], kinds: str = _REAL
) -> Callable[[Part, Node, Shape, Shape], Array | None]:
    def meaning(part: Part, node: Node, start: Shape, extent: Shape) -> Array | None:
        if any(np.dtype(x.dtype).kind not in kinds for x in node.inputs):
            return None
        pieces = [_under(part, x, start, extent) for x in node.inputs]
        with np.errstate(all="ignore"):
            return np.asarray(function(*pieces)).astype(node.dtype, copy=False)

    return meaning


def _under(part: Part, x: Node, start: Shape, extent: Shape) -> Array:
    """Return the part of an operand that a window needs; scalars and axes of length 1 are broadcast."""
    if not x.shape:
        return part(x, (), ())
    first = tuple(0 if n == 1 else i for n, i in zip(x.shape, start, strict=True))
    size = tuple(1 if n == 1 else i for n, i in zip(x.shape, extent, strict=True))
    return part(x, first, size)


def _convert(part: Part, node: Node, start: Shape, extent: Shape) -> Array | None:
    (x,) = node.inputs
    if np.dtype(node.dtype).kind == np.dtype(x.dtype).kind or np.dtype(node.dtype).kind in _REAL:
        with np.errstate(all="ignore"):
            return part(x, start, extent).astype(node.dtype)
    # XLA has its own rule to make a fraction an integer
    return None


def _broadcast(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    (x, *_) = node.inputs
    axes = [int(axis) for axis in node.params["broadcast_dimensions"]]
    kept = [n != 1 for n in x.shape]
    first = tuple(start[axis] if keep else 0 for axis, keep in zip(axes, kept, strict=True))
    size = tuple(extent[axis] if keep else 1 for axis, keep in zip(axes, kept, strict=True))
    aligned = [1] * len(extent)
    for axis, n in zip(axes, size, strict=True):
        aligned[axis] = n
    return np.broadcast_to(part(x, first, size).reshape(aligned), extent)


def _transpose(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    (x,) = node.inputs
    order = tuple(node.params["permutation"])
    back = np.argsort(order)
    piece = part(x, tuple(start[i] for i in back), tuple(extent[i] for i in back))
    return piece.transpose(order)


def _reshape(part: Part, node: Node, start: Shape, extent: Shape) -> Array | None:
    (x, *_) = node.inputs
    if extent == node.shape:
        return part(x, (0,) * len(x.shape), x.shape).reshape(extent)
    # a window stays one if axes of length 1 are added or removed, but not if axes merge or split
    if [n for n in node.shape if n != 1] != [n for n in x.shape if n != 1]:
        return None
    kept = [i for i, n in enumerate(node.shape) if n != 1]
    if math.prod(extent) == 0:
        return np.empty(extent, node.dtype)
    where: Iterator[int] = iter(kept)
    axes = [next(where) if n != 1 else None for n in x.shape]
    first = tuple(0 if axis is None else start[axis] for axis in axes)
    size = tuple(1 if axis is None else extent[axis] for axis in axes)
    return part(x, first, size).reshape(extent)


def _slice(part: Part, node: Node, start: Shape, extent: Shape) -> Array | None:
    (x,) = node.inputs
    if node.params["strides"] is not None and any(step != 1 for step in node.params["strides"]):
        return None
    begun = node.params["start_indices"]
    return part(x, tuple(i + j for i, j in zip(start, begun, strict=True)), extent)


def _concatenate(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    axis = node.params["dimension"]
    return _joined(part, [(x, x.shape[axis]) for x in node.inputs], node, axis, start, extent)


def _joined(
    part: Part, members: list[tuple[Node, int]], node: Node, axis: int, start: Shape, extent: Shape
) -> Array:
    out = np.empty(extent, node.dtype)
    first, last = start[axis], start[axis] + extent[axis]
    before = 0
    for member, length in members:
        low, high = max(first, before), min(last, before + length)
        if low < high:
            where = (*start[:axis], low - before, *start[axis + 1 :])
            size = (*extent[:axis], high - low, *extent[axis + 1 :])
            piece = part(member, where, size)
            out[(slice(None),) * axis + (slice(low - first, high - first),)] = piece
        before += length
    return out


def _stack(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    out = np.empty(extent, node.dtype)
    for row in range(extent[0]):
        out[row] = part(node.inputs[start[0] + row], start[1:], extent[1:])
    return out


def _take(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    return part(node.inputs[0], (node.params["index"], *start), (1, *extent))[0]


def _iota(part: Part, node: Node, start: Shape, extent: Shape) -> Array:
    axis = node.params["dimension"]
    along = np.arange(start[axis], start[axis] + extent[axis]).astype(node.dtype)
    return np.broadcast_to(along.reshape([-1 if i == axis else 1 for i in range(len(extent))]), extent)


def _select(part: Part, node: Node, start: Shape, extent: Shape) -> Array | None:
    which, *cases = node.inputs
    if len(cases) != 2 or np.dtype(which.dtype).kind != "b":
        return None
    chosen, no, yes = (_under(part, x, start, extent) for x in node.inputs)
    return np.where(chosen, yes, no).astype(node.dtype, copy=False)


EXACT: dict[str, Callable[[Part, Node, Shape, Shape], Array | None]] = {
    "add": _elementwise(np.add, _NUMBERS),
    "sub": _elementwise(np.subtract, _NUMBERS),
    "mul": _elementwise(np.multiply, _NUMBERS),
    "div": _elementwise(np.divide),
    "neg": _elementwise(np.negative),
    "abs": _elementwise(np.abs),
    "sqrt": _elementwise(np.sqrt),
    "max": _elementwise(np.maximum, _NUMBERS),
    "min": _elementwise(np.minimum, _NUMBERS),
    "convert_element_type": _convert,
    "broadcast_in_dim": _broadcast,
    "transpose": _transpose,
    "reshape": _reshape,
    "squeeze": _reshape,
    "slice": _slice,
    "concatenate": _concatenate,
    "stack": _stack,
    "take": _take,
    "iota": _iota,
    "select_n": _select,
}
"""For each operation's name, the function that makes a window of its result, or None if it is not exact."""
