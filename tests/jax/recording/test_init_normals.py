"""Normal draws of jax.nn.initializers: the numbers are the same where JAX 0.12 traces them as operations."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import pyinit as pi

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.interop

import jax.numpy as jnp  # noqa: E402

from pyinit.jax import init  # noqa: E402
from pyinit.jax.recording import normals  # noqa: E402

KEY = jax.random.key(0)
SHAPE = (64, 48)


def as_of_jax_0_12(key: Any, scale: Any = 0.5, dtype: Any = jnp.float32) -> Any:
    """Draw as the initializers of JAX 0.12 do."""
    low = np.nextafter(np.array(-1, dtype), np.array(0, dtype), dtype=dtype)
    u = jax.random.uniform(key, SHAPE, dtype, low, np.array(1, dtype))
    return (jnp.array(np.sqrt(2), dtype) * jnp.array(scale, dtype)) * jax.lax.erf_inv(u)


def drawn(std: float, dtype: str = "float32") -> Any:
    return pi.normal(std=std)(SHAPE, key=pi.key(7).fold_in("w"), dtype=dtype)


def made(draw: Callable[[Any], Any]) -> Any:
    return np.asarray(init(lambda key: {"w": draw(key)}, KEY, key=7)["w"])


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the function above for one of JAX's own."""
    monkeypatch.setattr(normals, "_initializers", lambda: frozenset({as_of_jax_0_12.__code__}))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("std", [0.5, 0.25])
def test_initializers_draw_what_normal_draws(std: float, dtype: str) -> None:
    normal = jax.nn.initializers.normal(std)
    np.testing.assert_array_equal(made(lambda key: normal(key, SHAPE, dtype)), drawn(std, dtype))
    scaling = jax.nn.initializers.variance_scaling(64 * std**2, "fan_in", "normal")
    np.testing.assert_array_equal(made(lambda key: scaling(key, SHAPE, dtype)), drawn(std, dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_operations_of_an_initializer(dtype: str, known: None) -> None:
    found = made(lambda key: as_of_jax_0_12(key, 0.25, jnp.dtype(dtype)))
    np.testing.assert_array_equal(found, drawn(0.25, dtype))


def test_stacked_operations_of_an_initializer(known: None) -> None:
    found = made(lambda key: jax.vmap(as_of_jax_0_12)(jax.random.split(key, 3)))
    expected = pi.normal(std=0.5)((3, *SHAPE), key=pi.key(7).fold_in("w"))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(), (48,), (1, 48), (64, 1), SHAPE])
def test_a_scale_may_be_an_array(shape: tuple[int, ...], known: None) -> None:
    scale = np.linspace(0.5, 2, math.prod(shape), dtype=np.float32).reshape(shape)
    expected = drawn(1.0) * scale
    normal = jax.nn.initializers.normal(scale)
    np.testing.assert_allclose(made(lambda key: as_of_jax_0_12(key, scale)), expected, rtol=2e-7)
    np.testing.assert_allclose(made(lambda key: normal(key, SHAPE)), expected, rtol=2e-7)


def test_the_same_operations_elsewhere_are_computed() -> None:
    # the uniform draw is pyinit's, and what is made of it is XLA's
    u = pi.uniform(-1, 1)(SHAPE, key=pi.key(7).fold_in("w"))
    expected = np.sqrt(0.5) * np.asarray(jax.lax.erf_inv(jnp.asarray(u)))
    inside = np.abs(u) < 0.999
    np.testing.assert_allclose(made(as_of_jax_0_12)[inside], expected[inside], rtol=1e-4, atol=1e-6)


def test_without_tracebacks_they_cannot_be_told() -> None:
    equation = SimpleNamespace(source_info=SimpleNamespace(traceback=None))
    with pytest.raises(pi.RecipeError, match=r"only with JAX's tracebacks\. Leave the tracebacks on"):
        normals._is_from_an_initializer(equation)
