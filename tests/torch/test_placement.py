"""The rectangles of all ranks make the whole tensor, and are those in which torch itself lays it out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.distributed.tensor import (  # noqa: E402
    DTensor,
    Partial,
    Replicate,
    Shard,
    _dtensor_spec,
    distribute_tensor,
)
from torch.distributed.tensor._dtensor_spec import DTensorSpec  # noqa: E402
from torch.distributed.tensor._utils import _compute_local_shape_and_global_offset  # noqa: E402
from torch.distributed.tensor.placement_types import _StridedShard  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

from pyinit.errors import LayoutError  # noqa: E402
from pyinit.torch.placement import Rectangle, rectangles, shard_rectangles  # noqa: E402

from ..older import older  # noqa: E402
from .sharding_cache import forget_meshes  # noqa: E402

pytestmark = pytest.mark.interop

Case = tuple[tuple[int, ...], list[Any], tuple[int, ...]]


@st.composite
def cases(draw: st.DrawFn, *, strided: bool = True) -> Case:
    """Draw a mesh of up to three axes, a placement for each and the shape of a tensor."""
    mesh_shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    shape = tuple(draw(st.lists(st.integers(0, 13), max_size=3)))
    kinds: list[Any] = [st.just(Replicate())]
    if shape:
        axis = st.integers(0, len(shape) - 1)
        kinds.append(axis.map(Shard))
        if strided:
            # factors that tell an order of the mesh axes, and others that tell none
            factors = {math.prod(part) for n in (1, 2) for part in itertools.combinations(mesh_shape, n)}
            factor = st.sampled_from(sorted(factors | {2, 3, 5}))
            kinds.append(st.builds(lambda dim, f: _StridedShard(dim, split_factor=f), axis, factor))
    return mesh_shape, [draw(st.one_of(kinds)) for _ in mesh_shape], shape


def coordinates(mesh_shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return itertools.product(*(range(size) for size in mesh_shape))


def globally(rectangle: Rectangle) -> tuple[slice, ...]:
    """Return where a rectangle is in the whole tensor."""
    return tuple(slice(i, i + n) for i, n in zip(rectangle.window.start, rectangle.shape, strict=True))


def local_part(found: list[Rectangle], whole: Any) -> Any:
    """Put a rank's part of a tensor together from its rectangles; every element must come once."""
    ends = [tuple(part.stop for part in rectangle.local) for rectangle in found]
    shape = tuple(max(end) for end in zip(*ends, strict=True)) if ends else (0,)
    held, times = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
    for rectangle in found:
        held[rectangle.local] = whole[globally(rectangle)]
        times[rectangle.local] += 1
    assert (times == 1).all()
    return held


def left_to_right(case: Case, coordinate: tuple[int, ...]) -> Any:
    """Cut a tensor of indices with torch's own placements, as distribute_tensor does."""
    mesh_shape, placements, shape = case
    part = torch.arange(math.prod(shape)).view(shape)
    for size, index, placement in zip(mesh_shape, coordinate, placements, strict=True):
        if not isinstance(placement, Replicate):
            part = placement._split_tensor(part, size, with_padding=False)[0][index]
    return part.numpy()


def in_torchs_order(case: Case, coordinate: tuple[int, ...]) -> Any:
    """Cut a tensor of indices in the order that torch reads from split factors; None if there is none."""
    mesh_shape, placements, shape = case
    mesh = SimpleNamespace(size=lambda axis: mesh_shape[axis])
    order = DTensorSpec._maybe_convert_StridedShard_to_shard_order(tuple(placements), mesh)
    if order is None:
        return None
    part = torch.arange(math.prod(shape)).view(shape)
    for entry in order:
        for i in entry.mesh_dims:
            cut = Shard(entry.tensor_dim)._split_tensor(part, mesh_shape[i], with_padding=False)
            part = cut[0][coordinate[i]]
    return part.numpy()


def assert_same_part(found: list[Rectangle], expected: Any, shape: tuple[int, ...]) -> None:
    part = local_part(found, np.arange(math.prod(shape)).reshape(shape))
    if expected.size:
        np.testing.assert_array_equal(part, expected)
    else:
        assert found == []


@given(cases())
@settings(max_examples=300)
def test_all_ranks_hold_every_element_once_per_replica(case: Case) -> None:
    mesh_shape, placements, shape = case
    replicas = [i for i, placement in enumerate(placements) if isinstance(placement, Replicate)]
    times: dict[tuple[int, ...], Any] = {}
    for coordinate in coordinates(mesh_shape):
        replica = tuple(coordinate[i] for i in replicas)
        counted = times.setdefault(replica, np.zeros(shape, int))
        for rectangle in rectangles(mesh_shape, coordinate, placements, shape):
            assert rectangle.window.global_shape == shape
            assert all(n > 0 for n in rectangle.shape)
            counted[globally(rectangle)] += 1
    assert len(times) == math.prod(mesh_shape[i] for i in replicas)
    assert all((counted == 1).all() for counted in times.values())


