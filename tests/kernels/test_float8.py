"""float8: draws of float32 rounded once, as ml_dtypes rounds; the same bits for every window and thread."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import reference
from pyinit.stream.dtypes import DType, decode, encode, resolve

from ..arrays import bits
from .checks import LIMIT

DTYPES = ["float8_e4m3fn", "float8_e5m2"]
COUNT = 200_003
RECIPES = {
    "normal": pi.normal(std=0.02),
    "normal_wide": pi.normal(mean=-1.0, std=50.0),
    "truncated": pi.truncated_normal(std=0.5),
    "orthogonal": pi.orthogonal(gain=3.0),
    "sparse": pi.sparse(0.3, std=1.0),
    "by_chance": pi.sparse(0.3, std=1.0, exact=False),
    "constant": pi.constant(0.3),
    "identity": pi.identity(),
    "along": pi.along([0.1, 0.7, 3.3, 1.0, 2.0, 447.0], axis=1),
}
CURVES = {
    "log_uniform": pi.log_uniform(1e-4, 400.0, floor=0.01),
    "inverse_softplus": pi.inverse_softplus(0.001, 30.0),
    "log_of_uniform": pi.log_of_uniform(0.0, 16.0),
    "log_decay": pi.log_decay(0.0, 1.0),
    "negative": pi.log_of_uniform(1.0, 783.0, scale=-1.0),
}


def patterns(dtype: DType) -> np.ndarray:
    """Return every finite value of a format, in order."""
    values = decode(np.arange(256, dtype=np.uint8), dtype)
    return np.unique(values[np.isfinite(values)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_values_of_all_patterns(dtype: str) -> None:
    every = np.arange(256, dtype=np.uint8)
    expected = every.view(getattr(ml_dtypes, dtype)).astype(np.float32)
    np.testing.assert_array_equal(bits(decode(every, resolve(dtype)))[~np.isnan(expected)],
                                  bits(expected)[~np.isnan(expected)])  # fmt: skip
    np.testing.assert_array_equal(np.isnan(decode(every, resolve(dtype))), np.isnan(expected))


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_that_of_ml_dtypes(dtype: str) -> None:
    values = patterns(resolve(dtype))
    ties = (values[1:] + values[:-1]) / 2
    beside = [np.nextafter(ties, np.float32(end)) for end in (-np.inf, np.inf)]
    spread = np.random.default_rng(0).integers(0, 2**32, 1_000_000, np.uint32).view(np.float32)
    ends = np.float32([0.0, -0.0, 464, 465, 480, 61439, 61440, 1e30, np.inf, -np.inf])
    x = np.concatenate([values, ties, *beside, spread[~np.isnan(spread)], ends])
    with np.errstate(all="ignore"):
        expected = x.astype(getattr(ml_dtypes, dtype)).view(np.uint8)
    np.testing.assert_array_equal(encode(x, resolve(dtype)), expected)


@pytest.mark.interop
@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_that_of_torch_where_both_are_finite(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    largest = resolve(dtype).largest
    x = (np.random.default_rng(1).standard_normal(500_000) * largest / 6).astype(np.float32)
    x = np.concatenate([x[np.abs(x) <= largest], x * 2.0**-17])
    expected = torch.from_numpy(x).to(getattr(torch, dtype)).view(torch.uint8).numpy()
    np.testing.assert_array_equal(encode(x, resolve(dtype)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", RECIPES)
def test_a_draw_is_that_of_float32_rounded_once(isa: str, name: str, dtype: str) -> None:
    shape, key = (301, 6), pi.Key(9, 4)
    made = RECIPES[name](shape, key=key, dtype=dtype)
    assert made.dtype == getattr(ml_dtypes, dtype)
    expected = encode(RECIPES[name](shape, key=key), resolve(dtype))
    np.testing.assert_array_equal(bits(made), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.3, 0.7), (1.0, 1.3), (-400.0, -1.0), (-1.0, 1.0)])
def test_uniforms_are_the_specification_s_and_their_bound_stays_open(
    isa: str, low: float, high: float, dtype: str
) -> None:
    plan = pi.uniform(low, high).plan((COUNT,), dtype)
    made = pi.uniform(low, high)(COUNT, key=pi.Key(9, 4), dtype=dtype)
    expected = reference.uniform(pi.Key(9, 4), np.arange(COUNT, dtype=np.uint64), *plan.numbers, dtype)
    np.testing.assert_array_equal(bits(made), expected)
    assert low <= made.astype(np.float64).min()
    assert made.astype(np.float64).max() < high


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CURVES)
def test_functions_of_a_uniform_are_those_of_float32_inside_their_bounds(
    isa: str, name: str, dtype: str
) -> None:
    found, recipe, key = resolve(dtype), CURVES[name], pi.Key(9, 4)
    low, high = recipe.plan((COUNT,), dtype).bounds
    made = recipe(COUNT, key=key, dtype=dtype)
    # what rounds out of the open interval stays at its last value
    expected = np.clip(recipe(COUNT, key=key), np.float32(low), np.float32(high))
    np.testing.assert_array_equal(bits(made), encode(expected, found))
    seen = made.astype(np.float64)
    assert (seen.min(), seen.max()) in [(low, high), (-14.0, high)]


@pytest.mark.parametrize("dtype", DTYPES)
@given(
    start=st.tuples(st.integers(0, 60), st.integers(0, 36)),
    extent=st.tuples(st.integers(0, 41), st.integers(0, 37)),
    threads=st.integers(1, 3),
    name=st.sampled_from(["normal", "truncated", "orthogonal", "sparse", "by_chance", *CURVES]),
)
def test_windows(
    dtype: str, start: tuple[int, int], extent: tuple[int, int], threads: int, name: str
) -> None:
    whole = (101, 73)
    recipe = (RECIPES | CURVES)[name]
    part = recipe(extent, key=3, dtype=dtype, window=pi.Window(start, whole), threads=threads)
    place = tuple(slice(i, i + n) for i, n in zip(start, extent, strict=True))
    np.testing.assert_array_equal(bits(part), bits(recipe(whole, key=3, dtype=dtype)[place]))


def shares(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(grid, values), minlength=grid.size)


def excess(values: np.ndarray, dtype: DType, std: float) -> float:
    """Return the score of chi-square of the shares of all values, of those that 20 or more are expected at.

    It detects, at 2^20 draws, a std off by 0.5 %, or a share of one value in a hundred off by 7 %.
    """
    grid = patterns(dtype)
    edges = (grid[1:].astype(np.float64) + grid[:-1]) / 2
    chances = np.diff([0.0, *(0.5 * (1 + math.erf(edge / std / math.sqrt(2))) for edge in edges), 1.0])
    expected = chances * values.size
    used = expected >= 20
    seen = shares(values, grid)[used]
    chi_square = float(((seen - expected[used]) ** 2 / expected[used]).sum())
    freedom = int(used.sum()) - 1
    spread = 2 / (9 * freedom)
    return abs((chi_square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_share_of_every_value(dtype: str) -> None:
    made = pi.normal(std=0.02)(1 << 20, key=11, dtype=dtype).astype(np.float64)
    assert excess(made, resolve(dtype), 0.02) < LIMIT
    # the mutants: a std off by 1 %, ties that go up, and values that are cut off
    exact = pi.normal(std=0.02)(1 << 20, key=11).astype(np.float64)
    off = decode(encode(exact * 1.01, resolve(dtype)), resolve(dtype))
    assert excess(off, resolve(dtype), 0.02) > LIMIT
    grid = patterns(resolve(dtype)).astype(np.float64)
    assert excess(grid[np.searchsorted(grid, exact, "right") - 1], resolve(dtype), 0.02) > LIMIT


def test_what_leaves_the_range_is_refused() -> None:
    curves = (
        pi.log_uniform(1.0, 449.0),
        pi.inverse_softplus(1.0, 449.0),
        pi.log_of_uniform(0.0, 16.0, scale=-40.0),
        pi.log_decay(0.0, 1.0, scale=30.0),
    )
    others = (pi.normal(std=67.0), pi.constant(470.0), pi.uniform(-1.0, 449.0), pi.orthogonal(500.0))
    for recipe in (*curves, *others):
        with pytest.raises(pi.RecipeError, match="float8_e4m3fn holds values up to 448"):
            recipe.plan((3, 3), "float8_e4m3fn")
        recipe.plan((3, 3), "float8_e5m2")
    with pytest.raises(
        pi.RecipeError, match="float8_e4m3fn holds values up to 448; an array of float32 holds 500"
    ):
        pi.pretrained(np.float32([500.0]))(1, key=0, dtype="float8_e4m3fn")
    with pytest.raises(pi.RecipeError, match=r"\[0.0, 0.0001\) holds no value of|needs at least one"):
        pi.uniform(1e-5, 1e-4).plan((3,), "float8_e4m3fn")


def test_bits_without_a_name_are_refused() -> None:
    with pytest.raises(pi.DTypeError, match=r"got uint8. Use .view\(dtype\) .*ml_dtypes.float8_e4m3fn"):
        pi.fill(np.zeros(3, np.uint8), pi.normal(), key=0)
    out = np.zeros(3, np.uint8)
    pi.fill(out.view(ml_dtypes.float8_e5m2), pi.ones(), key=0)
    assert out.tolist() == [0x3C] * 3


def test_pretrained_from_and_to() -> None:
    source = pi.normal()((7, 5), key=0, dtype="float8_e5m2")
    np.testing.assert_array_equal(pi.pretrained(source)((7, 5), key=0), source.astype(np.float32))
    again = pi.pretrained(source)((7, 5), key=0, dtype="float8_e5m2")
    np.testing.assert_array_equal(bits(again), bits(source))
