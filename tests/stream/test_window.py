"""Shapes and windows: what they hold, how tensors split, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.stream.window import check_window, contiguous_blocks, normal_shape


def test_shapes_are_tuples_of_ints() -> None:
    assert normal_shape(5) == (5,)
    assert normal_shape([2, np.int64(3)]) == (2, 3)
    assert normal_shape(()) == ()
    assert normal_shape((0, 2**40)) == (0, 2**40)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: normal_shape((2, -1)), r"a shape holds no negative sizes; got \(2, -1\). Name every size."),
        (lambda: normal_shape("ab"), r"a shape is a tuple of integers; got 'ab'. Use \(\) for a scalar."),
        (lambda: normal_shape((2.0,)), r"a shape is a tuple of integers; got \(2.0,\)"),
        (lambda: normal_shape(None), r"a shape is a tuple of integers; got None"),
        (lambda: normal_shape((2**32, 2**31)), r"less than 2\*\*63 bytes; shape \(4294967296, 2147483648\)"),
        (lambda: normal_shape((2**31, 2**30), 4), r"needs 9223372036854775808. Split it."),
        (lambda: normal_shape((0, 2**62), 4), r"a tensor must have less than 2\*\*63 bytes"),
        (lambda: pi.Window((0,), (2, 3)), r"one start per axis of \(2, 3\); got \(0,\). Use 0"),
        (lambda: pi.Window((-1, 0), (2, 3)), r"a window must start inside \(2, 3\); got start \(-1, 0\)"),
        (lambda: pi.Window((0, 4), (2, 3)), r"a window must start inside \(2, 3\); got start \(0, 4\)"),
        (lambda: pi.Window(0, (2, 3)), r"a window's start is a tuple of integers; got 0"),
        (lambda: pi.Window((0.5, 0), (2, 3)), r"a window's start is a tuple of integers"),
        (
            lambda: check_window(pi.Window((0, 0), (2, 3)), (3,)),
            r"a window of \(2, 3\) needs 2 axes; got shape \(3,\). Reshape",
        ),
        (
            lambda: check_window(pi.Window((1, 0), (2, 3)), (2, 3)),
            r"the window at \(1, 0\) with shape \(2, 3\) reaches beyond the tensor \(2, 3\). Make",
        ),
        (lambda: check_window(((0,), (3,)), (3,)), r"window must be a Window; got \(\(0,\), \(3,\)\). Use"),
        (lambda: list(contiguous_blocks((3,), 0)), r"a block needs room for at least 1 element; got 0"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.ShapeError, match=message):
        make()


def test_offset_is_the_flat_index() -> None:
    window = pi.Window((2, 1, 3), (4, 5, 6))
    assert window.offset == np.ravel_multi_index((2, 1, 3), (4, 5, 6))
    assert pi.Window((), ()).offset == 0
    assert pi.Window((2**40, 0), (2**41, 3)).offset == 3 * 2**40


def test_arrays_of_sizes_are_shapes() -> None:
    window = pi.Window(np.array([1, 0]), np.array([4, 5]))
    assert window == pi.Window((1, 0), (4, 5))
    assert normal_shape(np.array([2, 3])) == (2, 3)
    assert normal_shape(np.int64(2)) == (2,)
    with pytest.raises(pi.ShapeError, match=r"a shape is a tuple of integers; got array\(\[2\."):
        normal_shape(np.array([2.0]))


def test_a_window_may_be_empty_at_the_end() -> None:
    check_window(pi.Window((4, 0), (4, 5)), (0, 5))


@given(st.lists(st.integers(0, 7), max_size=4), st.integers(1, 200))
def test_blocks_cover_a_tensor_in_order(shape: list[int], most: int) -> None:
    reached = 0
    for window, extent in contiguous_blocks(shape, most):
        check_window(window, extent)
        assert window.global_shape == tuple(shape)
        assert window.offset == reached
        assert 1 <= math.prod(extent) <= most
        # contiguous: one partial axis, single indices before it, whole axes after it
        partial = [axis for axis, n in enumerate(extent) if n != shape[axis]]
        if partial:
            assert all(n == 1 for n in extent[: partial[-1]])
        reached += math.prod(extent)
    assert reached == math.prod(shape)


def test_blocks_are_as_large_as_they_may_be() -> None:
    extents = [extent for _, extent in contiguous_blocks((10, 4, 5), 60)]
    assert extents == [(3, 4, 5), (3, 4, 5), (3, 4, 5), (1, 4, 5)]
