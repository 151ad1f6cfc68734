"""What surrounds a traced draw does not change it: jit, vmap, its use, the backend, strict promotion."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

import pyinit as pi

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from pyinit.errors import DTypeError, RecipeError, SeedError, ShapeError  # noqa: E402
from pyinit.jax.keys import words  # noqa: E402
from pyinit.jax.traced import traced  # noqa: E402
from pyinit.jax.traced.traced import draw  # noqa: E402

pytestmark = pytest.mark.interop

WRAPPING = pi.Key(0x123456789ABCDEF0, 2**64 - 3)


def test_the_same_bits_with_and_without_jit_and_under_vmap() -> None:
    recipe = pi.normal(mean=0.5, std=0.02)
    keys = [pi.Key(k, 2**64 - 1 - k) for k in range(6)]
    one = partial(draw, recipe, shape=(5, 7))
    each = np.stack([one(words(key)) for key in keys]).reshape(2, 3, 5, 7)
    stacked = jnp.stack([words(key) for key in keys]).reshape(2, 3, 4)
    np.testing.assert_array_equal(jax.vmap(jax.vmap(one))(stacked), each)
    np.testing.assert_array_equal(jax.jit(jax.vmap(jax.vmap(one)))(stacked), each)
    in_ops = partial(traced.traced, recipe.plan((5, 7)))
    compiled = np.stack([jax.jit(in_ops)(words(key)) for key in keys]).reshape(2, 3, 5, 7)
    np.testing.assert_array_equal(jax.jit(jax.vmap(jax.vmap(in_ops)))(stacked), compiled)


def test_what_uses_a_weight_does_not_change_it() -> None:
    plans = [
        pi.normal(mean=0.5, std=0.02).plan((33, 65), dtype) for dtype in ("float32", "bfloat16", "float16")
    ]

    @jax.jit
    def used(key: Any) -> Any:
        # without its last rounding, XLA would subtract something else
        return [traced.traced(plan, key).astype(jnp.float32) - np.float32(0.5) for plan in plans]

    weights = jax.jit(lambda key: [traced.traced(plan, key) for plan in plans])(words(WRAPPING))
    for made, weight in zip(used(words(WRAPPING)), weights, strict=True):
        np.testing.assert_array_equal(made, np.asarray(weight, np.float32) - np.float32(0.5))


# XLA for a CPU that has no fused multiply-add: where each product is rounded before it is added.
UNFUSED = """
import platform
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import pyinit as pi
from pyinit.jax.traced.traced import traced

words = jnp.array([5, 0, 0, 0], jnp.uint32)
uniform, normal, shape = pi.uniform(-0.3, 0.7), pi.normal(), (512, 512)
u, z = jax.jit(lambda key: (traced(uniform.plan(shape), key), traced(normal.plan(shape), key)))(words)
assert np.array_equal(u, uniform(shape, key=5))
error = np.abs(z - normal(shape, key=5))
assert error.max() <= 2e-6
assert error.any() or platform.machine() != "x86_64", "nothing shows that products were rounded"
"""


def test_a_backend_that_fuses_nothing() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, "-c", UNFUSED], env=environment, check=True)


def test_no_callback_into_python() -> None:
    for recipe in (pi.normal(), pi.truncated_normal(), pi.orthogonal(), pi.sparse(0.5), pi.identity()):
        lowered = jax.jit(partial(traced.traced, recipe.plan((8, 8)))).lower(words(WRAPPING)).as_text()
        assert "callback" not in lowered
        assert "pyinit_fill" not in lowered


def test_what_is_written_is_read_anew() -> None:
    key, held = words(WRAPPING), np.zeros((2, 3), np.float32)
    recipe = pi.pretrained(held)
    assert not np.asarray(draw(recipe, key, (2, 3))).any()
    held[:] = 1
    assert np.asarray(draw(recipe, key, (2, 3))).all()
    for zero in (0.0, -0.0):
        signs = np.signbit(np.asarray(draw(pi.constant(zero), key, (2,))))
        assert signs.tolist() == [np.signbit(zero)] * 2


def test_where_arrays_of_different_rank_or_type_may_not_meet() -> None:
    recipes = (pi.uniform(-1, 1), pi.truncated_normal(), pi.orthogonal(), pi.sparse(0.5))
    plans = [recipe.plan((5, 4), "bfloat16") for recipe in recipes]

    def both(key: Any) -> Any:
        return [draw(pi.normal(), key, (5, 4)), *(traced.traced(plan, key) for plan in plans)]

    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        made = jax.eval_shape(jax.vmap(both), jnp.zeros((3, 4), jnp.uint32))
    assert {each.shape for each in made} == {(3, 5, 4)}


def test_gradients_pass_by() -> None:
    total = pi.normal()((5, 8), key=WRAPPING).sum()
    slope = jax.grad(lambda scale: (scale * draw(pi.normal(), words(WRAPPING), (5, 8))).sum())(2.0)
    np.testing.assert_allclose(slope, total, rtol=1e-5)


def test_errors() -> None:
    key = words(WRAPPING)
    with pytest.raises(DTypeError, match=r"float64 needs JAX's 64-bit types, which are off. Set jax.config"):
        draw(pi.normal(), key, (2, 3), "float64")
    with pytest.raises(ShapeError, match=r"axes below 2\*\*32 elements; got shape \(4294967296,\). Split"):
        draw(pi.normal(), key, 2**32)
    with pytest.raises(RecipeError, match=r"a recipe is needed; got 'normal'. Use pyinit.normal\(\)"):
        draw("normal", key, (2, 3))
    with pytest.raises(
        SeedError, match=r"needs a key of 4 words of uint32 .*; got uint32\[2\]. Use jax.vmap"
    ):
        draw(pi.normal(), jnp.zeros(2, jnp.uint32), (2, 3))
    with pytest.raises(SeedError, match=r"got int32\[4\]"):
        draw(pi.normal(), jnp.zeros(4, jnp.int32), (2, 3))
