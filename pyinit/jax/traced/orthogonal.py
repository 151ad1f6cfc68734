"""Orthonormal lines from the reflectors that the kernels draw, as JAX traces them.

Q = H_1 H_2 ... H_n D of the same drawn vectors: the same matrix as the kernel's up to rounding. The product
is `jax.lax.linalg.householder_product`, which each backend has; it is not divided among devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...stream.dtypes import DType, resolve
from ...stream.flattening import Flattening
from ...stream.plan import Plan
from ...stream.window import Shape
from .counter import Words, element_index, fold_in
from .draws import normal
from .elementary import Floats

__all__ = ["WHOLE"]


def _standard(key: Words, shape: Shape, dtype: DType) -> Any:
    """Return the numbers that the vectors are made of."""
    whole = (*shape, 2) if dtype.is_complex else shape
    standard = Plan("normal", whole, dtype.compute, numbers=(0.0, 1.0))
    x = normal(standard, key, element_index(whole, (0,) * len(whole), whole))
    return lax.complex(x[..., 0], x[..., 1]) if dtype.is_complex else x


def _lines(key: Words, length: int, count: int, dtype: DType) -> Any:
    """Return `count` orthonormal columns of `length` numbers; vector k is x_k = x[k:, k]."""
    x = jnp.tril(_standard(key, (length, count), dtype))
    first = jnp.diagonal(x)
    if dtype.is_complex:
        size = jnp.abs(first)
        sign = jnp.where(size == 0, 1, first / jnp.where(size == 0, 1, size))
        squares = jnp.sum(x.real * x.real + x.imag * x.imag, axis=0)
    else:
        sign = jnp.where(first < 0, -1, 1).astype(x.dtype)
        squares = jnp.sum(x * x, axis=0)
    norm = jnp.sqrt(squares)
    # v = x_k + sign |x_k| e_k, scaled to begin with 1; v'v = 2 |x_k| (|x_k| + |x_kk|)
    head = first + sign * norm
    tau = jnp.abs(head) / norm
    turned = -sign
    if length == count:
        # a vector of one number reflects nothing, and its sign is that of the line
        tau = tau.at[-1].set(0)
        turned = turned.at[-1].multiply(-1)
    return jax.lax.linalg.householder_product(x / head[None], tau.astype(x.dtype)) * turned[None]


def _matrix(key: Words, rows: int, columns: int, gain: float, dtype: DType) -> Any:
    lines = _lines(key, max(rows, columns), min(rows, columns), dtype)
    return (lines if rows >= columns else lines.T) * np.dtype(dtype.compute).type(gain)


def _orthogonal(plan: Plan, key: Words) -> Floats:
    """Return the whole tensor: a matrix, or a stack of them, each under its own key."""
    gain, out_axis, stack = plan.numbers
    shape, dtype = plan.shape, resolve(plan.dtype)
    others = tuple(axis for axis in range(len(shape)) if axis != out_axis and axis not in stack)
    rows, columns = Flattening(others, (out_axis,), stack).size(shape)
    if stack:
        members = tuple(shape[axis] for axis in stack)
        number = jnp.arange(math.prod(members), dtype=jnp.uint32)
        keys = fold_in(key, (number, jnp.zeros_like(number)))
        matrices = jax.vmap(lambda each: _matrix(each, rows, columns, gain, dtype))(keys)
    else:
        members = ()
        matrices = _matrix(key, rows, columns, gain, dtype)
    order = (*stack, *others, out_axis)
    ordered = matrices.reshape(*members, *(shape[axis] for axis in others), columns)
    return jnp.transpose(ordered, [order.index(axis) for axis in range(len(shape))])


def _delta_orthogonal(plan: Plan, key: Words) -> Floats:
    """Return the whole kernel, which is zero except at its centre."""
    gain, in_axis, out_axis = plan.numbers
    shape, dtype = plan.shape, resolve(plan.dtype)
    matrix = _matrix(key, shape[in_axis], shape[out_axis], gain, dtype)
    at: list[Any] = [(n - 1) // 2 for n in shape]
    at[in_axis] = at[out_axis] = slice(None)
    plane = matrix if in_axis < out_axis else matrix.T
    return jnp.zeros(shape, matrix.dtype).at[tuple(at)].set(plane)


WHOLE: dict[str, Callable[[Plan, Words], Floats]] = {
    "orthogonal": _orthogonal,
    "delta_orthogonal": _delta_orthogonal,
}
"""The distributions that are drawn as a whole."""
