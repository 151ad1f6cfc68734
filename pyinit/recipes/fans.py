"""How many inputs feed an output and how many outputs an input feeds, for each way to store a weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter, is_
from typing import Any

from ..errors import LayoutError, ShapeError
from ..stream.arguments import count, flag, is_integer
from ..stream.window import Shape

__all__ = ["COMPAT", "LAYOUTS", "Axes", "given_axes", "positions", "unknown_field"]

LAYOUTS: dict[str, tuple[int, int]] = {"torch": (1, 0), "keras": (-2, -1), "jax": (-2, -1)}
"""(in_axis, out_axis) of a weight in each layout: [out, in, k...] or [k..., in, out]."""

_STORED_SWAPPED = ("torch", "keras")
"""Layouts whose transposed convolutions store the input's channels where others store the output's."""


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
    if not all(is_integer(axis) for axis in listed):
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


def _given_stride(stride: Any) -> int | tuple[int, ...]:
    """Return the strides as an int, or as a tuple where they differ."""
    listed = tuple(stride) if isinstance(stride, tuple | list) else (stride,)
    if not listed or not all(is_integer(n) and n >= 1 for n in listed):
        raise LayoutError(f"stride is a positive integer or a tuple of them; got {stride!r}. Use 1 for none.")
    whole = tuple(int(n) for n in listed)
    return whole[0] if len(set(whole)) == 1 else whole


@dataclass(frozen=True)
class Axes:
    """Which axes of a weight are inputs, outputs and neither.

    Parameters
    ----------
    layout : {"torch", "keras", "jax"}, optional
        [out, in / groups, k...] or [k..., in / groups, out], of the axes that `batch_axis` leaves; all other
        axes are receptive field. Without a layout, a matrix is (in, out), as in x @ W.
    in_axis, out_axis : int or tuple of int, optional
        The axes themselves, instead of a layout; an axis in neither is receptive field.
    batch_axis : int or tuple of int
        Axes that number separate weights, such as experts or layers; they count in neither fan.
    groups : int
        Groups of channels, each connected only to itself.
    transposed : bool
        The weight of a transposed convolution: torch stores [in, out / groups, k...], Keras [k..., out, in].
    stride : int or tuple of int
        Of a transposed convolution: an output uses only every stride-th tap along each spatial axis, so
        fan_in = inputs * prod(k) / prod(stride), the mean over the positions.
    depthwise : bool
        A Keras kernel [k..., in, multiplier].
    compat : {"torch", "mxnet", "caffe", "keras", "jax", "paddle"}, optional
        The library whose fans are counted, its mistakes included.
    """

    layout: str | None = None
    in_axis: int | tuple[int, ...] | None = None
    out_axis: int | tuple[int, ...] | None = None
    batch_axis: int | tuple[int, ...] = ()
    groups: int = 1
    transposed: bool = False
    stride: int | tuple[int, ...] = 1
    depthwise: bool = False
    compat: str | None = None

    @classmethod
    def of(cls, owner: object) -> Axes:
        """Return the axes that a recipe or a tensor states in fields of the same names."""
        try:
            if all(map(is_, _stated(owner), _UNSTATED)):
                # most recipes state none, and what is not stated needs no check
                return _SILENT
        except AttributeError:
            # an owner that has not all of the fields
            pass
        return cls(**{name: getattr(owner, name) for name in cls.__annotations__ if hasattr(owner, name)})

    def write_to(self, owner: object) -> None:
        """Give the frozen `owner` of such fields their checked values."""
        if self is _SILENT:
            return
        for name in type(self).__annotations__:
            if hasattr(owner, name):
                object.__setattr__(owner, name, getattr(self, name))

    def __post_init__(self) -> None:
        for name, silent in (("in_axis", None), ("out_axis", None), ("batch_axis", ())):
            found = given_axes(getattr(self, name), name)
            object.__setattr__(self, name, silent if found is None else found)
        named = self.in_axis is not None or self.out_axis is not None
        if self.layout is not None and self.layout not in tuple(LAYOUTS):
            raise LayoutError(
                f"layout must be one of {', '.join(LAYOUTS)}; got {self.layout!r}. "
                "Name in_axis and out_axis for another."
            )
        if self.compat is not None and self.compat not in tuple(COMPAT):
            raise LayoutError(
                f"compat must be one of {', '.join(COMPAT)}; got {self.compat!r}. Leave it out."
            )
        if self.layout is not None and named:
            raise LayoutError(
                f"layout says which axes are inputs and outputs; got layout={self.layout!r} and "
                "in_axis or out_axis. Give either the layout or the axes."
            )
        if self.compat is not None and (
            named or self.batch_axis != () or self.layout not in (None, self.compat)
        ):
            raise LayoutError(
                f"compat={self.compat!r} has its own layout; got another layout or axes. Give compat alone."
            )
        groups = count("groups", self.groups, error=LayoutError, advice="Use 1 for none.")
        object.__setattr__(self, "groups", groups)
        for name in ("transposed", "depthwise"):
            flag(name, getattr(self, name), error=LayoutError)
        object.__setattr__(self, "stride", _given_stride(self.stride))
        if self.stride != 1 and not self.transposed:
            raise LayoutError(
                f"stride changes the fans of a transposed convolution only; got stride={self.stride!r} "
                "without transposed=True. Leave it out."
            )
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

    def batch(self, rank: int) -> tuple[int, ...]:
        """Return the axes of a weight of this rank that number separate weights."""
        return positions(self.batch_axis, rank, "batch_axis")

    def channels(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the input axes and the output axes of a weight of this rank."""
        stored = LAYOUTS.get(self.layout or self.compat or "", (-2, -1))
        if self.transposed and (self.layout or self.compat) in _STORED_SWAPPED:
            stored = stored[::-1]
        batch = self.batch(rank)
        own = tuple(axis for axis in range(rank) if axis not in batch)

        def located(axes: int | tuple[int, ...] | None, place: int, what: str) -> tuple[int, ...]:
            if axes is not None:
                return positions(axes, rank, what)
            (index,) = positions(place, len(own), what)
            return (own[index],)

        return located(self.in_axis, stored[0], "in_axis"), located(self.out_axis, stored[1], "out_axis")

    def outputs(self, rank: int) -> tuple[int, ...]:
        """Return the output axes, if all others but the batch axes form the other side of a matrix.

        Raises
        ------
        LayoutError
            If one is named as an input or a batch axis as well.
        """
        ins, outs = self.channels(rank)
        taken = (*self.batch(rank), *(ins if self.in_axis is not None else ()))
        if set(outs) & set(taken):
            raise LayoutError(
                f"out_axis {outs} shares an axis with in_axis or batch_axis {taken}. Give each one role."
            )
        return outs

    def check_field(self, shape: Shape, recipe: str) -> None:
        """Refuse a weight with more than two axes whose roles are not given.

        Raises
        ------
        LayoutError
            If no axes are given apart from `batch_axis`, and more than two are left.
        """
        has_roles = (
            self.layout is not None
            or self.compat is not None
            or (self.in_axis is not None and self.out_axis is not None)
            or self.transposed
            or self.groups != 1
        )
        if not has_roles and len(shape) - len(self.batch(len(shape))) > 2:
            raise LayoutError(unknown_field(recipe, shape))

    def fans(self, shape: Shape, recipe: str = "variance_scaling") -> tuple[int | float, int]:
        """Return (fan_in, fan_out) of a weight's global shape.

        fan_in is a float only where the stride of a transposed convolution does not divide it.

        Raises
        ------
        ShapeError
            If the shape has too few dimensions, or channels that `groups` does not divide.
        LayoutError
            If an axis is outside the shape or counted twice, or if more than two axes have no roles.
        """
        if self.compat is not None:
            rank, count = COMPAT[self.compat]
            self._need(rank, shape, recipe)
            return count(shape)
        rank = len(shape)
        batch = self.batch(rank)
        if self.in_axis is None or self.out_axis is None:
            self._need(2, shape, recipe, len(batch))
        self.check_field(shape, recipe)
        ins, outs = self.channels(rank)
        if self.depthwise:
            # each channel is connected only to itself
            ins, batch = (), (*ins, *batch)
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
        if not self.transposed:
            return inputs * field, outputs // self.groups * field
        fan_out = outputs * field
        fan_in, rest = divmod(inputs // self.groups * field, self._strides(rank - len(listed)))
        return (fan_in if rest == 0 else fan_in + rest / self._strides(rank - len(listed))), fan_out

    def _strides(self, spatial: int) -> int:
        """Return the product of the strides along `spatial` axes."""
        if isinstance(self.stride, int):
            return int(self.stride**spatial)
        if len(self.stride) != spatial:
            raise LayoutError(
                f"stride needs a number for each of the {spatial} spatial axes; got {self.stride!r}. "
                "Give one number for all."
            )
        return math.prod(self.stride)

    def _need(self, rank: int, shape: Shape, recipe: str, stacked: int = 0) -> None:
        if len(shape) - stacked < rank:
            beside = f" beside batch_axis {self.batch_axis}" if stacked else ""
            raise ShapeError(
                f"{recipe} needs at least {rank} dimensions{beside} to count fan_in; got shape {shape}. "
                "Use normal(std=...) for vectors."
            )


_SILENT = Axes()
_stated = attrgetter(*(each.name for each in fields(Axes)))
_UNSTATED = _stated(_SILENT)


def unknown_field(recipe: str, shape: Shape) -> str:
    """Return the message for a weight with more than two axes whose roles are not known."""
    return (
        f"{recipe} counts inputs and outputs, and cannot tell what each of the {len(shape)} axes of shape "
        f"{shape} is. "
        'Give layout="torch", "keras" or "jax" if it is a convolution\'s, batch_axis= for a stack of '
        "matrices, or in_axis= and out_axis=."
    )
