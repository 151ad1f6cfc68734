"""How the parameters beside a kernel determine the kernel's axes, in Flax and Haiku."""

from __future__ import annotations

from collections.abc import Callable

from ..recipes.fans import Axes
from ..stream.window import Shape

__all__ = ["of_attention", "of_bias"]


def of_bias(kernel: Shape, bias: Shape | None) -> Axes | None:
    """Return the axes of a kernel whose bias has one axis, or of a matrix; None if they are not determined.

    The outputs are the last axis, or the last but one where Flax stores a transposed convolution with its
    channels swapped. So no axis numbers layers, and all other axes are inputs or receptive field, which Flax
    counts alike. A bias with more axes does not distinguish stacked layers, a local convolution,
    `DenseGeneral` and `Einsum`.
    """
    if bias is None:
        return Axes() if len(kernel) == 2 else None
    if len(bias) != 1 or len(kernel) < 2:
        return None
    last = bias[0] == kernel[-1] or (len(kernel) > 2 and bias[0] == kernel[-2])
    return Axes(in_axis=tuple(range(len(kernel) - 1)), out_axis=-1) if last else None


def of_attention(module: str, kernel: Shape, beside: Callable[[str], Shape | None]) -> Axes | None:
    """Return the axes of a projection to heads: [features, heads, width] beside an output [heads, width, n].

    Stacked layers can have such shapes only if there are as many layers as features; that case is refused.
    """
    out = beside("out")
    if module not in ("query", "key", "value") or len(kernel) != 3 or out is None:
        return None
    if len(out) != 3 or out[:2] != kernel[1:] or kernel[0] == kernel[1]:
        return None
    return Axes(in_axis=0, out_axis=(1, 2))
