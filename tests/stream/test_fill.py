"""Filling: the specification's bytes, in every window, buffer and dtype; and what is refused."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from hashlib import blake2b

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import _core, reference
from pyinit.stream.kernels import MASK

from ..arrays import bits

DTYPES = ["float32", "float64", "bfloat16", "float16"]
RECIPES = [
    pi.constant(1 / 3),
    pi.uniform(-0.3, 0.7),
    pi.normal(mean=0.1, std=0.02),
    pi.truncated_normal(),
    pi.truncated_normal(low=3.0, high=float("inf")),
    pi.truncated_normal(std=0.1, low=-9.0, high=-8.0),
    pi.truncated_normal(mean=0.5, std=2.0, low=-0.25, high=1.0, unit="absolute"),
]
SPARSE = [pi.sparse(0.4, std=1.0), pi.sparse(0.4, std=1.0, exact=False)]
# Largest difference from the specification, relative to the deviation from the mean and to the mean.
ERROR = {"float32": 2.0**-21, "float64": 2.0**-49, "bfloat16": 2.0**-7, "float16": 2.0**-9}


def twin(recipe: pi.Recipe, key: pi.Key, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return what the specification makes of a recipe's plan, as bits."""
    plan = recipe.plan(shape, dtype)
    index = reference.indices(shape, (0,) * len(shape), shape)
    numbers = plan.numbers
    if plan.distribution == "constant":
        return bits(reference.constant(index, *numbers, dtype))
    if plan.distribution.endswith("sparse"):
        mean, std, zeros = numbers
        return bits(reference.sparse(key, key.fold_in(MASK), shape, index, mean, std, zeros, dtype))
    return bits(getattr(reference, plan.distribution)(key, index, *numbers, dtype))


