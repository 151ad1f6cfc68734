"""What a bias beside a kernel says of the kernel's axes, in Flax and Haiku."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..window import Shape

__all__ = ["Reading", "readings"]


@dataclass(frozen=True)
class Reading:
    """One way to read a kernel's shape: axes that number layers, then inputs, then outputs.

    ``fan_in`` counts all inputs, a convolution's receptive field among them: `is_one_matrix` says whether there
    is one axis of each, so that no field can be among them.
    """

    stacked: int
    outputs: int
    shape: Shape

    @property
    def stack(self) -> tuple[int, ...]:
        """The axes that number layers."""
        return tuple(range(self.stacked))

    @property
    def in_axes(self) -> tuple[int, ...]:
        """The axes of inputs, those of a receptive field among them."""
        return tuple(range(self.stacked, len(self.shape) - self.outputs))

    @property
    def out_axes(self) -> tuple[int, ...]:
        """The axes of outputs."""
        return tuple(range(len(self.shape) - self.outputs, len(self.shape)))

    @property
    def fan_in(self) -> int:
        """How many inputs an output has."""
        return math.prod(self.shape[axis] for axis in self.in_axes)

    @property
    def is_one_matrix(self) -> bool:
        """Whether a layer's kernel has two axes."""
        return len(self.in_axes) == len(self.out_axes) == 1

    @property
    def may_be_convolution(self) -> bool:
        """Whether some of the inputs may be a receptive field."""
        return len(self.out_axes) == 1 and len(self.in_axes) > 1


def readings(kernel: Shape, bias: Shape | None) -> list[Reading]:
    """Return every way to read a kernel's shape that the bias allows; two axes without a bias are (in, out).

    The bias of n stacked layers begins with the same n axes, and ends with the outputs' axes, with which the
    kernel ends. Flax stores some transposed convolutions with the outputs last but one; it counts their
    fan_in by position all the same, on all axes but the last.
    """
    if bias is None:
        return [Reading(0, 1, kernel)] if len(kernel) == 2 else []
    found = []
    for stacked in range(len(bias)):
        own, rest = bias[stacked:], kernel[stacked:]
        if bias[:stacked] != kernel[:stacked] or len(own) >= len(rest):
            continue
        turned = len(own) == 1 and len(rest) > 2 and own[0] == rest[-2]
        if own == rest[len(rest) - len(own) :] or turned:
            found.append(Reading(stacked, len(own), kernel))
    return found
