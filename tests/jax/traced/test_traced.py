"""Draws under jit equal the fill: bits where the contract says bits, a stated error elsewhere."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit import reference
from pyinit.reference.stream import turn

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from pyinit.jax.keys import words  # noqa: E402
from pyinit.jax.traced import coefficients, counter, rounding, traced  # noqa: E402
from pyinit.jax.traced.draws import box_muller  # noqa: E402
from pyinit.jax.traced.traced import draw  # noqa: E402

from ...arrays import bits  # noqa: E402

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[3]
HALVES = ("bfloat16", "float16")
WRAPPING = pi.Key(0x123456789ABCDEF0, 2**64 - 3)


def in_operations(recipe: Any, key: pi.Key, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """Return the draw as every backend makes it, without the call into the kernels."""
    return np.asarray(jax.jit(partial(traced.traced, recipe.plan(shape, dtype)))(words(key)))


def in_each(recipe: Any, key: pi.Key, shape: tuple[int, ...], dtypes: tuple[str, ...]) -> list[np.ndarray]:
    """Return the same in several dtypes, by one program: compiling is what takes time here."""
    plans = [recipe.plan(shape, dtype) for dtype in dtypes]
    made = jax.jit(lambda words: [traced.traced(plan, words) for plan in plans])(words(key))
    return [np.asarray(each) for each in made]


def filled(recipe: Any, key: pi.Key, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    return recipe(shape, key=key, dtype=dtype)


def test_high_product() -> None:
    edges = np.array([0, 1, 2, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFF0001, 0xFFFFFFFF], np.uint32)
    x, y = np.concatenate(
        [np.meshgrid(edges, edges), np.random.default_rng(0).integers(0, 2**32, (2, 9, 99))], -1
    )
    exact = (x.astype(np.uint64) * y.astype(np.uint64)) >> np.uint64(32)
    high = jax.jit(counter.high_product)(jnp.asarray(x, jnp.uint32), jnp.asarray(y, jnp.uint32))
    np.testing.assert_array_equal(np.asarray(high), exact)


@jax.jit
def _words(key: Any) -> Any:
    index = (jnp.arange(101, dtype=jnp.uint32), jnp.zeros(101, jnp.uint32))
    folded = counter.fold_in(key, (jnp.uint32(5), jnp.uint32(7)))
    return counter.words32(key, index), counter.words64(key, index), folded


@pytest.mark.parametrize("key", [pi.key(0), WRAPPING, pi.Key(2**64 - 1, 2**32 - 2)], ids=str)
def test_words(key: pi.Key) -> None:
    index = np.arange(101, dtype=np.uint64)
    narrow, (low, high), folded = _words(words(key))
    np.testing.assert_array_equal(narrow, reference.words32(key, index))
    wide = np.asarray(high).astype(np.uint64) << np.uint64(32) | np.asarray(low)
    np.testing.assert_array_equal(wide, reference.words64(key, index))
    np.testing.assert_array_equal(folded, words(key.fold_in(5 | 7 << 32)))


@pytest.mark.parametrize(
    ("shape", "start", "extent"),
    [
        ((2**20, 2**14, 5), (2**18, 0, 0), (3, 2, 5)),
        ((2**31, 3), (1431655765, 0), (4, 3)),
        ((2**30, 2**30 - 1), (2**30 - 2, 2**30 - 7), (2, 6)),
        ((2**16, 2**16), (2**16 - 1, 2**16 - 5), (1, 5)),
    ],
    ids=str,
)
def test_elements_beyond_32_bits(
    shape: tuple[int, ...], start: tuple[int, ...], extent: tuple[int, ...]
) -> None:
    index = reference.indices(shape, start, extent)
    recipe = pi.uniform(-0.3, 0.7)
    plan = recipe.plan(shape)

    @jax.jit
    def both(key: Any) -> Any:
        return counter.element_index(shape, start, extent), traced.window(plan, key, start, extent)

    (low, high), made = both(words(WRAPPING))
    found = np.asarray(high).astype(np.uint64) << np.uint64(32) | np.asarray(low)
    np.testing.assert_array_equal(found, index)
    kernel = recipe(extent, key=WRAPPING, window=pi.Window(start, shape))
    np.testing.assert_array_equal(bits(np.asarray(made)), bits(kernel))


@pytest.mark.parametrize("recipe", [pi.uniform(), pi.uniform(-0.3, 0.7)], ids=repr)
def test_uniform_has_the_bits_of_the_fill(recipe: Any) -> None:
    shape = (129, 13, 5)
    for made in in_each(recipe, WRAPPING, shape, ("float32", *HALVES)):
        np.testing.assert_array_equal(bits(made), bits(filled(recipe, WRAPPING, shape, made.dtype.name)))


@pytest.mark.parametrize("shape", [(), (1,), (4099,), (2, 0, 3)], ids=str)
def test_shapes(shape: tuple[int, ...]) -> None:
    made = in_operations(pi.uniform(), WRAPPING, shape)
    assert made.shape == shape
    np.testing.assert_array_equal(made, filled(pi.uniform(), WRAPPING, shape))
    np.testing.assert_array_equal(draw(pi.uniform(), words(WRAPPING), shape), made)


NORMAL_ERROR = 2e-6
"""Absolute, for std 1: what the design states."""


def test_error_of_a_million_normals() -> None:
    for key in (pi.key(0), WRAPPING):
        z = in_operations(pi.normal(), key, (1024, 1025)).astype(np.float64)
        assert np.abs(z - filled(pi.normal(), key, z.shape)).max() <= NORMAL_ERROR
        exact = reference.standard_normal(key, np.arange(z.size, dtype=np.uint64), "float32")
        assert np.abs(z.ravel() - exact).max() <= NORMAL_ERROR


def test_error_of_normals_where_the_transform_is_delicate() -> None:
    edges = [0, 1, 2, 3, 255, 256, 257, 2**24, 2**32 - 1, 2**32 - 2, 2**32 - 128, 2**32 - 129, 2**32 - 2**20]
    edges += [k * 2**29 + d for k in range(1, 8) for d in (-2, -1, 0, 1)]
    even, odd = (a.ravel().astype(np.uint64) for a in np.meshgrid(edges, edges))
    u = ((even.astype(np.float32) * np.float32(2**-32)) + np.float32(2**-33)).astype(np.float64)
    radius = np.sqrt(np.abs(2 * np.log(u)))
    made = jax.jit(box_muller)
    for is_odd, exact in enumerate(turn(odd, 32)):
        z = made(jnp.asarray(even, jnp.uint32), jnp.asarray(odd, jnp.uint32), jnp.bool_(is_odd))
        # near a zero of the cosine the error is relative
        np.testing.assert_allclose(z, radius * exact, rtol=1e-6, atol=0)


def test_normal_with_mean_and_std() -> None:
    recipe, shape = pi.normal(mean=0.5, std=0.02), (129, 65)
    # a last place of the compute dtype may decide a rounding
    steps = {"float32": 0.0, "bfloat16": 2.0**-8, "float16": 2.0**-11}
    for made in in_each(recipe, WRAPPING, shape, tuple(steps)):
        kernel = filled(recipe, WRAPPING, shape, made.dtype.name)
        error = np.abs(made.astype(np.float64) - kernel.astype(np.float64))
        assert error.max() <= NORMAL_ERROR * 0.02 + 2.0**-24 + steps[made.dtype.name]
        assert (error > NORMAL_ERROR).mean() < 1e-3


TRUNCATED_ERROR = 6e-7
"""Relative to the value, or to 1 std where it is smaller."""


@pytest.mark.parametrize(
    ("low", "high"), [(-2.0, 2.0), (-0.5, 3.0), (4.0, 7.0), (-30.0, -7.0), (-float("inf"), float("inf"))]
)
def test_error_of_truncated_normals(low: float, high: float) -> None:
    recipe, shape = pi.truncated_normal(low=low, high=high), (1024, 257)
    made, kernel = (each(recipe, WRAPPING, shape).astype(np.float64) for each in (in_operations, filled))
    assert (np.abs(made - kernel) / np.maximum(np.abs(kernel), 1)).max() <= TRUNCATED_ERROR
    lowest, highest = recipe.plan(shape).bounds
    assert lowest <= made.min() <= made.max() <= highest


CURVE_ERROR = 4
"""Units in the last place of the larger of the value and 1, or of the value for `log_uniform`."""


@pytest.mark.parametrize(
    "recipe",
    [
        pi.log_uniform(0.001, 0.1),
        pi.log_uniform(1e-30, 1e30),
        pi.inverse_softplus(0.001, 0.1),
        pi.inverse_softplus(1e-20, 1e30),
        pi.log_of_uniform(0.0, 16.0),
        pi.log_decay(0.0, 1.0),
    ],
    ids=repr,
)
def test_error_of_functions_of_a_uniform(recipe: Any) -> None:
    shape = (257, 129)
    for dtype, unit in (("float32", 2.0**-23), ("float64", 2.0**-52)):
        with jax.enable_x64(dtype == "float64"):
            made, kernel = (each(recipe, WRAPPING, shape, dtype) for each in (in_operations, filled))
        wide = kernel.astype(np.float64)
        size = np.abs(wide) if recipe.verb == "log_uniform" else np.maximum(np.abs(wide), 1)
        assert (np.abs(made.astype(np.float64) - wide) / size).max() <= CURVE_ERROR * unit
        lowest, highest = recipe.plan(shape, dtype).bounds
        assert lowest <= made.min() <= made.max() <= highest


def test_blocks_that_share_a_stream_share_it_when_traced() -> None:
    made = np.asarray(draw(pi.chrono(784), words(WRAPPING), (512,)))
    np.testing.assert_array_equal(bits(made), bits(filled(pi.chrono(784), WRAPPING, (512,))))


@pytest.mark.parametrize("exact", [True, False])
def test_sparse(exact: bool) -> None:
    recipe = pi.sparse(0.3, std=1.0, exact=exact)
    made, kernel = (each(recipe, WRAPPING, (130, 67)) for each in (in_operations, filled))
    np.testing.assert_array_equal(made == 0, kernel == 0)
    assert np.abs(made - kernel).max() <= NORMAL_ERROR
    assert not in_operations(pi.sparse(1.0, exact=exact), WRAPPING, (5, 7)).any()


ORTHOGONAL_ERROR = 1.5e-6
"""Of an element, for gain 1; 7e-7 is seen up to 1024 reflectors."""


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.orthogonal(), (200, 200)),
        (pi.orthogonal(gain=1.5), (65, 33)),
        (pi.orthogonal(), (1, 1)),
        (pi.orthogonal(layout="torch", batch_axis=1), (8, 3, 5, 2)),
        (pi.orthogonal(layout="keras"), (3, 2, 5, 8)),
        (pi.delta_orthogonal(), (3, 3, 5, 8)),
    ],
    ids=str,
)
def test_orthogonal_is_the_kernels_matrix(recipe: Any, shape: tuple[int, ...]) -> None:
    made, kernel = (each(recipe, WRAPPING, shape) for each in (in_operations, filled))
    np.testing.assert_array_equal(made == 0, kernel == 0)
    assert np.abs(made - kernel).max() <= ORTHOGONAL_ERROR * recipe.gain


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (pi.constant(0.1), (3, 5)),
        (pi.constant(-0.0), (2,)),
        (pi.identity(0.3), (5, 3)),
        (pi.dirac(groups=2, layout="torch"), (6, 2, 4, 3)),
        (pi.dirac(), (3, 2, 4)),
        (pi.bilinear(layout="torch"), (2, 3, 4, 5)),
        (pi.pretrained(np.linspace(0, 1, 6).reshape(2, 3)), (2, 3)),
        (pi.zeros(), (0, 3)),
    ],
    ids=lambda value: value.verb if hasattr(value, "verb") else str(value),
)
def test_what_is_not_drawn(recipe: Any, shape: tuple[int, ...]) -> None:
    for made in in_each(recipe, WRAPPING, shape, ("float32", *HALVES)):
        np.testing.assert_array_equal(bits(made), bits(filled(recipe, WRAPPING, shape, made.dtype.name)))


def test_float64() -> None:
    key, shape = WRAPPING, (129, 65)
    with jax.enable_x64(True):
        for recipe in (pi.uniform(-0.3, 0.7), pi.constant(0.1)):
            made = in_operations(recipe, key, shape, "float64")
            np.testing.assert_array_equal(bits(made), bits(filled(recipe, key, shape, "float64")))
        far = pi.truncated_normal(low=20.0, high=30.0)
        for recipe in (pi.normal(), pi.truncated_normal(), far, pi.orthogonal()):
            made, kernel = (each(recipe, key, shape, "float64") for each in (in_operations, filled))
            np.testing.assert_allclose(made, kernel, rtol=1e-14, atol=1e-14)


def test_rounding_to_float16_is_numpys() -> None:
    edges = np.arange(0, 0x47800000, 4093, dtype=np.uint32)
    ties = (
        np.arange(0, 0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32).view(np.uint32)
    ) + 0x1000
    sizes = np.concatenate([edges, ties]).view(np.float32)
    values = np.concatenate([sizes, -sizes, np.float32(2.0**-25) * np.arange(4096, dtype=np.float32)])
    values = values[np.abs(values) < 65520]
    made = rounding.narrow(jnp.asarray(values), pi.stream.dtypes.FLOAT16)
    np.testing.assert_array_equal(bits(np.asarray(made)), bits(values.astype(np.float16)))


def test_moments_and_a_mutant() -> None:
    # 2^20 draws: errors beyond 7 of these standard deviations are found (mean 0.0068, variance 0.0097)
    def excess(z: np.ndarray) -> float:
        n = z.size
        return float(max(abs(z.mean()) * np.sqrt(n), abs(z.var() - 1) * np.sqrt(n / 2)))

    z = in_operations(pi.normal(), pi.key(11), (1024, 1024)).astype(np.float64)
    assert excess(z) < 5
    assert excess(z * 1.01) > 5
    assert excess(z + 0.01) > 5


def test_neighbours_are_independent_and_a_mutant() -> None:
    # 2^20 draws: a correlation of 0.0068 is found
    z = in_operations(pi.normal(), pi.key(12), (1024, 1024)).astype(np.float64).ravel()

    def excess(z: np.ndarray) -> float:
        lags = (1, 2, 3, 4, 1024)
        return max(abs(np.mean(z[:-lag] * z[lag:])) * np.sqrt(z.size) for lag in lags)

    assert excess(z) < 5
    assert excess(z + 0.02 * np.roll(z, 4)) > 5


def test_coefficients_are_the_kernels() -> None:
    text = "".join((ROOT / "csrc" / "rng" / name).read_text() for name in ("coefficients.hpp", "wichura.hpp"))
    found = {}
    for kind, name, numbers in re.findall(r"constexpr (float|double) k(\w+)\[\] = \{([^}]*)\}", text):
        values = [number.strip().rstrip("F" if kind == "float" else "") for number in numbers.split(",")]
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
        found[snake] = tuple(float.fromhex(v) if "x" in v else float(v) for v in values if v)
    assert found == {name: getattr(coefficients, name) for name in coefficients.__all__}
