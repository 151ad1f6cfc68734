"""The kernels inside compiled programs: called, and with the bits of the fill."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pytest

import pyinit as pi

jax = pytest.importorskip("jax")
pytest.importorskip("pyinit.jax._xla", reason="built without jaxlib's headers")

import jax.numpy as jnp  # noqa: E402

from pyinit.jax.keys import words  # noqa: E402
from pyinit.jax.traced import ffi  # noqa: E402
from pyinit.jax.traced.traced import draw  # noqa: E402

from ...arrays import bits  # noqa: E402

pytestmark = pytest.mark.interop

KEY = pi.Key(0x123456789ABCDEF0, 2**64 - 3)
RECIPES = [
    pi.uniform(-0.3, 0.7),
    pi.normal(mean=0.5, std=0.02),
    pi.he_normal(),
    pi.truncated_normal(),
    pi.truncated_normal(low=-30.0, high=-7.0),
    pi.log_uniform(0.001, 0.1),
    pi.inverse_softplus(0.001, 3.0),
    pi.log_of_uniform(0.0, 16.0),
    pi.log_decay(0.9, 0.999),
    pi.sparse(0.3),
    pi.sparse(0.3, exact=False),
]


def test_available() -> None:
    assert ffi.available()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_the_bits_of_the_fill(dtype: str) -> None:
    shape = (129, 65)
    with jax.enable_x64(dtype == "float64"):
        each = jax.jit(lambda key: [draw(recipe, key, shape, dtype) for recipe in RECIPES])(words(KEY))
        for recipe, made in zip(RECIPES, each, strict=True):
            np.testing.assert_array_equal(bits(made), bits(recipe(shape, key=KEY, dtype=dtype)), str(recipe))


def test_large_draws_use_tiles_and_threads() -> None:
    made = draw(pi.normal(), words(KEY), (1 << 21, 3))
    np.testing.assert_array_equal(bits(made), bits(pi.normal()((1 << 21, 3), key=KEY)))


def test_compiled_programs_call_the_kernels() -> None:
    text = jax.jit(partial(draw, pi.normal(), shape=(8, 4))).lower(words(KEY)).compile().as_text()
    assert f'custom_call_target="{ffi.TARGET}"' in text


def test_other_platforms_are_traced() -> None:
    exported = jax.export.export(jax.jit(partial(draw, pi.normal(), shape=(8, 4))), platforms=["cuda"])
    assert ffi.TARGET not in exported(words(KEY)).mlir_module()


def test_export() -> None:
    drawn = jax.jit(partial(draw, pi.normal(), shape=(8, 4)))
    with pytest.raises(ValueError, match="Cannot serialize code with custom calls"):
        jax.export.export(drawn)(words(KEY))
    known = [jax.export.DisabledSafetyCheck.custom_call(ffi.TARGET)]
    exported = jax.export.export(drawn, disabled_checks=known)(words(KEY))
    np.testing.assert_array_equal(exported.call(words(KEY)), pi.normal()((8, 4), key=KEY))


def test_scan_and_checkpoint() -> None:
    keys = jnp.stack([words(pi.key(k)) for k in range(3)])
    each = np.stack([pi.normal()((5, 7), key=k) for k in range(3)])
    one = partial(draw, pi.normal(), shape=(5, 7))
    _, made = jax.lax.scan(lambda carry, key: (carry, one(key)), 0, keys)
    np.testing.assert_array_equal(made, each)
    slope = jax.grad(jax.checkpoint(lambda scale: (scale * one(keys[0])).sum()))(1.0)
    np.testing.assert_allclose(slope, each[0].sum(), rtol=1e-5)


@pytest.mark.parametrize("recipe", [RECIPES[0], RECIPES[1], RECIPES[5]], ids=repr)
def test_vmap(recipe: Any) -> None:
    keys = [pi.Key(k, 7 * k) for k in range(6)]
    each = np.stack([recipe((5, 7), key=key) for key in keys]).reshape(2, 3, 5, 7)
    stacked = jnp.stack([words(key) for key in keys]).reshape(2, 3, 4)
    mapped = jax.jit(jax.vmap(jax.vmap(partial(draw, recipe, shape=(5, 7)))))
    np.testing.assert_array_equal(mapped(stacked), each)
    # one call for all keys
    assert mapped.lower(stacked).compile().as_text().count(f'custom_call_target="{ffi.TARGET}"') == 1


@pytest.mark.parametrize("shape", [(), (1,), (3, 0), (2, 3, 1, 5)], ids=str)
def test_shapes(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(draw(pi.normal(), words(KEY), shape), pi.normal()(shape, key=KEY))


def test_elements_beyond_32_bits() -> None:
    whole, start, extent = (2**20, 2**14, 5), (2**20 - 3, 2**14 - 2, 1), (3, 2, 4)
    plan = pi.normal().plan(whole)

    @jax.jit
    def part(key: Any) -> Any:
        return ffi.call(plan, jnp.concatenate([key, key]), jnp.array(start, jnp.uint32), extent)

    kernel = pi.normal()(extent, key=KEY, window=pi.Window(start, whole))
    np.testing.assert_array_equal(part(words(KEY)), kernel)


def test_handler_refuses_what_leaves_the_tensor() -> None:
    plan = pi.normal().plan((4, 4))
    with pytest.raises(Exception, match="the window leaves the tensor"):
        jax.block_until_ready(ffi.call(plan, jnp.zeros(8, jnp.uint32), jnp.array([2, 0], jnp.uint32), (3, 4)))
    integers = jax.ffi.ffi_call(ffi.TARGET, jax.ShapeDtypeStruct((4, 4), jnp.int32))
    with pytest.raises(Exception, match="cannot write this dtype"):
        jax.block_until_ready(integers(jnp.zeros(10, jnp.uint32), **ffi.attributes(plan)))


# A module that cannot be imported, or registered: what a build without headers, or with other ones, is.
WITHOUT = """
import sys, types, warnings
import jax
import numpy as np
import jax.numpy as jnp
import pyinit as pi

sys.modules["pyinit.jax._xla"] = None
from pyinit.jax.traced import ffi
from pyinit.jax.traced.traced import draw

# the first draw comes before a backend of JAX has begun
for module, rows in ((types.SimpleNamespace(fill=lambda: 1), 6), (None, 5)):
    sys.modules["pyinit.jax._xla"] = module
    ffi.available.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = jax.jit(lambda: draw(pi.normal(), jnp.array([7, 0, 0, 0], jnp.uint32), (rows, 7)))()
    assert not ffi.available()
    assert np.abs(made - pi.normal()((rows, 7), key=7)).max() < 2e-6
    print(*(str(each.message) for each in caught if each.category is RuntimeWarning))
"""


def test_without_the_kernels_draws_are_traced() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], check=True, capture_output=True, text=True)
    foreign, missing = done.stdout.splitlines()
    assert missing == ""
    assert foreign.startswith("XLA needs kernels that were built for this jaxlib")