def floats(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return the values of bits."""
    return values.view(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype).astype(np.float64)


def assert_close(made: np.ndarray, expected: np.ndarray, dtype: str, mean: float) -> None:
    """Fail unless two arrays of bits differ by a few roundings, and rarely where roundings hide them."""
    a, b = floats(made, dtype), floats(expected, dtype)
    assert (np.abs(a - b) <= ERROR[dtype] * (np.abs(b - mean) + abs(mean))).all()
    if dtype in ("bfloat16", "float16"):
        assert (made != expected).mean() < 1e-2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("recipe", RECIPES + SPARSE, ids=repr)
def test_equal_to_the_specification(recipe: pi.Recipe, dtype: str) -> None:
    key, shape = pi.key(2**63 + 5).fold_in("w"), (41, 53)
    made, expected = bits(recipe(shape, key=key, dtype=dtype)), twin(recipe, key, shape, dtype)
    if recipe.plan(shape).distribution in ("constant", "uniform"):
        np.testing.assert_array_equal(made, expected)
    else:
        assert_close(made, expected, dtype, getattr(recipe, "mean", 0.0))
    # zeros are where they should be
    np.testing.assert_array_equal(made << 1 == 0, expected << 1 == 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_comparison_notices_another_std(dtype: str) -> None:
    expected = bits(pi.normal(mean=0.1, std=0.02)((40, 50), key=0, dtype=dtype))
    assert_close(expected, expected, dtype, 0.1)
    with pytest.raises(AssertionError):
        assert_close(
            bits(pi.normal(mean=0.1, std=0.0201)((40, 50), key=0, dtype=dtype)), expected, dtype, 0.1
        )


@st.composite
def rectangles(draw: st.DrawFn, rank: int | None = None) -> tuple[tuple[int, ...], ...]:
    shape = tuple(draw(st.lists(st.integers(0, 40), min_size=rank or 0, max_size=rank or 4)))
    start = tuple(draw(st.integers(0, n)) for n in shape)
    extent = tuple(draw(st.integers(0, n - i)) for n, i in zip(shape, start, strict=True))
    return shape, start, extent


@given(
    rectangle=rectangles(),
    recipe=st.sampled_from(RECIPES),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 9),
)
def test_a_window_is_a_slice_of_the_whole(rectangle, recipe: pi.Recipe, dtype: str, seed: int) -> None:
    shape, start, extent = rectangle
    whole = recipe(shape, key=seed, dtype=dtype)
    part = recipe(extent, key=seed, dtype=dtype, window=pi.Window(start, shape))
    where = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(bits(part), bits(np.ascontiguousarray(whole[where])).reshape(extent))


@given(rectangle=rectangles(rank=2), recipe=st.sampled_from(SPARSE), dtype=st.sampled_from(DTYPES))
def test_a_window_of_a_sparse_matrix(rectangle, recipe: pi.Recipe, dtype: str) -> None:
    shape, start, extent = rectangle
    whole = recipe(shape, key=1, dtype=dtype)
    part = recipe(extent, key=1, dtype=dtype, window=pi.Window(start, shape))
    where = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(bits(part), bits(np.ascontiguousarray(whole[where])))


@given(
    n=st.integers(0, 3000),
    cut=st.integers(0, 3000),
    recipe=st.sampled_from(RECIPES),
    dtype=st.sampled_from(DTYPES),
    threads=st.integers(1, 4),
)
def test_two_parts_make_the_whole(n: int, cut: int, recipe: pi.Recipe, dtype: str, threads: int) -> None:
    cut = min(cut, n)
    whole = recipe(n, key=3, dtype=dtype)
    parts = np.empty_like(whole)
    pi.fill(parts[:cut], recipe, key=3, window=pi.Window((0,), (n,)), threads=threads)
    pi.fill(parts[cut:], recipe, key=3, window=pi.Window((cut,), (n,)), threads=threads)
    np.testing.assert_array_equal(bits(parts), bits(whole))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("far", [2**32 - 3, 2**34 + 1, 2**40 + 7])
def test_windows_far_out(far: int, dtype: str) -> None:
    shape = (2**20, 2**21 + 1)
    row, column = divmod(far, shape[1])
    for recipe in (pi.uniform(), pi.normal()):
        made = recipe((1, 9), key=4, dtype=dtype, window=pi.Window((row, column), shape))
        index = np.arange(far, far + 9, dtype=np.uint64)
        plan = recipe.plan(shape, dtype)
        expected = getattr(reference, plan.distribution)(pi.key(4), index, *plan.numbers, dtype)
        assert_close(bits(made[0]), bits(expected), dtype, 0.0)


@pytest.mark.parametrize("threads", [np.int64(2), 2**31, 2**70, 1, 2, 3, 8])
def test_thread_counts(threads: int) -> None:
    expected = pi.normal()((1000, 999), key=5, threads=1)
    np.testing.assert_array_equal(pi.normal()((1000, 999), key=5, threads=threads), expected)


INSTRUCTION_SETS = ("scalar", "avx2", "avx512", "neon")


def available() -> list[str]:
    """Return the instruction sets of this machine."""
    found = []
    for name in INSTRUCTION_SETS:
        with contextlib.suppress(ValueError):
            _core.use_isa(_core.use_isa(name))
            found.append(name)
    return found


@given(
    rectangle=rectangles(rank=2),
    recipe=st.sampled_from(RECIPES + SPARSE),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**64 - 1),
    offset=st.sampled_from([0, 7, 2**32 - 2, 2**40 + 1, 2**64 - 3]),
)
def test_every_instruction_set_makes_the_same_bits(rectangle, recipe, dtype, seed, offset) -> None:
    shape, start, extent = rectangle
    made = []
    for name in available():
        previous = _core.use_isa(name)
        try:
            window = pi.Window(start, shape)
            made.append(bits(recipe(extent, key=pi.Key(seed, offset), dtype=dtype, window=window)))
        finally:
            _core.use_isa(previous)
    assert made
    for other in made[1:]:
        np.testing.assert_array_equal(other, made[0])


def test_large_fills_have_the_same_bits_too() -> None:
    # past the size at which stores go around the cache, with a ragged end, and no fresh pages
    made_in = np.ones((3, 3 * 2**20 + 3), np.float32)
    for recipe in (pi.normal(), pi.uniform(), pi.truncated_normal()):
        made = set()
        for name in available():
            previous = _core.use_isa(name)
            try:
                pi.fill(made_in, recipe, key=1)
                made.add(blake2b(made_in).hexdigest())
            finally:
                _core.use_isa(previous)
        assert len(made) == 1


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (pi.RecipeError, {"recipe": "norml"}, r"unknown recipe 'norml'. Did you mean normal"),
        (pi.RecipeError, {"recipe": 3}, r"a recipe is needed; got 3. Give pyinit.he_normal\(\)"),
        (pi.RecipeError, {"recipe": pi.normal}, r"got normal itself, which makes recipes. Call it"),
        (
            pi.ArgumentError,
            {"threads": 0},
            r"threads must be a positive integer; got 0. Leave it out for all CPUs.",
        ),
        (pi.ArgumentError, {"threads": 1.5}, r"threads must be a positive integer; got 1.5"),
        (pi.ArgumentError, {"threads": True}, r"threads must be a positive integer; got True"),
        (pi.ArgumentError, {"threads": np.float64(2)}, r"threads must be a positive integer; got np.float64"),
        (pi.SeedError, {"key": -1}, r"a seed must be an integer in"),
        (pi.SeedError, {"key": "w"}, r"key must be an int seed or a Key; got 'w'"),
        (pi.ShapeError, {"window": (0, 0)}, r"window must be a Window; got \(0, 0\)"),
        (pi.ShapeError, {"window": pi.Window((3, 0), (4, 6))}, r"reaches beyond the tensor \(4, 6\)"),
        (
            pi.ShapeError,
            {"window": pi.Window((0,), (24,))},
            r"a window of \(24,\) needs 1 axes; got shape \(4, 6\)",
        ),
        (pi.RecipeError, {"recipe": pi.normal(std=1e-60)}, r"outside the range of float32"),
    ],
)
def test_calls_that_are_refused_write_nothing(error: type[Exception], arguments: dict, message: str) -> None:
    out = np.full((4, 6), 7, np.float32)
    call = {"recipe": pi.normal(), "key": 0, **arguments}
    with pytest.raises(error, match=message):
        pi.fill(out, call.pop("recipe"), **call)
    assert (out == 7).all()


def test_neighbouring_memory_is_left_alone() -> None:
    for dtype in (np.float32, np.float64, np.float16, np.uint16):
        for n in range(70):
            around = np.full(n + 16, 3, dtype)
            pi.fill(around[8 : 8 + n], pi.normal(), key=0)
            assert (around[:8] == 3).all()
            assert (around[8 + n :] == 3).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fill_after_a_fork() -> None:
    code = """
import os, sys
import pyinit as pi
whole = pi.normal()((2000, 1000), key=0, threads=2)
child = os.fork()
if child == 0:
    same = (pi.normal()((2000, 1000), key=0, threads=2) == whole).all()
    os._exit(0 if same else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
