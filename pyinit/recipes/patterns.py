"""Recipes that are written, not drawn: values along an axis, identity, dirac and bilinear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import LayoutError, RecipeError, ShapeError
from ..stream.arguments import brief, is_integer, number
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape
from .fans import Axes
from .makers import maker
from .recipe import Recipe, named

__all__ = ["Along", "Bilinear", "Dirac", "Identity", "along", "bilinear", "dirac", "identity"]


@dataclass(frozen=True, repr=False)
class Along(Recipe):
    """Given values along one axis, the same at every index of the others.

    Parameters
    ----------
    values : sequence of float
        Finite; one for each index of the axis. Each is rounded once to the dtype.
    axis : int
        The axis.

    Raises
    ------
    RecipeError
        If a value is not a finite number, or too large for the dtype.
    ShapeError
        If the tensor has no such axis, or another number of indices along it.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.along([1, 2, 3])((2, 3), key=0)
    array([[1., 2., 3.],
           [1., 2., 3.]], dtype=float32)
    """

    verb: ClassVar[str] = "along"
    values: Sequence[float]
    axis: int = -1

    def __post_init__(self) -> None:
        given: Any = self.values
        values = given.tolist() if isinstance(given, np.ndarray) else given
        if not isinstance(values, tuple | list) or not values:
            raise RecipeError(
                f"along needs a sequence of values; got {brief(self.values)}. Write along([1.0, 2.0])."
            )
        kept = tuple(number("along's value", value) for value in values)
        object.__setattr__(self, "values", kept)
        if not is_integer(self.axis):
            raise LayoutError(f"along's axis is an axis; got {brief(self.axis)}. Use an int.")
        object.__setattr__(self, "axis", int(self.axis))

    def _times(self, factor: float) -> Recipe:
        return Along(tuple(value * factor for value in self.values), self.axis)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Check the length of the axis, and that the dtype holds the values."""
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"along needs an axis {self.axis}; got shape {shape}. Name another axis.")
        if shape[self.axis] != len(self.values):
            raise ShapeError(
                f"along has {len(self.values)} values, and needs one for each index of axis {self.axis}; got "
                f"shape {shape}. Give {shape[self.axis]} values."
            )
        ends = [
            dtype.round(resolve(dtype.compute).round(end)) for end in (min(self.values), max(self.values))
        ]
        if any(math.isinf(end) for end in ends):
            raise RecipeError(
                f"{dtype.name} holds values up to {dtype.largest:.6g}; got {min(self.values):.6g} to "
                f"{max(self.values):.6g}. Use a wider dtype."
            )
        numbers = (self.axis % len(shape), tuple(self.values))
        return Plan("along", shape, dtype.name, bounds=(ends[0], ends[1]), numbers=numbers)


@dataclass(frozen=True, repr=False)
class Identity(Recipe):
    """A matrix with `gain` on its diagonal: x @ W keeps the channels that input and output share.

    Parameters
    ----------
    gain : float
        Finite.

    Raises
    ------
    ShapeError
        If the tensor does not have 2 dimensions.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.identity()((2, 3), key=0)
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    verb: ClassVar[str] = "identity"
    gain: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "gain", number("identity's gain", self.gain))

    def _times(self, factor: float) -> Recipe:
        return Identity(self.gain * factor)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Check that the tensor is a matrix."""
        if len(shape) != 2:
            raise ShapeError(f"identity needs 2 dimensions; got shape {shape}. Use dirac() for convolutions.")
        if math.isinf(dtype.round(resolve(dtype.compute).round(self.gain))):
            raise RecipeError(
                f"{dtype.name} holds values up to {dtype.largest:.6g}; got {self.gain!r}. Use a wider dtype."
            )
        return Plan("identity", shape, dtype.name, numbers=(self.gain,))


