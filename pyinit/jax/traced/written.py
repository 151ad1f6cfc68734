"""Tensors that are written, not drawn, as JAX traces them: without a constant as large as the tensor.

Only a pretrained tensor and HiPPO's small matrix are such constants: they are copied into the program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...stream import patterns, pretrained
from ...stream.dtypes import DType, bits_dtype, encode, resolve
from ...stream.plan import Plan

__all__ = ["WRITTEN", "written"]


def _value(number: float, dtype: DType) -> Any:
    """Return a number as the dtype holds it, an array without axes."""
    return _stored(encode(np.array(number, dtype.compute), dtype), dtype)


def _stored(values: Any, dtype: DType) -> Any:
    return jnp.asarray(values if dtype.bits is None else values.view(jnp.dtype(dtype.name)))


def _along(plan: Plan, axis: int) -> Any:
    return lax.broadcasted_iota(jnp.uint32, plan.shape, axis)


def _constant(plan: Plan, dtype: DType) -> Any:
    return jnp.full(plan.shape, _value(plan.numbers[0], dtype))


def _along_axis(plan: Plan, dtype: DType) -> Any:
    axis, values = plan.numbers
    line = _stored(encode(np.array(values, dtype.compute), dtype), dtype)
    return jnp.broadcast_to(
        line.reshape([-1 if a == axis else 1 for a in range(len(plan.shape))]), plan.shape
    )


def _identity(plan: Plan, dtype: DType) -> Any:
    met = _along(plan, 0) == _along(plan, 1)
    return jnp.where(met, _value(plan.numbers[0], dtype), _value(0.0, dtype))


def _dirac(plan: Plan, dtype: DType) -> Any:
    groups, in_axis, out_axis, batch = plan.numbers
    outputs = max(plan.shape[out_axis] // groups, 1)
    met = _along(plan, out_axis) % np.uint32(outputs) == _along(plan, in_axis)
    for axis, n in enumerate(plan.shape):
        if axis not in (in_axis, out_axis, *batch):
            met &= _along(plan, axis) == np.uint32(n // 2)
    return jnp.where(met, _value(1.0, dtype), _value(0.0, dtype))


def _bilinear(plan: Plan, dtype: DType) -> Any:
    in_axis, out_axis, batch = plan.numbers
    channels: Sequence[int] = (in_axis, out_axis, *batch)
    # every pair of channels has the same filter
    one = tuple(1 if axis in channels else n for axis, n in enumerate(plan.shape))
    out = np.zeros(one, bits_dtype(dtype))
    patterns.bilinear(out, dtype, one, (0,) * len(one), *plan.numbers)
    return jnp.broadcast_to(_stored(out, dtype), plan.shape)


def _pretrained(plan: Plan, dtype: DType) -> Any:
    out = np.zeros(plan.shape, bits_dtype(dtype))
    whole = plan.shape if plan.distribution == "selected" else None
    pretrained.copy(out, dtype, plan.source, (0,) * len(plan.shape), whole)
    return _stored(out, dtype)


def _hippo(plan: Plan, dtype: DType) -> Any:
    out = np.zeros(plan.shape, bits_dtype(dtype))
    patterns.hippo(out, dtype, plan.shape, (0, 0))
    return _stored(out, dtype)


WRITTEN = {
    "constant": _constant,
    "along": _along_axis,
    "identity": _identity,
    "dirac": _dirac,
    "bilinear": _bilinear,
    "hippo": _hippo,
    "pretrained": _pretrained,
    "selected": _pretrained,
}
"""The distributions that need no key."""


def written(plan: Plan) -> Any:
    """Return the whole tensor of a plan that needs no key."""
    if math.prod(plan.shape) == 0:
        return jnp.zeros(plan.shape, plan.dtype)
    return WRITTEN[plan.distribution](plan, resolve(plan.dtype))
