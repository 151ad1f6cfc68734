"""Uniforms: the specification's bits on every instruction set, and an open bound that stays open."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

import pyinit as pi
from pyinit import reference
from pyinit.stream.dtypes import resolve

from ..arrays import bits

DTYPES = ["float32", "float64", "bfloat16", "float16"]
INTERVALS = [
    (0.0, 1.0),
    (-1.0, 1.0),
    (-0.3, 0.7),
    (0.1, 0.3),
    (-1e-3, 0.0),
    (1.0, 1.0625),
    (-2.0, -1.0),
    (-6e4, 6e4),
    (0.0, 1e-6),
]
COUNT = 200_003


def draw(low: float, high: float, dtype: str) -> np.ndarray:
    return pi.uniform(low, high)(COUNT, key=pi.Key(9, 4), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_equal_to_the_specification(isa: str, low: float, high: float, dtype: str) -> None:
    made = draw(low, high, dtype)
    index = np.arange(COUNT, dtype=np.uint64)
    expected = reference.uniform(
        pi.Key(9, 4), index, *pi.uniform(low, high).plan((COUNT,), dtype).numbers, dtype
    )
    np.testing.assert_array_equal(bits(made), bits(expected))


def test_the_float32_lattice() -> None:
    # every value is a multiple of 2^-24, and both low and high bits of the lattice occur
    u = draw(0.0, 1.0, "float32").astype(np.float64) * 2**24
    assert (u == np.floor(u)).all()
    assert (u % 2 == 1).mean() > 0.49
    x = draw(0.0, 1.0, "float64") * 2.0**53
    assert (x == np.floor(x)).all()
    assert (x % 2 == 1).mean() > 0.49


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_the_interval_is_half_open(low: float, high: float, dtype: str) -> None:
    compute = resolve(resolve(dtype).compute)
    low, high = compute.round(low), compute.round(high)
    made = draw(low, high, dtype).astype(np.float64)
    assert made.min() >= low
    assert made.max() < high


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_rounding_without_a_bound_would_reach_high(dtype: str) -> None:
    # the mutant that the check above is for: one rounding to nearest, as torch does it
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16
    rounded = draw(0.0, 1.0, "float32").astype(kind).astype(np.float64)
    assert rounded.max() == 1.0
    made = draw(0.0, 1.0, dtype).astype(np.float64)
    largest = 1 - 2.0 ** -resolve(dtype).digits
    np.testing.assert_array_equal(made, np.minimum(rounded, largest))


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_interval_of_one_value(dtype: str) -> None:
    above = math.nextafter(1.0, 2.0) if dtype == "float64" else 1.0 + 2.0**-23
    assert (pi.uniform(1.0, above)(1000, key=0, dtype=dtype).astype(np.float64) == 1.0).all()