@dataclass(frozen=True, repr=False)
class _Kernel(Recipe):
    """Base class of convolution kernels, which finds their channels."""

    is_of_convolutions: ClassVar[bool] = True
    groups: int = 1
    _: KW_ONLY
    layout: str | None = None
    in_axis: int | None = None
    out_axis: int | None = None
    batch_axis: int | tuple[int, ...] = ()
    transposed: bool = False

    def __post_init__(self) -> None:
        self._axes().write_to(self)

    def _axes(self) -> Axes:
        return Axes.of(self)

    def _channels(self, shape: Shape) -> tuple[int, int, tuple[int, ...]]:
        """Return the input axis, the output axis and the batch axes."""
        axes, rank = self._axes(), len(shape)
        stack = axes.batch(rank)
        if rank - len(stack) < 3:
            beside = f" beside batch_axis {self.batch_axis}" if stack else ""
            raise ShapeError(
                f"{self.called} needs at least 3 dimensions{beside}, of which 2 are channels; got shape "
                f"{shape}. Use identity() for a matrix."
            )
        ins, outs = axes.channels(rank)
        if len(ins) != 1 or len(outs) != 1 or ins == outs:
            raise LayoutError(
                f"{self.verb} needs one input and one output axis; got {ins} and {outs}. Name two."
            )
        if {*ins, *outs} & set(stack):
            raise LayoutError(
                f"in_axis {ins}, out_axis {outs} and batch_axis {stack} share an axis. Give each one role."
            )
        return ins[0], outs[0], stack


@dataclass(frozen=True, repr=False)
class Dirac(_Kernel):
    """A convolution kernel that passes its channels on: 1 from a channel to itself at the centre k // 2.

    Parameters
    ----------
    groups : int
        Groups of channels; each is passed on.
    layout : {"torch", "keras", "jax"}, optional
        [out, in / groups, k...] or [k..., in / groups, out]; by default the last two axes are (in, out).
    in_axis, out_axis : int, optional
        The axes themselves, instead of a layout.
    batch_axis : int or tuple of int
        Axes that number kernels, which are all the same.
    transposed : bool
        The weight of a transposed convolution: torch stores [in, out / groups, k...], Keras [k..., out, in].

    Raises
    ------
    ShapeError
        If a kernel has fewer than 3 dimensions, or `groups` does not divide its channels.
    LayoutError
        If the axes do not describe the kernel.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.dirac(layout="torch")((2, 2, 3), key=0)
    array([[[0., 1., 0.],
            [0., 0., 0.]],
    <BLANKLINE>
           [[0., 0., 0.],
            [0., 1., 0.]]], dtype=float32)
    """

    verb: ClassVar[str] = "dirac"

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the channels' axes."""
        in_axis, out_axis, stack = self._channels(shape)
        if self.transposed:
            # the weight holds all input channels; exchanging the sides does not change the diagonal
            in_axis, out_axis = out_axis, in_axis
        if shape[out_axis] % self.groups:
            side = "input" if self.transposed else "output"
            raise ShapeError(
                f"groups={self.groups} must divide the {shape[out_axis]} {side} channels of shape {shape}. "
                "Check groups and the layout."
            )
        return Plan("dirac", shape, dtype.name, numbers=(self.groups, in_axis, out_axis, stack))


@dataclass(frozen=True, repr=False)
class Bilinear(_Kernel):
    """The filter that upsamples by interpolation, for transposed convolutions; the same for all channels.

    ``1 - |x / f - c|`` along each spatial axis of size k, f = ceil(k / 2), c = (2 f - 1 - f mod 2) / (2 f).

    Parameters
    ----------
    layout, in_axis, out_axis, batch_axis, groups, transposed
        As for `dirac`. Which axis is the input's, and how many groups there are, makes no difference here.

    Raises
    ------
    ShapeError, LayoutError
        As for `dirac`.

    References
    ----------
    Caffe's BilinearFiller; Long, Shelhamer, Darrell, CVPR 2015.

    Examples
    --------
    >>> import pyinit as pi
    >>> pi.bilinear(layout="torch")((1, 1, 4), key=0)
    array([[[0.25, 0.75, 0.75, 0.25]]], dtype=float32)
    """

    verb: ClassVar[str] = "bilinear"

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the channels' axes."""
        return Plan("bilinear", shape, dtype.name, numbers=self._channels(shape))


along = maker("along", Along)
identity = maker("identity", Identity)
dirac = maker("dirac", Dirac)
bilinear = maker("bilinear", Bilinear)

for _maker in (along, identity, dirac, bilinear):
    named(_maker, _maker.__name__)
