"""Scaling and rounding that a compiler cannot change: the last steps of a draw, for any consumer.

XLA may fuse a product with a sum into one rounding, joins the constants of two sums, and by default drops a
conversion to a narrow type that is followed by one back. A weight would then depend on how it is used.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...stream.dtypes import DType
from .elementary import Floats

__all__ = ["affine", "narrow"]

# No standard normal is larger, not even in the farthest tail that may be drawn.
_REACH = 64.0


def affine(values: Floats, scale: float, shift: float) -> Floats:
    """Return values scale + shift, each operation rounded once; |values| <= 64."""
    kind = values.dtype.type
    with np.errstate(over="ignore"):
        most = np.abs(kind(scale)) * kind(_REACH)
        farthest = most + np.abs(kind(shift))
    # a clamp that changes no value: the product before it is rounded, and never fused or cancelled
    scaled = jnp.clip(values * kind(scale), -most, most)
    return jnp.clip(scaled + kind(shift), -farthest, farthest) if shift else scaled


def _bfloat16(values: Floats) -> Any:
    bits = lax.bitcast_convert_type(values, jnp.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> 16 & np.uint32(1))) >> 16
    return lax.bitcast_convert_type(rounded.astype(jnp.uint16), jnp.bfloat16)


def _float16(values: Floats) -> Any:
    bits = lax.bitcast_convert_type(values, jnp.uint32)
    sign = bits >> 16 & np.uint32(0x8000)
    size = bits & np.uint32(0x7FFFFFFF)
    normal = (size + np.uint32(0xC8000FFF) + (size >> 13 & np.uint32(1))) >> 13
    # the sum with 1/2 ends at 2^-24, the quantum of subnormal halves
    shifted = lax.bitcast_convert_type(size, jnp.float32) + np.float32(0.5)
    subnormal = lax.bitcast_convert_type(shifted, jnp.uint32) - np.uint32(0x3F000000)
    half = sign | jnp.where(size < np.uint32(0x38800000), subnormal, normal)
    return lax.bitcast_convert_type(half.astype(jnp.uint16), jnp.float16)


def _float8(values: Floats, dtype: DType) -> Any:
    # as csrc/rng/float8.hpp, which tells why; no plan reaches what is too large
    dropped, bias = 24 - dtype.digits, 2 - dtype.digits - dtype.quantum
    bits = lax.bitcast_convert_type(values, jnp.uint32)
    size = bits & np.uint32(0x7FFFFFFF)
    rebiased = size - np.uint32(127 - bias << 23)
    normal = (rebiased + np.uint32((1 << dropped - 1) - 1) + (rebiased >> dropped & np.uint32(1))) >> dropped
    adding = np.uint32(150 + dtype.quantum << 23)
    shifted = lax.bitcast_convert_type(size, jnp.float32) + adding.view(np.float32)
    subnormal = lax.bitcast_convert_type(shifted, jnp.uint32) - adding
    rounded = jnp.where(size < np.uint32(128 - bias << 23), subnormal, normal) | bits >> 24 & np.uint32(0x80)
    return lax.bitcast_convert_type(rounded.astype(jnp.uint8), jnp.dtype(dtype.name))


def narrow(values: Floats, dtype: DType) -> Any:
    """Round float32 values once, to nearest even, into a dtype whose range holds them."""
    if dtype.name == "bfloat16":
        return _bfloat16(values)
    if dtype.itemsize == 1:
        return _float8(values, dtype)
    return _float16(values) if dtype.name == "float16" else values
