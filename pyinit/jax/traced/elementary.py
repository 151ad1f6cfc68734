"""ln, sin, cos and the normal quantile by the kernels' polynomials, in operations that JAX traces.

Each backend has its own jnp.log and jnp.cos, with its own error; these are the same sums everywhere. XLA does
not say whether a product is rounded before it is added, while the kernel always fuses the two. So the last
bits are not the kernel's, and results agree within the errors that the tests state. The formulas and their
intervals are described in csrc/rng/elementary.hpp and quantile.hpp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from . import coefficients as c
from .counter import Wide, Words

__all__ = ["circle", "from_wide", "minus_two_log", "polynomial", "quantile_double", "quantile_float"]

Floats = Any
"""An array of float32 or float64, or a tracer of one."""


def polynomial(x: Floats, terms: Sequence[float]) -> Floats:
    """Return terms[0] + terms[1] x + ... by Horner's rule."""
    kind = x.dtype.type
    total = jnp.full_like(x, kind(terms[-1]))
    for term in reversed(terms[:-1]):
        total = total * x + kind(term)
    return total


def from_wide(number: Wide) -> Floats:
    """Return a number of 64 bits as float64, rounded once."""
    low, high = number
    return high.astype(jnp.float64) * np.float64(2.0**32) + low.astype(jnp.float64)


def _minus_two_log_float(x: Floats) -> Floats:
    bits = lax.bitcast_convert_type(x, jnp.uint32)
    exponent = (bits - np.uint32(0x3F400000)) & np.uint32(0xFF800000)
    mantissa = lax.bitcast_convert_type(bits - exponent, jnp.float32)
    g = mantissa * np.float32(-2) + np.float32(2)
    series = g * g * polynomial(g, c.LOG_FLOAT) + g
    e = lax.bitcast_convert_type(exponent, jnp.int32).astype(jnp.float32)
    return e * np.float32(float.fromhex("-0x1.62e43p-23")) + series


def _minus_two_log_double(x: Floats) -> Floats:
    bits = lax.bitcast_convert_type(x, jnp.uint64)
    exponent = (bits - np.uint64(0x3FE6A09E00000000)) & np.uint64(0xFFF0000000000000)
    mantissa = lax.bitcast_convert_type(bits - exponent, jnp.float64)
    f = mantissa - 1
    s = f / (mantissa + 1)
    square = s * s
    ratio = square * polynomial(square, c.LOG_RATIO_DOUBLE)
    half_square = f * f * 0.5
    small = s * (half_square + ratio) - half_square
    e = lax.bitcast_convert_type(exponent, jnp.int64).astype(jnp.float64) * 2.0**-52
    low = e * float.fromhex("0x1.a39ef35793c76p-33") + small
    return (e * float.fromhex("0x1.62e42feep-1") + (f + low)) * -2.0


def minus_two_log(x: Floats) -> Floats:
    """Return -2 ln x, x in [2^-126, 1] in float32, [2^-1022, 1] in float64."""
    return _minus_two_log_float(x) if x.dtype == jnp.float32 else _minus_two_log_double(x)


def circle(draw: Words | Wide, sine: Any) -> Floats:
    """Return sin where `sine` holds, and cos elsewhere, of (draw + 1/2) / 2^N turns.

    A pair of words is a draw of 64 bits. The quarter turn and the rest are taken from the integer, exactly.
    """
    if isinstance(draw, tuple):
        low, top = draw
        rest = from_wide((low << 2, jnp.zeros_like(top)))
        signed = lax.bitcast_convert_type(top << 2 | low >> 30, jnp.int32).astype(jnp.float64)
        rest = signed * np.float64(2.0**32) + rest
        scale, sines, cosines = math.pi / 2 * 2.0**-64, c.SIN_DOUBLE, c.COS_DOUBLE
    else:
        top = draw
        rest = lax.bitcast_convert_type(draw << 2, jnp.int32).astype(jnp.float32)
        scale, sines, cosines = math.pi / 2 * 2.0**-32, c.SIN_FLOAT, c.COS_FLOAT
    kind = rest.dtype.type
    y = rest * kind(scale) + kind(2 * scale)
    square = y * y
    sin = square * y * polynomial(square, sines) + y
    cos = square * polynomial(square, cosines) + kind(1)
    quarter = top + np.uint32(0x20000000)
    odd = (quarter & np.uint32(0x40000000)) != 0
    # a quarter turn makes cos into -sin, and sin into cos
    value = jnp.where(odd == sine, cos, sin)
    negative = ((quarter & np.uint32(0x80000000)) != 0) ^ (odd & ~sine)
    return jnp.where(negative, -value, value)


def _tail_float(omega: Floats) -> Floats:
    root = jnp.sqrt(omega)
    inverse = np.float32(1) / root
    near = polynomial(inverse - np.float32(0.35), c.QUANTILE_TAIL_FLOAT)
    far = polynomial(inverse - np.float32(0.14), c.QUANTILE_FAR_FLOAT)
    return root * jnp.where(omega < np.float32(16), near, far)


_LOG_FOUR = np.float32(float.fromhex("0x1.62e43p+0"))
_LOG_TWO = np.float32(float.fromhex("0x1.62e43p-1"))


def quantile_float(tail: Floats, doubled: Floats, scale: int) -> Floats:
    """Return the magnitude of the normal quantile by Giles' form; see `pyinit.reference.quantile`."""
    if scale:
        shift = np.float32(scale) * _LOG_TWO - _LOG_FOUR
        return _tail_float(minus_two_log(tail) * np.float32(0.5) + shift)
    omega = minus_two_log(tail * (np.float32(1) - tail)) * np.float32(0.5) - _LOG_FOUR
    centre = polynomial(omega, c.QUANTILE_CENTRE_FLOAT)
    outer = _tail_float(jnp.maximum(omega, np.float32(5)))
    return doubled * jnp.where(omega < np.float32(5), centre, outer)


def _ratio(x: Floats, top: Sequence[float], bottom: Sequence[float]) -> Floats:
    return polynomial(x, top) / polynomial(x, bottom)


def quantile_double(tail: Floats, doubled: Floats, scale: int) -> Floats:
    """Return the same in float64, by Wichura's rational functions (AS 241)."""
    root = jnp.sqrt(minus_two_log(tail) * 0.5 + scale * math.log(2))
    near = _ratio(root - 1.6, c.WICHURA_TAIL_TOP, c.WICHURA_TAIL_BOTTOM)
    far = _ratio(root - 5.0, c.WICHURA_FAR_TOP, c.WICHURA_FAR_BOTTOM)
    outer = jnp.where(root < 5.0, near, far)
    if scale:
        return outer
    half = doubled * 0.5
    centre = half * _ratio(0.180625 - half * half, c.WICHURA_CENTRE_TOP, c.WICHURA_CENTRE_BOTTOM)
    return jnp.where(half < 0.425, centre, outer)