@pytest.mark.skipif(older("torch", 2, 13), reason="torch 2.9 does not tell the order of shards")
@given(cases())
@settings(max_examples=300)
def test_a_rank_holds_what_torch_gives_it(case: Case) -> None:
    mesh_shape, placements, shape = case
    for coordinate in coordinates(mesh_shape):
        expected = in_torchs_order(case, coordinate)
        if expected is None:
            expected = left_to_right(case, coordinate)
        assert_same_part(rectangles(mesh_shape, coordinate, placements, shape), expected, shape)


@given(cases(strided=False))
@settings(max_examples=200)
def test_shape_and_offset_are_torchs(case: Case) -> None:
    mesh_shape, placements, shape = case
    for coordinate in coordinates(mesh_shape):
        local, offset = _compute_local_shape_and_global_offset(shape, mesh_shape, coordinate, placements)
        found = rectangles(mesh_shape, coordinate, placements, shape)
        if 0 in local:
            assert found == []
        else:
            [rectangle] = found
            assert (rectangle.shape, rectangle.window.start) == (tuple(local), tuple(offset))


@given(cases(strided=True), st.data())
@settings(max_examples=200)
def test_a_given_order_is_followed(case: Case, data: st.DataObject) -> None:
    mesh_shape, placements, shape = case
    placements = [Shard(p.dim) if isinstance(p, _StridedShard) else p for p in placements]
    order = {}
    for axis in range(len(shape)):
        cutting = [i for i, placement in enumerate(placements) if placement == Shard(axis)]
        if cutting:
            order[axis] = data.draw(st.permutations(cutting))
    for coordinate in coordinates(mesh_shape):
        part = np.arange(math.prod(shape)).reshape(shape)
        for axis, mesh_axes in order.items():
            for i in mesh_axes:
                step = -(-part.shape[axis] // mesh_shape[i])
                low = step * coordinate[i]
                part = part.take(range(low, min(low + step, part.shape[axis])), axis)
        assert_same_part(rectangles(mesh_shape, coordinate, placements, shape, order), part, shape)


def test_strided_shards_that_tell_an_order_are_one_rectangle_each() -> None:
    # torch's own picture: FSDP over rows 0-3 and 4-7 of tensor parallelism
    placements = [_StridedShard(0, split_factor=2), Shard(0)]
    starts = [rectangles((2, 2), at, placements, (8, 8))[0].window.start[0] for at in coordinates((2, 2))]
    assert starts == [0, 4, 2, 6]


def test_strided_shards_that_tell_none_are_a_rectangle_a_piece() -> None:
    found = rectangles((4,), (0,), [_StridedShard(0, split_factor=2)], (9, 2))
    assert [(r.local[0], r.window.start[0]) for r in found] == [(slice(0, 2), 0), (slice(2, 3), 5)]


def test_a_large_tensor_costs_nothing() -> None:
    placements = [_StridedShard(1, split_factor=1000), Shard(0)]
    found = rectangles((7, 1000), (6, 999), placements, (2**40, 2**20 + 1))
    assert len(found) == 1000
    assert len(rectangles((1000,), (3,), [Shard(0)], (2**60,))) == 1


@contextmanager
def fake_rank(rank: int, world_size: int) -> Iterator[None]:
    """Be one rank of a group that sends nothing."""
    dist.init_process_group("fake", rank=rank, world_size=world_size, store=FakeStore())
    try:
        yield
    finally:
        dist.destroy_process_group()
        # it remembers meshes, and with them the coordinate of the rank before
        forget_meshes()


DISTRIBUTED: list[Case] = [
    ((4,), [Shard(0)], (7, 3)),
    ((4,), [Shard(0)], (2, 3)),
    ((4,), [Shard(1)], (3, 10)),
    ((4,), [_StridedShard(0, split_factor=3)], (23, 2)),
    ((4,), [Replicate()], ()),
    ((2, 2), [Shard(0), Shard(0)], (5, 3)),
    ((2, 2), [Shard(1), Shard(0)], (5, 3)),
    ((2, 3), [Replicate(), Shard(1)], (5, 7)),
    ((2, 2), [_StridedShard(0, split_factor=2), Shard(0)], (9, 2)),
    ((2, 2), [_StridedShard(1, split_factor=3), _StridedShard(0, split_factor=2)], (8, 11)),
    ((2, 2, 2), [Replicate(), _StridedShard(0, split_factor=2), Shard(0)], (11, 3)),
]


@pytest.mark.parametrize("case", DISTRIBUTED, ids=str)
def test_every_rank_of_distribute_tensor(case: Case) -> None:
    mesh_shape, placements, shape = case
    if shape == (9, 2) and isinstance(placements[0], _StridedShard) and older("torch", 2, 13):
        pytest.skip("torch 2.9 cuts 9 rows another way, which is refused")
    whole = torch.arange(math.prod(shape)).view(shape)
    for rank in range(math.prod(mesh_shape)):
        with fake_rank(rank, math.prod(mesh_shape)):
            mesh = init_device_mesh("cpu", mesh_shape)
            tensor = distribute_tensor(whole, mesh, placements, src_data_rank=None)
            assert_same_part(shard_rectangles(tensor), tensor.to_local().numpy(), shape)


@pytest.mark.parametrize("rows", [1, 7, 12])
def test_every_rank_of_fsdp_after_tensor_parallelism(rows: int) -> None:
    """With 7 rows, torch's own compute_local_shape_and_global_offset misses what FSDP did."""
    whole = torch.arange(rows * 3.0).view(rows, 3)
    missed = 0
    for rank in range(6):
        with fake_rank(rank, 6):
            mesh = init_device_mesh("cpu", (3, 2), mesh_dim_names=("dp", "tp"))
            layer = nn.Linear(3, rows, bias=False)
            weight = distribute_tensor(whole, mesh["tp"], [Shard(0)], src_data_rank=None)
            layer.weight = nn.Parameter(weight)
            fully_shard(layer, mesh=mesh["dp"])
            assert isinstance(layer.weight, DTensor)
            assert layer.weight.placements == (_StridedShard(0, split_factor=2), Shard(0))
            held = layer.weight.to_local().detach().numpy()
            assert_same_part(shard_rectangles(layer.weight), held, (rows, 3))
            coordinate = mesh.get_coordinate()
            placed = layer.weight.placements
            local, _ = _compute_local_shape_and_global_offset((rows, 3), (3, 2), coordinate, placed)
            missed += local != held.shape
    # torch 2.13 computes another shape than it makes
    assert missed == (2 if rows == 7 and not older("torch", 2, 13) else 0)


def test_fsdp_on_meta_has_the_same_rectangles() -> None:
    for rank in range(4):
        with fake_rank(rank, 4):
            mesh = init_device_mesh("cpu", (4,))
            with torch.device("meta"):
                layer = nn.Linear(3, 6)
            fully_shard(layer, mesh=mesh)
            found = shard_rectangles(layer.bias)
            assert [globally(r) for r in found] == [(slice(2 * rank, 2 * rank + 2),)][: rank < 3]


def test_a_rank_outside_the_mesh_holds_nothing() -> None:
    with fake_rank(3, 4):
        mesh = dist.DeviceMesh("cpu", [0, 1])
        tensor = distribute_tensor(torch.ones(6), mesh, [Shard(0)], src_data_rank=None)
        assert shard_rectangles(tensor) == []


@pytest.mark.skipif(older("torch", 2, 10), reason="torch 2.9 does not tell the order of shards")
def test_a_spec_that_tells_its_order_is_followed() -> None:
    with fake_rank(1, 4):
        mesh = init_device_mesh("cpu", (2, 2))
        tensor = distribute_tensor(torch.arange(8), mesh, [Shard(0), Shard(0)], src_data_rank=None)
        assert shard_rectangles(tensor)[0].window.start == (2,)
        tensor._spec.shard_order = (_dtensor_spec.ShardOrderEntry(0, (1, 0)),)
        assert shard_rectangles(tensor)[0].window.start == (4,)


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        (Partial(), r"a rank needs to hold values of the tensor; got Partial\(sum\) on mesh axis 0"),
        (Shard(-1), r"a shard needs an axis of \(4, 4\); got .*-1.*\. Count from 0"),
        (Shard(2), r"a shard needs an axis of \(4, 4\); got .*2"),
        ("S(0)", r"a placement needs to be Shard, Replicate or _StridedShard; got 'S\(0\)' on mesh axis 0"),
    ],
)
def test_placements_without_a_rectangle_are_refused(placement: Any, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        rectangles((2,), (0,), [placement], (4, 4))


def test_a_mesh_needs_a_placement_per_axis() -> None:
    with pytest.raises(
        LayoutError, match=r"a mesh of \(2, 2\) needs one coordinate and one placement per axis"
    ):
        rectangles((2, 2), (0, 0), [Shard(0)], (4,))


def test_a_shard_of_another_shape_is_refused() -> None:
    with fake_rank(0, 2):
        mesh = init_device_mesh("cpu", (2,))
        tensor = DTensor.from_local(
            torch.ones(5), mesh, [Shard(0)], run_check=False, shape=torch.Size((6,)), stride=(1,)
        )
        with pytest.raises(LayoutError, match=r"need a local tensor of \(3,\) at \(0,\); got one of \(5,\)"):
            shard_rectangles(tensor)
