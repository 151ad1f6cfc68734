"""Plans that are drawn, element by element, as JAX traces them: the twins of the fill kernels.

Each function takes a plan, the words of a key and the index of every element, and returns values of the
compute dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...stream.plan import Plan
from .counter import Wide, Words, pair32, pair64, words32, words64
from .curves import CURVES
from .elementary import Floats, circle, from_wide, minus_two_log, quantile_double, quantile_float
from .rounding import affine

__all__ = ["DRAWS", "box_muller", "normal"]


def _uniform(plan: Plan, key: Words, index: Wide) -> Floats:
    low, high, lowest, highest = plan.numbers
    if plan.dtype == "float64":
        word_low, word_high = words64(key, index)
        u = from_wide((word_low, word_high & np.uint32(0x1FFFFF))) * np.float64(2.0**-53)
    else:
        u = (words32(key, index) & np.uint32(0xFFFFFF)).astype(jnp.float32) * np.float32(2.0**-24)
    kind = u.dtype.type
    values = affine(u, kind(high) - kind(low), low)
    return jnp.clip(values, kind(lowest), kind(highest))


def box_muller(even: Words | Wide, odd: Words | Wide, is_odd: Any) -> Floats:
    """Return sqrt(-2 ln u) cos 2 pi v, or sin where `is_odd`.

    u comes from the even element's draw, v from the odd one's: words for float32, pairs of words for float64.
    """
    if isinstance(even, tuple):
        u = from_wide(even) * np.float64(2.0**-64) + np.float64(2.0**-65)
    else:
        u = even.astype(jnp.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
    return jnp.sqrt(minus_two_log(u)) * circle(odd, is_odd)


def normal(plan: Plan, key: Words, index: Wide) -> Floats:
    """Return z std + mean."""
    mean, std = plan.numbers[:2]
    even: Any
    odd: Any
    even, odd = pair64(key, index) if plan.dtype == "float64" else pair32(key, index)
    z = box_muller(even, odd, (index[0] & np.uint32(1)) != 0)
    return affine(z, std, mean)


def _disk(plan: Plan, key: Words, index: Wide) -> Floats:
    is_normal = plan.distribution == "disk_normal"
    scale, floor = plan.numbers if is_normal else (plan.numbers[0], 0.0)
    even: Any
    odd: Any
    wide = plan.dtype == "float64"
    even, odd = pair64(key, index) if wide else pair32(key, index)
    bits, kind = (64, np.float64) if wide else (32, np.float32)
    step = kind(1 - floor) * kind(2.0**-bits)
    low = kind(np.float64(step) * 0.5 + np.float64(kind(floor)))
    u = (from_wide(even) if wide else even.astype(jnp.float32)) * step + low
    u = jnp.clip(u, low, kind(1))
    radius = jnp.sqrt(minus_two_log(u) if is_normal else u)
    return affine(radius * circle(odd, (index[0] & np.uint32(1)) != 0), scale, 0.0)


def _below(a: Wide, number: int) -> Any:
    low, high = (np.uint32(word) for word in (number & 0xFFFFFFFF, number >> 32))
    return (a[1] < high) | ((a[1] == high) & (a[0] < low))


def _minus(a: Wide, number: int) -> Wide:
    low, high = (np.uint32(word) for word in (number & 0xFFFFFFFF, number >> 32))
    return a[0] - low, a[1] - high - (a[0] < low).astype(jnp.uint32)


def _complement_where(condition: Any, a: Wide) -> Wide:
    return jnp.where(condition, ~a[0], a[0]), jnp.where(condition, ~a[1], a[1])


def _truncated_normal(plan: Plan, key: Words, index: Wide) -> Floats:
    mean, std, lowest, highest, numbers = plan.numbers
    sign, scale, pivot, step, lower_tail, upper_tail, lower_centre, upper_centre, centre_step = numbers
    if plan.dtype == "float64":
        draw = words64(key, index)
        as_float: Callable[[Wide], Floats] = from_wide
        quantile = quantile_double
    else:
        word = words32(key, index)
        draw = word, jnp.zeros_like(word)

        def as_float(number: Wide) -> Floats:
            return number[0].astype(jnp.float32)

        quantile = quantile_float
    if sign < 0:
        draw = _complement_where(True, draw)
    below = _below(draw, pivot)
    to_end = as_float(_complement_where(~below, draw))
    to_pivot = as_float(_complement_where(below, _minus(draw, pivot)))
    kind = to_end.dtype.type
    tail = to_end * kind(step) + jnp.where(below, kind(lower_tail), kind(upper_tail))
    doubled = to_pivot * kind(centre_step) + jnp.where(below, kind(lower_centre), kind(upper_centre))
    z = quantile(tail, doubled, scale)
    z = jnp.where(below ^ (sign < 0), -z, z)
    weights = affine(z, std, mean)
    # the kernels add the mean, and -0 + 0 is +0
    weights = weights if mean else jnp.where(weights == 0, kind(0), weights)
    return jnp.clip(weights, kind(lowest), kind(highest))


DRAWS: dict[str, Callable[[Plan, Words, Wide], Floats]] = {
    "uniform": _uniform,
    "normal": normal,
    "truncated_normal": _truncated_normal,
    **CURVES,
    "disk": _disk,
    "disk_normal": _disk,
}
"""The distributions whose element i is made from its own draws."""
