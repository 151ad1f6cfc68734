"""Sums in float64 from the first element to the last, and means of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyinit.linalg.sums import mean, total


def in_order(values: list[float]) -> float:
    found = 0.0
    for value in values:
        found += value
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_first_element_is_added_first(axis: int, dtype: type) -> None:
    x = np.random.default_rng(0).standard_normal((257, 130)).astype(dtype)
    lines = (x.T if axis == 0 else x).astype(np.float64)
    expected = [in_order(line.tolist()) for line in lines]
    assert total(x, axis).tolist() == expected
    assert mean(x, axis).tolist() == [each / x.shape[axis] for each in expected]
    kept = total(x, axis, keepdims=True)
    assert kept.shape == ((1, 130) if axis == 0 else (257, 1))
    assert kept.ravel().tolist() == expected


def test_another_order_is_seen() -> None:
    """A mutant: pairwise sums, as NumPy's, and exact ones differ in the last bits."""
    x = np.random.default_rng(0).standard_normal(10_000)
    assert len({float(total(x)), float(x[::-1].cumsum()[-1]), math.fsum(x.tolist())}) == 3
