"""HiPPO's matrix: the formula, the identity that makes it remember, any window and dtype."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi


def _by_the_formula(order: int) -> np.ndarray:
    def value(n: int, k: int) -> float:
        return -math.sqrt((2 * n + 1) * (2 * k + 1)) if n > k else -(n + 1.0) if n == k else 0.0

    return np.array([[value(n, k) for k in range(order)] for n in range(order)]).reshape(order, order)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("order", [0, 1, 2, 64])
def test_each_value_is_the_formulas(order: int, dtype: str) -> None:
    kept = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    compute = "float64" if dtype == "float64" else "float32"
    expected = _by_the_formula(order).astype(compute).astype(kept)
    np.testing.assert_array_equal(pi.hippo()((order, order), key=0, dtype=dtype), expected)


def test_the_symmetric_part_is_minus_b_b_t_and_the_identity() -> None:
    made = pi.hippo()((32, 32), key=5, dtype="float64")
    b = np.sqrt(2 * np.arange(32) + 1.0)[:, None]
    np.testing.assert_allclose(made + made.T, -(b @ b.T) - np.eye(32), rtol=1e-14)
    np.testing.assert_array_equal(np.diagonal(made), -np.arange(1.0, 33.0))


def test_the_state_holds_the_legendre_coefficients_of_the_past() -> None:
    # x' = (A x + B u) / t; of u = t the coefficients on [0, t] are t / 2 and t / (2 sqrt 3)
    a = pi.hippo()((6, 6), key=0, dtype="float64")
    b = np.sqrt(2 * np.arange(6) + 1.0)
    # x = c t solves it, where c = A c + B
    c = np.linalg.solve(np.eye(6) - a, b)
    np.testing.assert_allclose(c, [0.5, 0.5 / math.sqrt(3), 0, 0, 0, 0], atol=1e-12)


@given(data=st.data())
def test_a_window_is_a_slice_of_the_whole(data: Any) -> None:
    start = tuple(data.draw(st.integers(0, 9)) for _ in range(2))
    extent = tuple(data.draw(st.integers(0, 9 - i)) for i in start)
    part = pi.hippo()(extent, key=0, window=pi.Window(start, (9, 9)))
    whole = pi.hippo()((9, 9), key=0)
    np.testing.assert_array_equal(
        part, whole[tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))]
    )


def test_json_and_repr_are_the_recipe() -> None:
    assert pi.recipe_from_json(pi.hippo().to_json()) == pi.hippo() == eval(repr(pi.hippo()), vars(pi))
    plan = pi.hippo().plan((4, 4))
    assert pi.Plan.from_json(plan.to_json()) == plan


@pytest.mark.interop
def test_jax_writes_the_same_matrix() -> None:
    jax = pytest.importorskip("jax")
    from pyinit.jax.traced.traced import draw

    words = jax.numpy.array([7, 0, 0, 0], "uint32")
    made = jax.jit(lambda key: draw(pi.hippo(), key, (5, 5)))(words)
    np.testing.assert_array_equal(made, pi.hippo()((5, 5), key=7))


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((4, 5), "float32", r"hippo needs a square matrix, states by states; got shape \(4, 5\)"),
        ((4,), "float32", "hippo needs a square matrix"),
        ((2, 4, 4), "float32", "hippo needs a square matrix"),
        (
            (40000, 40000),
            "float16",
            "float16 holds values up to 65504; a matrix of 40000 states reaches 79998",
        ),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], dtype: str, message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message):
        pi.hippo().plan(shape, dtype)
