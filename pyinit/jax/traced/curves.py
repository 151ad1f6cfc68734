"""Functions of a uniform draw as JAX traces them: log-uniform, its inverse softplus, logarithms.

The formulas are those of csrc/rng/power.hpp and curves.hpp. Where the kernel fuses a product with a sum, the
factors are cut here so that the large product is exact: it does not matter then whether XLA fuses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...stream.plan import Plan
from . import coefficients as c
from .counter import Wide, Words, words32, words64
from .elementary import Floats, from_wide, minus_two_log, polynomial
from .rounding import affine

__all__ = ["CURVES"]


class _Draw(NamedTuple):
    """u in [0, 1) as a whole, and as two numbers of half of its bits each, which are added."""

    whole: Floats
    high: Floats
    low: Floats


def _drawn(plan: Plan, key: Words, index: Wide) -> _Draw:
    if plan.dtype == "float64":
        low, high = words64(key, index)
        high = high & np.uint32(0x1FFFFF)
        upper = high << np.uint32(5) | low >> np.uint32(27)
        lower = low & np.uint32(0x7FFFFFF)
        whole = from_wide((low, high)) * np.float64(2.0**-53)
        return _Draw(whole, upper.astype(jnp.float64) * 2.0**-26, lower.astype(jnp.float64) * 2.0**-53)
    draw = words32(key, index) & np.uint32(0xFFFFFF)
    parts = (draw, np.float32(2.0**-24)), (draw >> np.uint32(12), np.float32(2.0**-12))
    whole, high = (part.astype(jnp.float32) * step for part, step in parts)
    return _Draw(whole, high, (draw & np.uint32(0xFFF)).astype(jnp.float32) * np.float32(2.0**-24))


def _cut(x: float, bits: int) -> float:
    """Return a number rounded to so many bits."""
    fraction, exponent = math.frexp(x)
    return math.ldexp(round(math.ldexp(fraction, bits)), exponent - bits)


def _times_power(mantissa: Floats, whole: Floats) -> Floats:
    """Return mantissa 2^whole where that is a normal number."""
    if mantissa.dtype == jnp.float32:
        bits = lax.bitcast_convert_type(mantissa, jnp.uint32)
        exponent = lax.bitcast_convert_type(whole.astype(jnp.int32), jnp.uint32) << np.uint32(23)
        return lax.bitcast_convert_type(bits + exponent, jnp.float32)
    wide = lax.bitcast_convert_type(mantissa, jnp.uint64)
    shifted = lax.bitcast_convert_type(whole.astype(jnp.int64), jnp.uint64) << np.uint64(52)
    return lax.bitcast_convert_type(wide + shifted, jnp.float64)


def _mantissa(rest: Floats) -> Floats:
    """Return 2^rest, |rest| <= 1/2."""
    terms: Sequence[float] = c.POWER_FLOAT if rest.dtype == jnp.float32 else c.POWER_DOUBLE
    return rest * polynomial(rest, terms) + rest.dtype.type(1)


def _exponent(plan: Plan, draw: _Draw) -> tuple[Floats, Floats]:
    """Return the nearest integer to u width + start, and the rest."""
    start, start_rest, width, width_rest = plan.numbers[:4]
    kind = draw.whole.dtype.type
    whole = jnp.round(draw.whole * kind(width) + kind(start))
    first = _cut(width, 12 if kind is np.float32 else 26)
    rest = draw.high * kind(first) + (kind(start) - whole)
    others = draw.whole * kind(width - first + width_rest) + kind(start_rest)
    return whole, rest + (draw.low * kind(first) + others)


def _finished(plan: Plan, values: Floats) -> Floats:
    scale, lowest, highest = (values.dtype.type(number) for number in plan.numbers[4:])
    return jnp.clip(values * scale, lowest, highest)


def _log_uniform(plan: Plan, key: Words, index: Wide) -> Floats:
    whole, rest = _exponent(plan, _drawn(plan, key, index))
    return _finished(plan, _times_power(_mantissa(rest), whole))


def _inverse_softplus(plan: Plan, key: Words, index: Wide) -> Floats:
    whole, rest = _exponent(plan, _drawn(plan, key, index))
    kind = rest.dtype.type
    t = _times_power(_mantissa(rest), whole)
    small = jnp.minimum(t, kind(1))
    square = small * small
    terms: Sequence[float] = c.SOFTPLUS_FLOAT if kind is np.float32 else c.SOFTPLUS_DOUBLE
    curved = square * polynomial(square, terms) + small * kind(0.5)
    two = math.log(2)
    high = kind(two)
    near = whole * high + (rest * high + (whole * kind(_LOG_TWO_REST[kind]) + curved))
    if plan.numbers[0] + plan.numbers[1] + plan.numbers[2] <= 0:
        return _finished(plan, near)
    exponent = jnp.clip(t, kind(1), kind(_FARTHEST[kind])) * kind(-1 / two)
    nearest = jnp.round(exponent)
    decay = _times_power(_mantissa(exponent - nearest), nearest)
    far = minus_two_log(kind(1) - decay) * kind(-0.5) + t
    return _finished(plan, jnp.where(t > kind(1), far, near))


_LOG_TWO_REST: dict[Any, float] = {
    np.float32: float.fromhex("-0x1.05c610p-29"),
    np.float64: float.fromhex("0x1.abc9e3b39803fp-56"),
}
_FARTHEST: dict[Any, float] = {np.float32: 87.0, np.float64: 700.0}


def _minus_two_log_of_uniform(plan: Plan, key: Words, index: Wide) -> Floats:
    return minus_two_log(affine(_drawn(plan, key, index).whole, plan.numbers[2], plan.numbers[0]))


def _log_of_uniform(plan: Plan, key: Words, index: Wide) -> Floats:
    return _finished(plan, _minus_two_log_of_uniform(plan, key, index) * -0.5)


def _log_decay(plan: Plan, key: Words, index: Wide) -> Floats:
    return _finished(plan, minus_two_log(_minus_two_log_of_uniform(plan, key, index) * 0.25) * -0.5)


CURVES: dict[str, Callable[[Plan, Words, Wide], Floats]] = {
    "log_uniform": _log_uniform,
    "inverse_softplus": _inverse_softplus,
    "log_of_uniform": _log_of_uniform,
    "log_decay": _log_decay,
}
"""The functions by the name of their distribution."""
