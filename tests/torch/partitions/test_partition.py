"""A run of consecutive elements is a few rectangles of the whole tensor."""

from __future__ import annotations

import math
from itertools import pairwise, permutations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

import pyinit as pi  # noqa: E402
from pyinit.torch.partitions.holding import partition_of, whole_shape  # noqa: E402
from pyinit.torch.partitions.partition import Partition, run_parts  # noqa: E402

pytestmark = pytest.mark.interop

SHAPES = st.lists(st.integers(1, 5), min_size=0, max_size=4).map(tuple)


@given(SHAPES, st.data())
def test_the_parts_of_a_run_are_disjoint_views_in_their_places(
    shape: tuple[int, ...], data: st.DataObject
) -> None:
    total = math.prod(shape)
    start, stop = sorted(data.draw(st.tuples(st.integers(0, total), st.integers(0, total))))
    order = data.draw(st.sampled_from(sorted(permutations(range(len(shape))))))
    numbers = torch.arange(total)
    flattened = numbers.view(shape).permute(order).reshape(-1)
    run = flattened[start:stop].clone()
    parts = run_parts(run, shape, start, order)
    assert len(parts) <= max(2 * len(shape) - 1, 1)
    for part, window in parts:
        ends = zip(window.start, part.shape, strict=True)
        assert torch.equal(part, numbers.view(shape)[tuple(slice(i, i + n) for i, n in ends)])
        # a view of the run: what is written to it lasts
        part.fill_(-1)
    assert (run == -1).all()


def test_the_runs_of_ranks_cover_the_whole_tensor_once() -> None:
    counted = torch.zeros(3, 4, 5, dtype=torch.int64)
    for first, last in pairwise([0, 7, 7, 33, 60]):
        for part, window in run_parts(torch.empty(last - first), counted.shape, first):
            ends = zip(window.start, part.shape, strict=True)
            counted[tuple(slice(i, i + n) for i, n in ends)] += 1
    assert (counted == 1).all()


def test_a_rank_that_holds_nothing_gets_a_part_without_elements() -> None:
    (part, window), *others = Partition((3, 4), []).within(torch.empty(2, dtype=torch.float64), None)
    assert (part.shape, part.dtype, others) == ((0, 0), torch.float64, [])
    assert window == pi.Window((0, 0), (3, 4))


def test_a_plain_tensor_is_whole() -> None:
    base = torch.zeros(4, 3)
    for tensor in (base, base[1:], torch.nn.Parameter(base)):
        assert partition_of(tensor) is None
        assert whole_shape(tensor) == tuple(tensor.shape)
