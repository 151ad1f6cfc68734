"""Arrays to compute with, and their comparison bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["assert_same_bits", "bits", "normals", "of_many_sizes"]


def bits(values: Any) -> np.ndarray:
    """Return an array's values as unsigned integers of the same width."""
    array = np.asarray(values)
    return array.view(f"u{array.itemsize}")


def assert_same_bits(made: Any, expected: Any) -> None:
    """Fail unless both have one dtype, one shape and the same bits, NaNs and signs of zeros included."""
    made, expected = np.asarray(made), np.asarray(expected)
    assert (made.dtype, made.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(bits(made), bits(expected))


def normals(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Return standard normals in float32 that pyinit did not draw."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def of_many_sizes(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    """Return numbers of many sizes, so that the order of a sum decides its last bits."""
    generator = np.random.default_rng(seed)
    scale = np.exp2(generator.integers(-6, 7, shape))
    return (generator.standard_normal(shape) * scale).astype(dtype)
