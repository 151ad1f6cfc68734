"""How many inputs feed an output and how many outputs an input feeds, for each way to store a weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import LayoutError, ShapeError
from .window import Shape

__all__ = ["COMPAT", "LAYOUTS", "Axes", "given_axes", "positions"]

LAYOUTS: dict[str, tuple[int, int]] = {"torch": (1, 0), "keras": (-2, -1), "jax": (-2, -1)}
"""(in_axis, out_axis) of a weight in each layout: [out, in, k...] or [k..., in, out]."""

_STORED_SWAPPED = ("torch", "keras")
"""Layouts whose transposed convolutions keep the input's channels where others keep the output's."""


def _torch(shape: Shape) -> tuple[int, int]:
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _jax(shape: Shape) -> tuple[int, int]:
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _keras(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        n = math.prod(shape)
        return max(n, 1), max(n, 1)
    fan_in, fan_out = _jax(shape)
    return max(fan_in, 1), max(fan_out, 1)


def _paddle(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        n = math.prod(shape)
        return n, n
    return (shape[0], shape[1]) if len(shape) == 2 else _torch(shape)


COMPAT: dict[str, tuple[int, Callable[[Shape], tuple[int, int]]]] = {
    "torch": (2, _torch),
    "mxnet": (2, _torch),
    "caffe": (2, _torch),
    "keras": (0, _keras),
    "jax": (2, _jax),
    "paddle": (0, _paddle),
}
"""The smallest rank each peer accepts and the fans it counts, blind to groups and transposition."""


def given_axes(axes: Any, what: str) -> int | tuple[int, ...] | None:
    """Return axes as an int, a tuple of ints or None."""
    listed = axes if isinstance(axes, tuple | list) else () if axes is None else (axes,)
    if any(isinstance(axis, bool) or not hasattr(axis, "__index__") for axis in listed):
        raise LayoutError(f"{what} is an axis or a tuple of axes; got {axes!r}. Use ints.")
    if isinstance(axes, tuple | list):
        return tuple(int(axis) for axis in axes)
    return None if axes is None else int(axes)


def positions(axes: int | tuple[int, ...], rank: int, what: str) -> tuple[int, ...]:
    """Return axes, an int or several, as sorted indices from 0."""
    listed = axes if isinstance(axes, tuple) else (axes,)
    if any(not -rank <= axis < rank for axis in listed):
        raise LayoutError(
            f"{what} {axes!r} names no axis of a tensor with {rank}. Count from 0, or back from -1."
        )
    found = tuple(sorted(axis % rank for axis in listed))
    if len(set(found)) != len(found):
        raise LayoutError(f"{what} {axes!r} names an axis twice. Name each once.")
    return found


@dataclass(frozen=True)
class Axes:
    """Which axes of a weight are inputs, outputs and neither.

    With `layout` and the axes left out, the last two axes are (in, out), as in x @ W; every other axis is
    receptive field. `groups` counts channel groups; `transposed` says that the weight belongs to a
    transposed convolution; `depthwise` that a Keras kernel is [k..., in, multiplier]; `compat` gives
    the fans that a peer counts, mistakes included.
    """

    layout: str | None = None
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    batch_axis: int | tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False
    depthwise: bool = False
    compat: str | None = None

    def __post_init__(self) -> None:
        explicit = self.in_axis is not None or self.out_axis is not None or self.batch_axis != ()
        if self.layout is not None and self.layout not in tuple(LAYOUTS):
            raise LayoutError(
                f"layout must be one of {', '.join(LAYOUTS)}; got {self.layout!r}. "
                "Name in_axis and out_axis for another."
            )
        if self.compat is not None and self.compat not in tuple(COMPAT):
            raise LayoutError(
                f"compat must be one of {', '.join(COMPAT)}; got {self.compat!r}. Leave it out."
            )
        if self.layout is not None and explicit:
            raise LayoutError("layout and in_axis, out_axis or batch_axis were both given. Give one of them.")
        if self.compat is not None and (explicit or self.layout not in (None, self.compat)):
            raise LayoutError(
                f"compat={self.compat!r} has its own layout; got another layout or axes. Give compat alone."
            )
        if isinstance(self.groups, bool) or not hasattr(self.groups, "__index__") or self.groups < 1:
            raise LayoutError(f"groups must be a positive integer; got {self.groups!r}. Use 1 for none.")
        object.__setattr__(self, "groups", int(self.groups))
        for name in ("in_axis", "out_axis", "batch_axis"):
            object.__setattr__(self, name, given_axes(getattr(self, name), name))
        for name in ("transposed", "depthwise"):
            if not isinstance(getattr(self, name), bool):
                raise LayoutError(f"{name} is True or False; got {getattr(self, name)!r}. Use a bool.")
        if self.depthwise and (self.layout != "keras" and self.compat != "keras"):
            raise LayoutError(
                "depthwise describes Keras kernels [k..., in, multiplier]; got another layout. "
                "Use groups= with the number of channels."
            )
        if self.depthwise and (self.transposed or self.groups != 1):
            raise LayoutError(
                "depthwise already says how channels are grouped; got transposed or groups as well. "
                "Give depthwise alone."
            )

    def channels(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the input axes and the output axes of a weight of this rank."""
        stored = LAYOUTS.get(self.layout or self.compat or "", (-2, -1))
        if self.transposed and (self.layout or self.compat) in _STORED_SWAPPED:
            stored = stored[::-1]
        return (
            positions(stored[0] if self.in_axis is None else self.in_axis, rank, "in_axis"),
            positions(stored[1] if self.out_axis is None else self.out_axis, rank, "out_axis"),
        )

    def fans(self, shape: Shape, recipe: str = "variance_scaling") -> tuple[int, int]:
        """Return (fan_in, fan_out) of a weight's global shape.

        Raises
        ------
        ShapeError
            If the shape has too few dimensions, or channels that `groups` does not divide.
        LayoutError
            If an axis is outside the shape or counted twice.
        """
        if self.compat is not None:
            rank, count = COMPAT[self.compat]
            self._need(rank, shape, recipe)
            return count(shape)
        if self.in_axis is None or self.out_axis is None:
            self._need(2, shape, recipe)
        rank = len(shape)
        ins, outs = self.channels(rank)
        batch = positions(self.batch_axis, rank, "batch_axis")
        if self.depthwise:
            # each channel meets only itself
            ins, batch = (), ins
        listed = (*ins, *outs, *batch)
        if len(set(listed)) != len(listed):
            raise LayoutError(
                f"in_axis {ins}, out_axis {outs} and batch_axis {batch} share an axis. Give each one role."
            )
        field = math.prod(n for axis, n in enumerate(shape) if axis not in listed)
        inputs = math.prod(shape[axis] for axis in ins)
        outputs = math.prod(shape[axis] for axis in outs)
        # a grouped kernel keeps one side whole and the other per group
        whole = inputs if self.transposed else outputs
        if whole % self.groups:
            side = "input" if self.transposed else "output"
            raise ShapeError(
                f"groups={self.groups} must divide the {whole} {side} channels of shape {shape}. "
                "Check groups and the layout."
            )
        if self.transposed:
            inputs //= self.groups
        else:
            outputs //= self.groups
        return inputs * field, outputs * field

    def _need(self, rank: int, shape: Shape, recipe: str) -> None:
        if len(shape) < rank:
            raise ShapeError(
                f"{recipe} needs at least {rank} dimensions to count fan_in; got shape {shape}. "
                "Use normal(std=...) for vectors."
            )
