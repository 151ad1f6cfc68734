"""What the parameters beside a kernel say of the kernel's axes, in Flax and Haiku."""

from __future__ import annotations

from collections.abc import Callable

from ..recipes.fans import Axes
from ..stream.window import Shape

__all__ = ["of_attention", "of_bias"]


def of_bias(kernel: Shape, bias: Shape | None) -> Axes | None:
    """Return the axes of a kernel whose bias has one axis, or of a matrix; None where they are not told.

    The outputs are the last axis (or, where a transposed convolution of Flax is stored turned, the last but
    one), so no axis numbers layers, and all others are inputs or receptive field: Flax counts them alike. A
    bias with more axes does not tell stacked layers, a local convolution, `DenseGeneral` and `Einsum` apart.
    """
    if bias is None:
        return Axes() if len(kernel) == 2 else None
    if len(bias) != 1 or len(kernel) < 2:
        return None
    last = bias[0] == kernel[-1] or (len(kernel) > 2 and bias[0] == kernel[-2])
    return Axes(in_axis=tuple(range(len(kernel) - 1)), out_axis=-1) if last else None


def of_attention(module: str, kernel: Shape, beside: Callable[[str], Shape | None]) -> Axes | None:
    """Return the axes of a projection to heads: [features, heads, width] beside an output [heads, width, n].

    Of stacked layers the output would have to begin as the projection ends, too: with as many layers as
    features, which is refused.
    """
    out = beside("out")
    if module not in ("query", "key", "value") or len(kernel) != 3 or out is None:
        return None
    if len(out) != 3 or out[:2] != kernel[1:] or kernel[0] == kernel[1]:
        return None
    return Axes(in_axis=0, out_axis=(1, 2))
