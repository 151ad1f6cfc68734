"""Few paths lead from the counter of a block to its words, because LLVM may walk them all.

LLVM's loop vectorizer asks of a value, by recursion over its users, whether only its first lane is used. With
JAX 0.11 and 0.12 it walks every path of a program where a square root or a maximum of a draw follows. The
paths are counted in the operations that JAX traces, so that the test can fail with every version.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.interop

import jax.extend.core as jax_core  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from pyinit.jax.traced import counter  # noqa: E402

# Compiling takes 0.2 s with 5000 paths, and 10 to 60 s with 10^8, on one core.
MOST = 10**5
SHAPE = (12, 20)


def of_halves(x: Any, y: Any) -> Any:
    """Return the high word of x y from products of 16-bit halves, which use each word three times."""
    x_low, x_high = x & np.uint32(0xFFFF), x >> np.uint32(16)
    y_low, y_high = y & np.uint32(0xFFFF), y >> np.uint32(16)
    crossed = x_high * y_low + (x_low * y_low >> np.uint32(16))
    middle = x_low * y_high + (crossed & np.uint32(0xFFFF))
    return x_high * y_high + (crossed >> np.uint32(16)) + (middle >> np.uint32(16))


def paths(jaxpr: Any, given: list[int]) -> list[int]:
    """Return the number of paths that lead to each result, from so many that lead to each argument."""
    count = dict(zip(jaxpr.invars, given, strict=True))

    def of(atom: Any) -> int:
        return 1 if hasattr(atom, "val") else count.get(atom, 1)

    for equation in jaxpr.eqns:
        before = [of(atom) for atom in equation.invars]
        inner = equation.params.get("jaxpr")
        if inner is None:
            after = [sum(before)] * len(equation.outvars)
        else:
            after = paths(getattr(inner, "jaxpr", inner), before)
        count.update(zip(equation.outvars, after, strict=True))
    return [of(atom) for atom in jaxpr.outvars]


@pytest.mark.parametrize("name", ["words32", "words64", "pair32", "pair64"])
def test_few_paths_lead_to_a_draw(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def most() -> int:
        index = counter.element_index(SHAPE, (0, 0), SHAPE)
        traced = jax.make_jaxpr(lambda key: getattr(counter, name)(key, index))
        return max(paths(traced(jnp.arange(4, dtype=jnp.uint32)).jaxpr, [1]))

    assert most() < MOST
    monkeypatch.setattr(counter, "high_product", of_halves)
    assert most() > 100 * MOST


def test_a_product_needs_no_64_bit_types() -> None:
    x = jnp.array([0, 7, 0xFFFFFFFF], jnp.uint32)
    assert not jax.config.jax_enable_x64
    for product in (counter.high_product, jax.jit(counter.high_product)):
        made = product(x, x)
        assert made.dtype == jnp.uint32
        assert made.tolist() == [0, 0, 0xFFFFFFFE]
    assert jnp.arange(3).dtype == jnp.int32


def test_a_traced_product_is_computed_elsewhere() -> None:
    x = jnp.array([1, 7, 0xFFFFFFFF], jnp.uint32)
    factor = np.uint32(0xD2511F53)
    wanted = [int(each) * int(factor) >> 32 for each in x.tolist()]

    def product(word: Any) -> Any:
        return counter.high_product(word, factor)

    with jax.enable_x64(True):
        made_there = jax.make_jaxpr(product)(x)
    for traced in (jax.make_jaxpr(product)(x), made_there):
        again = jax_core.jaxpr_as_fun(traced)
        for on in (False, True):
            with jax.enable_x64(on):
                assert again(x)[0].tolist() == wanted
                assert jax.jit(again)(x)[0].tolist() == wanted
                assert jax.vmap(again)(jnp.stack([x, x]))[0].tolist() == [wanted, wanted]
    looped = jax.lax.scan(lambda carry, word: (carry, jax.checkpoint(product)(word)), 0, x)[1]
    assert looped.tolist() == wanted
    with jax.numpy_dtype_promotion("strict"):
        assert jax.jit(product)(x).tolist() == wanted
