"""A Flax transformer's parameters: `init`, and `init_tree`, beside ``jax.jit(init)`` with its compilation.

``pytest benchmarks/jax/test_init_tree.py --elements 2^30`` has 1.07 billion parameters, in 20 layers.
"""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

jax = pytest.importorskip("jax")
linen = pytest.importorskip("flax.linen")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from pyinit.jax import init, init_tree  # noqa: E402

LAYERS = 20
# compiling alone takes seconds
ROUNDS = 1


class Block(linen.Module):
    """A layer of GPT: 12 width^2 parameters."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        y = linen.LayerNorm(param_dtype=x.dtype)(x)
        x += linen.MultiHeadDotProductAttention(16, param_dtype=x.dtype)(y)
        y = linen.LayerNorm(param_dtype=x.dtype)(x)
        y = linen.Dense(4 * x.shape[-1], param_dtype=x.dtype)(y)
        return x + linen.Dense(x.shape[-1], param_dtype=x.dtype)(linen.gelu(y))


class Transformer(linen.Module):
    """An embedding of 16 width^2 parameters, and layers."""

    width: int
    dtype: Any

    @linen.compact
    def __call__(self, tokens: Any) -> Any:
        x = linen.Embed(16 * self.width, self.width, param_dtype=self.dtype, dtype=self.dtype)(tokens)
        for _ in range(LAYERS):
            x = Block()(x)
        return x


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("way", ["init", "init_tree"])
def test_init(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, way: str, dtype: str) -> None:
    elements = request.config.getoption("--elements")
    width = max(16, round(math.sqrt(elements / (16 + 12 * LAYERS)) / 16) * 16)
    model, tokens = Transformer(width, jnp.dtype(dtype)), np.zeros((1, 1), np.int32)
    abstract = jax.eval_shape(model.init, jax.random.key(0), tokens)

    def compiled() -> Any:
        jax.clear_caches()
        return jax.block_until_ready(jax.jit(model.init)(jax.random.key(0), tokens))

    def eager() -> Any:
        if way == "init":
            return jax.block_until_ready(init(model.init, jax.random.key(0), tokens, key=0))
        return jax.block_until_ready(init_tree(abstract, key=0))

    check(eager(), compiled())
    theirs = []

    def rival() -> None:
        begun = time.perf_counter()
        compiled()
        theirs.append(time.perf_counter() - begun)

    benchmark.group = f"{way} {dtype}"
    benchmark.pedantic(eager, setup=rival, rounds=ROUNDS)
    benchmark.extra_info.update(
        parameters=sum(leaf.size for leaf in jax.tree.leaves(abstract)),
        jit_seconds=theirs,
        ratio=float(np.median(theirs)) / benchmark.stats["median"],
    )


def check(mine: Any, peer: Any) -> None:
    """Assert that both have the same tree, and every leaf the same moments."""
    assert jax.tree.structure(mine) == jax.tree.structure(peer)
    for (path, made), other in zip(jax.tree.leaves_with_path(mine), jax.tree.leaves(peer), strict=True):
        name = jax.tree_util.keystr(path)
        assert (made.shape, made.dtype) == (other.shape, other.dtype), name
        # as much of a leaf as tells its std to a percent
        some, others = (np.asarray(leaf).reshape(-1)[: 1 << 18].astype(np.float64) for leaf in (made, other))
        if others.std() == 0:
            assert np.array_equal(some, others), name
        else:
            # jax's draws in bfloat16 are off by up to 1 %
            assert abs(some.std() / others.std() - 1) < 6 / math.sqrt(some.size) + 0.02, name
