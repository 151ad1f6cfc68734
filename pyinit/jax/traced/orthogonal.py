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

from ...stream.dtypes import resolve
from ...stream.flattening import Flattening
from ...stream.plan import Plan
from .counter import Words, element_index, fold_in
from .draws import normal
from .elementary import Floats

__all__ = ["WHOLE"]


def _lines(key: Words, length: int, count: int, compute: str) -> Floats:
    """Return `count` orthonormal columns of `length` numbers; vector k is x_k = x[k:, k]."""
    shape = (length, count)
    standard = Plan("normal", shape, compute, numbers=(0.0, 1.0))
    x = jnp.tril(normal(standard, key, element_index(shape, (0, 0), shape)))
    first = jnp.diagonal(x)
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
    return jax.lax.linalg.householder_product(x / head[None], tau) * turned[None]


def _matrix(key: Words, rows: int, columns: int, gain: float, compute: str) -> Floats:
    lines = _lines(key, max(rows, columns), min(rows, columns), compute)
    return (lines if rows >= columns else lines.T) * np.dtype(compute).type(gain)


def _orthogonal(plan: Plan, key: Words) -> Floats:
    """Return the whole tensor: a matrix, or a stack of them, each under its own key."""
    gain, out_axis, stack = plan.numbers
    shape, compute = plan.shape, resolve(plan.dtype).compute
    others = tuple(axis for axis in range(len(shape)) if axis != out_axis and axis not in stack)
    rows, columns = Flattening(others, (out_axis,), stack).size(shape)
    if stack:
        members = tuple(shape[axis] for axis in stack)
        number = jnp.arange(math.prod(members), dtype=jnp.uint32)
        keys = fold_in(key, (number, jnp.zeros_like(number)))
        matrices = jax.vmap(lambda each: _matrix(each, rows, columns, gain, compute))(keys)
    else:
        members = ()
        matrices = _matrix(key, rows, columns, gain, compute)
    order = (*stack, *others, out_axis)
    ordered = matrices.reshape(*members, *(shape[axis] for axis in others), columns)
    return jnp.transpose(ordered, [order.index(axis) for axis in range(len(shape))])


def _delta_orthogonal(plan: Plan, key: Words) -> Floats:
    """Return the whole kernel, which is zero except at its centre."""
    gain, in_axis, out_axis = plan.numbers
    shape, compute = plan.shape, resolve(plan.dtype).compute
    matrix = _matrix(key, shape[in_axis], shape[out_axis], gain, compute)
    at: list[Any] = [(n - 1) // 2 for n in shape]
    at[in_axis] = at[out_axis] = slice(None)
    plane = matrix if in_axis < out_axis else matrix.T
    return jnp.zeros(shape, matrix.dtype).at[tuple(at)].set(plane)


WHOLE: dict[str, Callable[[Plan, Words], Floats]] = {
    "orthogonal": _orthogonal,
    "delta_orthogonal": _delta_orthogonal,
}
"""The distributions that are drawn as a whole."""
