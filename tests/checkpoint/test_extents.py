"""Extents hold every byte of every tensor exactly once."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.checkpoint.extents import EXTENT_BYTES, Extent, cut_extents
from pyinit.checkpoint.plan import plan_checkpoint
from pyinit.errors import SpecError
from pyinit.stream.window import Shape, Window


def rectangle(extent: Extent, shape: Shape) -> np.ndarray:
    """The indices, in C order, of an extent's elements."""
    numbers = np.arange(prod(shape)).reshape(shape)
    return numbers[tuple(slice(i, i + n) for i, n in zip(extent.start, extent.shape, strict=True))].ravel()


@given(
    shapes=st.lists(st.lists(st.integers(0, 7), max_size=4).map(tuple), min_size=1, max_size=4),
    extent_bytes=st.integers(1, 500),
    shard_size=st.none() | st.integers(1, 2000),
)
def test_each_byte_is_in_one_extent(shapes: list[Shape], extent_bytes: int, shard_size: int | None) -> None:
    named = {str(number): shape for number, shape in enumerate(shapes)}
    plan = plan_checkpoint(named, "normal", path="x", shard_size=shard_size, extent_bytes=extent_bytes)
    assert [extent.index for extent in plan.extents] == list(range(len(plan.extents)))
    ends = {file: len(shard.header) for file, shard in enumerate(plan.shards)}
    for extent in plan.extents:
        # one after the other: nothing is left out, nothing comes twice
        assert extent.offset == ends[extent.file]
        assert extent.nbytes == 4 * prod(extent.shape)
        assert 0 < extent.nbytes <= max(extent_bytes, 4)
        ends[extent.file] += extent.nbytes
        elements = rectangle(extent, named[extent.tensor])
        first = (extent.offset - plan.shards[extent.file].tensors[extent.tensor].start) // 4
        assert elements.tolist() == list(range(first, first + len(elements)))
    assert ends == {file: shard.nbytes for file, shard in enumerate(plan.shards)}


@given(most=st.integers(1, 60), start=st.integers(0, 3), rows=st.integers(1, 3))
def test_blocks_of_an_extent_are_its_elements_in_order(most: int, start: int, rows: int) -> None:
    shape = (6, 5, 2)
    extent = Extent(0, "w", (start, 0, 0), (rows, 5, 2), 0, 100, rows * 40)
    found: list[int] = []
    for window, block, before in extent.blocks(shape, most):
        assert window == Window(window.start, shape)
        assert before == len(found)
        found += rectangle(Extent(0, "w", window.start, block, 0, 0, 0), shape).tolist()
    assert found == rectangle(extent, shape).tolist()


def test_a_matrix_that_is_drawn_whole_is_one_extent() -> None:
    shapes = {"q": (30, 20), "stack": (7, 30, 20), "w": (30, 20)}
    rules = [("q", pi.orthogonal()), ("stack", pi.orthogonal(layout="jax", batch_axis=0)), ("w", "normal")]
    plan = plan_checkpoint(shapes, rules, path="x", extent_bytes=1000)
    sizes = {name: [each.nbytes for each in plan.extents if each.tensor == name] for name in shapes}
    assert sizes == {"q": [2400], "stack": [2400] * 7, "w": [960, 960, 480]}


def test_extents_are_of_one_gibibyte_by_default() -> None:
    plan = plan_checkpoint({"w": (9 << 16, 1 << 10)}, "normal", path="x")
    assert [extent.nbytes for extent in plan.extents] == [EXTENT_BYTES, EXTENT_BYTES, 1 << 28]


def test_an_extent_has_bytes() -> None:
    with pytest.raises(SpecError, match="extent_bytes must be at least 1 byte; got 0"):
        cut_extents([], 0)
