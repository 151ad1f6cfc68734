"""Initializers that draw nothing, beside JAX's."""

from __future__ import annotations

import math
from typing import Any

import pytest

pytestmark = pytest.mark.interop
jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.nn import initializers as theirs  # noqa: E402

from pyinit.jax import Initializer  # noqa: E402
from pyinit.jax import initializers as ours  # noqa: E402

KEY = jax.random.key(0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool", "complex64"])
def test_constants_of_every_dtype(dtype: str) -> None:
    for name in ("zeros", "ones"):
        made, expected = (getattr(module, name)(None, (2, 3), dtype) for module in (ours, theirs))
        assert made.dtype == expected.dtype
        assert np.array_equal(made, expected)


@pytest.mark.parametrize(
    "value", [-7, 0.1, -0.0, True, math.inf, np.float32(3), [1.0, 2.0, 3.0], 2**24 + 1, 1j]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "complex64"])
def test_constant_is_that_of_jax(value: Any, dtype: str) -> None:
    if (isinstance(value, complex) and dtype != "complex64") or (value == math.inf and dtype == "int32"):
        return
    value = jnp.array(value) if isinstance(value, list) else value
    made, expected = (module.constant(value, dtype)(None, (2, 3)) for module in (ours, theirs))
    assert made.dtype == expected.dtype
    assert np.asarray(made).tobytes() == np.asarray(expected).tobytes()


def test_a_zero_spread_is_a_constant() -> None:
    for init in (ours.uniform(0.0), ours.truncated_normal(0.0), ours.normal(0.0)):
        assert isinstance(init, Initializer)
        assert init(KEY, (3,)).tolist() == [0, 0, 0]
