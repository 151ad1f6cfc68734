"""Truncated normals that code computes operation by operation are recorded as one draw.

timm, DINO and many others draw uniforms between the probabilities of two bounds, take the inverse error
function, and scale, shift and clamp the result. There, the lowest of 2^24 uniforms has no finite inverse and
becomes the bound itself, which may be hundreds of standard deviations away.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from ...errors import PyinitError
from ...recipes.distributions import Uniform
from ...recipes.recipe import Recipe
from ..meanings import truncated_normal
from .recording import Call, Draw, Write

__all__ = ["shortened"]

aten = torch.ops.aten

# The operators, in order.
_STEPS = ("erfinv_", "mul_", "add_", "clamp_")


def shortened(writes: tuple[Write, ...]) -> tuple[Write, ...]:
    """Return writes in which the last five are one draw, if they make a truncated normal."""
    content = writes[-1].content if len(writes) > len(_STEPS) else None
    if not isinstance(content, Call) or content.function is not aten.clamp_.default:
        return writes
    *before, first, erfinv, product, shift, clamp = writes
    recipe = _truncated(first, (erfinv, product, shift, clamp))
    return writes if recipe is None else (*before, Write(first.view, Draw(recipe)))


def _truncated(first: Write, then: tuple[Write, ...]) -> Recipe | None:
    """Return the truncated normal that four operations make of a uniform draw, or None."""
    drawn = first.content
    if not isinstance(drawn, Draw) or not isinstance(drawn.recipe, Uniform):
        return None
    numbers: list[Any] = []
    for step, write in zip(_STEPS, then, strict=True):
        call = write.content
        if write.view != first.view or not isinstance(call, Call) or call.output is not None:
            return None
        if call.function._opname != step:
            return None
        given = (*call.args[1:], *call.kwargs.values())
        numbers.append([_as_float(value) for value in given])
    (_, [scale, *_], [mean, *_], bounds) = numbers
    if scale is None or mean is None or len(bounds) != 2 or None in bounds or scale <= 0:
        return None
    std, (low, high) = scale / math.sqrt(2.0), bounds
    for bound, drawn_to in ((low, drawn.recipe.low), (high, drawn.recipe.high)):
        # erf(z / sqrt 2) = 2 P(Z < z) - 1
        if not math.isclose(math.erf((bound - mean) / scale), drawn_to, rel_tol=1e-6, abs_tol=1e-9):
            return None
    try:
        return truncated_normal(mean, std, low, high)
    except PyinitError:
        return None


def _as_float(value: Any) -> float | None:
    """Return an operator's number, which may be a tensor without axes; or None."""
    if isinstance(value, torch.Tensor) and value.dim() == 0 and not value.is_meta:
        return float(value)
    return float(value) if isinstance(value, int | float) else None
