"""Normals: within the stated error of the specification, everywhere the transform is delicate."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

import pyinit as pi
from pyinit import _core, reference

# Stated by the design, absolute, for std 1; the second number is what a good kernel stays below.
STATED = {"float32": (2e-6, 1.2e-6), "float64": (1e-13, 4e-15)}
COUNT = 1 << 18
REACH = {"float32": 6.77, "float64": 9.51}


def specified(key: pi.Key, index: np.ndarray, dtype: str) -> np.ndarray:
    return reference.standard_normal(key, index, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("key", [pi.key(0), pi.Key(2**64 - 1, 2**64 - 5)], ids=["plain", "wrapping"])
def test_error_of_a_fill(isa: str, key: pi.Key, dtype: str) -> None:
    made = pi.normal()(COUNT, key=key, dtype=dtype).astype(np.float64)
    error = np.abs(made - specified(key, np.arange(COUNT, dtype=np.uint64), dtype))
    assert 0 < error.max() <= STATED[dtype][1] <= STATED[dtype][0]
    assert np.abs(made).max() <= REACH[dtype]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_error_in_the_far_tail_and_near_zero(dtype: str) -> None:
    # the largest and the smallest of 2^24 draws: u next to 0, u next to 1, angles next to a quarter turn
    made = pi.normal()(1 << 24, key=21, dtype=dtype)
    size = np.abs(made)
    index = np.concatenate([np.argpartition(size, -2000)[-2000:], np.argpartition(size, 2000)[:2000]])
    expected = specified(pi.key(21), index.astype(np.uint64), dtype)
    error = np.abs(made[index] - expected)
    assert np.abs(expected).max() > 5
    assert error.max() <= STATED[dtype][1]
    # relative, because a small value is small by its angle or its radius, and both are exact there
    digits = 2.0**-22 if dtype == "float32" else 2.0**-50
    assert (error <= digits * np.abs(expected)).all()


def test_an_angle_off_by_a_millionth_of_a_turn_is_noticed() -> None:
    made = pi.normal()(COUNT, key=0).astype(np.float64)
    exact = specified(pi.key(0), np.arange(COUNT, dtype=np.uint64), "float32")
    cosine, sine = math.cos(2e-6 * math.pi), math.sin(2e-6 * math.pi)
    turned = np.empty_like(exact)
    turned[::2] = exact[::2] * cosine - exact[1::2] * sine
    turned[1::2] = exact[1::2] * cosine + exact[::2] * sine
    assert np.abs(made - turned).max() > 5 * STATED["float32"][0]


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.02), (0.1, 0.02), (-3.0, 1.5), (0.0, 1e-38), (1e30, 1e29)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scale_and_shift_round_twice(isa: str, mean: float, std: float, dtype: str) -> None:
    kind = np.dtype(dtype).type
    z = pi.normal()(5001, key=2, dtype=dtype)
    with np.errstate(under="ignore"):
        expected = z * kind(std) + kind(mean)
    np.testing.assert_array_equal(pi.normal(mean=mean, std=std)(5001, key=2, dtype=dtype), expected)


def negative_zeros(values: np.ndarray) -> np.ndarray:
    return (values == 0) & np.signbit(values)


@pytest.mark.parametrize(
    ("dtype", "std"), [("float32", 1.4e-45), ("float64", 5e-324), ("bfloat16", 1e-42), ("float16", 1.4e-45)]
)
def test_a_zero_has_the_sign_of_what_underflowed(isa: str, dtype: str, std: float) -> None:
    index = np.arange(4096, dtype=np.uint64)
    made = pi.normal(std=std)(4096, key=1, dtype=dtype).astype(np.float64)
    twin = reference.normal(pi.key(1), index, 0.0, std, dtype)
    twin = twin.view(ml_dtypes.bfloat16) if dtype == "bfloat16" else twin
    assert negative_zeros(made).sum() > 500
    np.testing.assert_array_equal(negative_zeros(made), negative_zeros(twin.astype(np.float64)))
    np.testing.assert_array_equal(made, twin.astype(np.float64))
    # two roundings, as of a mean that is not 0 and of truncated normals, would leave none
    with np.errstate(under="ignore"):
        product = pi.normal()(4096, key=1) * np.float32(1.4e-45)
    assert not negative_zeros(product + np.float32(0)).any()
    assert not negative_zeros(pi.truncated_normal(std=1.4e-45)(4096, key=1)).any()


def test_a_product_that_is_zero_is_no_underflow(isa: str) -> None:
    # what is less than half of float32's smallest number is 0, and so is every product
    for std in (0.0, 1e-46):
        made = np.empty(4096, np.float32)
        _core.fill_normal(made, "float32", 1, 0, (4096,), (0,), 0.0, std, 1)
        twin = reference.normal(pi.key(1), np.arange(4096, dtype=np.uint64), 0.0, std)
        for values in (made, twin):
            assert not values.any()
            assert not negative_zeros(values).any()


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (0.1, 0.02), (0.0, 2e-7), (0.0, 5000.0)])
def test_halves_are_float32_rounded_once(isa: str, mean: float, std: float) -> None:
    wide = pi.normal(mean=mean, std=std)(COUNT, key=6)
    for name, kind in (("bfloat16", ml_dtypes.bfloat16), ("float16", np.float16)):
        made = pi.normal(mean=mean, std=std)(COUNT, key=6, dtype=name)
        np.testing.assert_array_equal(made.view(np.uint16), wide.astype(kind).view(np.uint16))


def test_an_odd_end_keeps_its_half_of_a_pair(isa: str) -> None:
    whole = pi.normal()(1000, key=8)
    for count in range(1, 70):
        np.testing.assert_array_equal(pi.normal()(count, key=8), whole[:count])
        part = pi.normal()(count, key=8, window=pi.Window((count,), (1000,)))
        np.testing.assert_array_equal(part, whole[count : 2 * count])
