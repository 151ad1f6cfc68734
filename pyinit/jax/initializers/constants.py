"""Initializers that draw nothing: every key gives the same array."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...recipes.distributions import Constant
from ...stream.dtypes import FORMATS
from ...stream.key import Key
from ...stream.window import Shape
from ..arrays import concrete, filled
from ..initializer import Initializer, canonical, constrained, is_traced, static_shape

__all__ = ["constant", "ones", "zeros"]


def zeros(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
    """Return an array of zeros; the key is ignored.

    Parameters
    ----------
    key : object
        Ignored.
    shape : sequence of int
        Shape of the array.
    dtype : dtype, optional
        Any dtype of JAX; by default its float.
    out_sharding : jax.sharding.Sharding or PartitionSpec, optional
        Where the array lies.

    Returns
    -------
    jax.Array
        Has `shape` and `dtype`.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> initializers.zeros(None, (2,), "int32")
    Array([0, 0], dtype=int32)
    """
    return constant(0)(key, shape, dtype, out_sharding)


def ones(key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
    """Return an array of ones; the key is ignored.

    Parameters
    ----------
    key, shape, dtype, out_sharding
        See `zeros`.

    Returns
    -------
    jax.Array
        Has `shape` and `dtype`.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> initializers.ones(None, (3,), "bfloat16")
    Array([1, 1, 1], dtype=bfloat16)
    """
    return constant(1)(key, shape, dtype, out_sharding)


def constant(value: Any, dtype: Any = None) -> Callable[..., jax.Array]:
    """Return an initializer of arrays that hold one value, whatever the key.

    Parameters
    ----------
    value : scalar or array
        An array is broadcast to the shape.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> initializers.constant(-7)(None, (3,))
    Array([-7., -7., -7.], dtype=float32)
    """
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and float(value) == value:
        return _Number(Constant(value), dtype)

    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> jax.Array:
        return _spread(value, static_shape(shape), canonical(dtype), out_sharding)

    return init


@dataclass(frozen=True, repr=False)
class _Number(Initializer):
    """One number, in any dtype that JAX has."""

    recipe: Constant

    def __call__(self, key: Any, shape: Any, dtype: Any = None, out_sharding: Any = None) -> jax.Array:
        resolved, extent = canonical(self.dtype if dtype is None else dtype), static_shape(shape)
        if resolved.name in FORMATS:
            self.planned(extent, resolved)
            if not is_traced(None):
                return super().__call__(Key(0), extent, resolved, out_sharding)
        return _spread(self.recipe.value, extent, resolved, out_sharding)


def _spread(value: Any, shape: Shape, dtype: np.dtype[Any], out_sharding: Any) -> jax.Array:
    """Return an array that holds a value, or an array of them, broadcast."""
    if is_traced(value):
        return constrained(jnp.full(shape, value, dtype), out_sharding)
    values = np.broadcast_to(np.asarray(value).astype(dtype), shape)

    def write(out: Any, start: Shape) -> None:
        out[...] = values[tuple(slice(first, first + n) for first, n in zip(start, out.shape, strict=True))]

    return filled(shape, dtype, write, concrete(out_sharding, "out_sharding"))
