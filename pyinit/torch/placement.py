"""The rectangles of a distributed tensor that this rank holds: placements become slices and windows.

An axis of the whole tensor starts as one run of indices. Every mesh axis that shards it cuts the runs as
``torch.chunk`` does, into pieces of ceil(size / count), of which the last ones are smaller or empty. The
product of the remaining runs over the axes is the list of rectangles; no rank communicates with another.

FSDP after tensor parallelism cuts an axis by the mesh's right axis first. torch writes this as
``_StridedShard(dim, split_factor)``, where split_factor counts the pieces that mesh axes further right had
already made, and joins tensors in that order (``full_tensor``). The code follows that order if the split
factors determine one. Otherwise it follows the definition of a strided shard, from left to right: each of
split_factor pieces is cut, and every rank holds its part of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard
from torch.distributed.tensor.placement_types import _StridedShard

from ..errors import LayoutError
from ..stream.window import Shape, Window, check_window

__all__ = ["Rectangle", "local_parts", "rectangles", "shard_rectangles"]

# Consecutive indices [start, stop) of an axis of the whole tensor, in the order in which a rank holds them.
Runs = list[tuple[int, int]]
# The mesh axes that cut each sharded axis of the tensor, in the order of the cuts.
Order = Mapping[int, Sequence[int]]


class Rectangle(NamedTuple):
    """A part of the local tensor, and its position in the whole one."""

    local: tuple[slice, ...]
    window: Window

    @property
    def shape(self) -> Shape:
        """The shape of the part."""
        return tuple(part.stop - part.start for part in self.local)


def rectangles(
    mesh_shape: Sequence[int],
    coordinate: Sequence[int],
    placements: Sequence[Any],
    global_shape: Sequence[int],
    shard_order: Order | None = None,
) -> list[Rectangle]:
    """Return the rectangles of the whole tensor that the rank at a coordinate of the mesh holds.

    Parameters
    ----------
    mesh_shape : sequence of int
        Shape of the device mesh.
    coordinate : sequence of int
        The position of the rank in the mesh.
    placements : sequence of Placement
        One for every axis of the mesh: Shard, Replicate or torch's private _StridedShard.
    global_shape : sequence of int
        Shape of the whole tensor.
    shard_order : mapping, optional
        The mesh axes that cut an axis of the tensor, in the order of the cuts, for every axis that is cut; by
        default the order follows from the placements.

    Returns
    -------
    list of Rectangle
        Disjoint, in the order of the local tensor; empty if the rank holds no element.

    Raises
    ------
    LayoutError
        If a placement is Partial or unknown, or there is not one for every axis of the mesh.

    Examples
    --------
    >>> from torch.distributed.tensor import Replicate, Shard
    >>> rectangles((2, 2), (1, 0), [Shard(0), Replicate()], (5, 3))[0].window
    Window(start=(3, 0), global_shape=(5, 3))
    """
    shape = tuple(global_shape)
    return _product(_axis_runs(tuple(mesh_shape), tuple(coordinate), placements, shape, shard_order), shape)


def shard_rectangles(tensor: DTensor) -> list[Rectangle]:
    """Return the rectangles of this rank's local part of a DTensor, without a collective.

    Parameters
    ----------
    tensor : DTensor
        A DTensor on any device, the meta device included.

    Returns
    -------
    list of Rectangle
        As from `rectangles`; empty on a rank outside the mesh.

    Raises
    ------
    LayoutError
        If the tensor is a term of a sum (Partial), or its local part does not have the shape that follows
        from its placements.
    """
    spec = tensor._spec
    mesh_shape = tuple(spec.mesh.shape)
    coordinate = spec.mesh.get_coordinate()
    shape = tuple(tensor.shape)
    if coordinate is None:
        _check(mesh_shape, mesh_shape, spec.placements, shape)
        return []
    order = None
    if getattr(spec, "shard_order", None) is not None:
        order = {entry.tensor_dim: entry.mesh_dims for entry in spec.shard_order}
    runs = _axis_runs(mesh_shape, tuple(coordinate), spec.placements, shape, order)
    needed = tuple(sum(stop - start for start, stop in axis_runs) for axis_runs in runs)
    held = tuple(tensor._local_tensor.shape)
    if held != needed and not (0 in held and 0 in needed):
        raise LayoutError(
            f"{tuple(spec.placements)} of {shape} on a mesh of {mesh_shape} need a local tensor of {needed} "
            f"at {tuple(coordinate)}; got one of {held}. Cut as torch.chunk does: with distribute_tensor, "
            "fully_shard or parallelize_module."
        )
    return _product(runs, shape)


def local_parts(tensor: DTensor, window: Window | None = None) -> list[tuple[torch.Tensor, Window]]:
    """Return views of the memory that this rank holds of a DTensor, each with its place in the whole tensor.

    A rank that holds nothing gets one part without elements, so that every rank finds the errors of a recipe.

    Parameters
    ----------
    tensor : DTensor
        The tensor.
    window : Window, optional
        The position of the DTensor in a larger tensor, if it is a part of one.

    Returns
    -------
    list of (Tensor, Window)
        Disjoint parts.

    Raises
    ------
    LayoutError
        As `shard_rectangles`.
    ShapeError
        If the window does not fit.
    """
    shape = tuple(tensor.shape)
    if window is None:
        window = Window((0,) * len(shape), shape)
    else:
        check_window(window, shape)
    local = tensor._local_tensor.detach()
    parts = []
    for rectangle in shard_rectangles(tensor):
        start = tuple(map(sum, zip(window.start, rectangle.window.start, strict=True)))
        parts.append((local[rectangle.local], Window(start, window.global_shape)))
    return parts or [(local.new_empty((0,) * len(shape)), window)]


def _axis_runs(
    mesh_shape: Shape,
    coordinate: Shape,
    placements: Sequence[Any],
    shape: Shape,
    shard_order: Order | None,
) -> list[Runs]:
    """Return the runs of indices that a rank holds along each axis of the tensor."""
    _check(mesh_shape, coordinate, placements, shape)
    runs: list[Runs] = [[(0, size)] if size else [] for size in shape]
    for axis, mesh_axis, factor in _cuts(mesh_shape, placements, shard_order):
        runs[axis] = _cut(runs[axis], factor, mesh_shape[mesh_axis], coordinate[mesh_axis])
    return runs


def _product(runs: list[Runs], shape: Shape) -> list[Rectangle]:
    """Return every combination of one run from each axis."""
    placed = []
    for axis_runs in runs:
        parts, first = [], 0
        for start, stop in axis_runs:
            parts.append((slice(first, first + stop - start), start))
            first += stop - start
        placed.append(parts)
    return [
        Rectangle(tuple(part for part, _ in parts), Window(tuple(start for _, start in parts), shape))
        for parts in itertools.product(*placed)
    ]


def _check(mesh_shape: Shape, coordinate: Shape, placements: Sequence[Any], shape: Shape) -> None:
    if not len(mesh_shape) == len(coordinate) == len(placements):
        raise LayoutError(
            f"a mesh of {mesh_shape} needs one coordinate and one placement per axis; got {coordinate} and "
            f"{tuple(placements)}. Use Replicate() for an axis that does not cut."
        )
    for mesh_axis, placement in enumerate(placements):
        if isinstance(placement, Partial):
            raise LayoutError(
                f"a rank needs to hold values of the tensor; got {placement!r} on mesh axis {mesh_axis}: "
                "terms of a reduction. Redistribute to Replicate() or Shard(dim) first."
            )
        if isinstance(placement, Shard | _StridedShard):
            if not 0 <= placement.dim < len(shape):
                raise LayoutError(
                    f"a shard needs an axis of {shape}; got {placement}. Count from 0; no negative axes."
                )
        elif not isinstance(placement, Replicate):
            raise LayoutError(
                f"a placement needs to be Shard, Replicate or _StridedShard; got {placement!r} on mesh axis "
                f"{mesh_axis}. Redistribute to one of these first."
            )


def _cuts(
    mesh_shape: Shape, placements: Sequence[Any], shard_order: Order | None
) -> list[tuple[int, int, int]]:
    """Return (axis of the tensor, axis of the mesh, split factor) of every cut, in the order of cutting."""
    sharded = {
        mesh_axis: (placement.dim, int(placement.split_factor) if isinstance(placement, _StridedShard) else 1)
        for mesh_axis, placement in enumerate(placements)
        if isinstance(placement, Shard | _StridedShard)
    }
    if shard_order is not None:
        return [(axis, i, sharded[i][1]) for axis, mesh_axes in shard_order.items() for i in mesh_axes]
    order: dict[int, list[int]] = {}
    for mesh_axis, (axis, factor) in reversed(sharded.items()):
        # the axes further right that cut before this one multiply to the factor
        earlier = order.setdefault(axis, [])
        pieces = list(itertools.accumulate((mesh_shape[i] for i in earlier), int.__mul__, initial=1))
        if factor not in pieces:
            return [(axis, i, factor) for i, (axis, factor) in sharded.items()]
        earlier.insert(pieces.index(factor), mesh_axis)
    return [(axis, i, 1) for axis, mesh_axes in order.items() for i in mesh_axes]


def _cut(runs: Runs, factor: int, count: int, index: int) -> Runs:
    """Cut each of `factor` pieces into `count`, and return the runs that the rank of an index holds."""
    size = sum(stop - start for start, stop in runs)
    outer = -(-size // factor)
    held: Runs = []
    for first in range(0, size, max(outer, 1)):
        extent = min(outer, size - first)
        inner = -(-extent // count)
        low = first + min(inner * index, extent)
        held += _taken(runs, low, min(low + inner, first + extent))
    joined: Runs = []
    for start, stop in held:
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined


def _taken(runs: Runs, low: int, high: int) -> Runs:
    """Return the part of runs from the low-th index up to the high-th."""
    held, before = [], 0
    for start, stop in runs:
        first, last = start + max(low - before, 0), min(stop, start + high - before)
        if first < last:
            held.append((first, last))
        before += stop - start
    return held
