"""One draw inside a compiled program: traced, by the kernels, and by `jax.random`, in turns.

The ratio is the median of jax.random's seconds over ours; compiling is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import pyinit as pi

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from pyinit.jax.traced import ffi  # noqa: E402
from pyinit.jax.traced.traced import draw, traced  # noqa: E402

ROUNDS = 7
COLUMNS = 1024

RIVALS: dict[str, Callable[..., Any]] = {
    "uniform": jax.random.uniform,
    "normal": jax.random.normal,
    "truncated_normal": lambda key, shape, dtype: jax.random.truncated_normal(key, -2.0, 2.0, shape, dtype),
}
RECIPES = {"uniform": pi.uniform(), "normal": pi.normal(), "truncated_normal": pi.truncated_normal()}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("distribution", RIVALS)
@pytest.mark.parametrize("way", ["traced", "kernels"])
def test_jax_traced(
    request: pytest.FixtureRequest, benchmark: BenchmarkFixture, way: str, distribution: str, dtype: str
) -> None:
    if way == "kernels" and not ffi.available():
        pytest.skip("built without jaxlib's headers")
    shape = (max(1, request.config.getoption("--elements") // COLUMNS), COLUMNS)
    recipe = RECIPES[distribution]
    mine = jax.jit(partial(draw, recipe, shape=shape, dtype=dtype))
    if way == "traced":
        mine = jax.jit(partial(traced, recipe.plan(shape, dtype)))
    theirs = jax.jit(partial(RIVALS[distribution], shape=shape, dtype=jnp.dtype(dtype)))
    words, key = jnp.array([7, 0, 0, 0], jnp.uint32), jax.random.key(7)

    made = np.asarray(mine(words)).astype(np.float32)
    assert np.abs(made - recipe(shape, key=7, dtype=dtype).astype(np.float32)).max() < 2e-2
    assert abs(np.asarray(theirs(key)).astype(np.float32).std() / made.std() - 1) < 0.02
    seconds = []

    def rival() -> None:
        begun = time.perf_counter()
        jax.block_until_ready(theirs(key))
        seconds.append(time.perf_counter() - begun)

    benchmark.group = f"{distribution} {dtype} in a compiled program"
    benchmark.pedantic(lambda: jax.block_until_ready(mine(words)), setup=rival, rounds=ROUNDS)
    benchmark.extra_info.update(
        elements=made.size, ratio=float(np.median(seconds)) / benchmark.stats["median"]
    )
