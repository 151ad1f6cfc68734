"""Recipes that are written, not drawn: identity, dirac, bilinear and pretrained."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, ClassVar

from .dtypes import DType, resolve
from .errors import LayoutError, RecipeError, ShapeError
from .fans import Axes
from .makers import maker
from .plan import Plan
from .recipe import Recipe, named, number
from .source import ArraySource, check_shape, open_source
from .window import Shape

__all__ = ["Bilinear", "Dirac", "Identity", "Pretrained", "bilinear", "dirac", "identity", "pretrained"]


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
    """What convolution kernels share: where their channels are."""

    is_of_convolutions: ClassVar[bool] = True

    def _keep(self, axes: Axes, *names: str) -> None:
        for name in ("in_axis", "out_axis", *names):
            object.__setattr__(self, name, getattr(axes, name))

    def _channels(self, shape: Shape, axes: Axes) -> tuple[int, int]:
        if len(shape) < 3:
            raise ShapeError(
                f"{self.verb} needs at least 3 dimensions, of which 2 are channels; got shape {shape}. "
                "Use identity() for a matrix."
            )
        ins, outs = axes.channels(len(shape))
        if len(ins) != 1 or len(outs) != 1 or ins == outs:
            raise LayoutError(
                f"{self.verb} needs one input and one output axis; got {ins} and {outs}. Name two."
            )
        return ins[0], outs[0]


@dataclass(frozen=True, repr=False)
class Dirac(_Kernel):
    """A convolution kernel that hands its channels on: 1 where a channel meets itself at the centre k // 2.

    Parameters
    ----------
    groups : int
        Groups of channels; each is handed on.
    layout : {"torch", "keras", "jax"}, optional
        [out, in / groups, k...] or [k..., in / groups, out]; by default the last two axes are (in, out).
    in_axis, out_axis : int, optional
        The axes themselves, instead of a layout.

    Raises
    ------
    ShapeError
        If the tensor has fewer than 3 dimensions, or `groups` does not divide its output channels.
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
    groups: int = 1
    layout: str | None = None
    in_axis: int | None = None
    out_axis: int | None = None

    def __post_init__(self) -> None:
        self._keep(self._axes(), "groups")

    def _axes(self) -> Axes:
        return Axes(layout=self.layout, in_axis=self.in_axis, out_axis=self.out_axis, groups=self.groups)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the channels' axes."""
        in_axis, out_axis = self._channels(shape, self._axes())
        if shape[out_axis] % self.groups:
            raise ShapeError(
                f"groups={self.groups} must divide the {shape[out_axis]} output channels of shape {shape}. "
                "Check groups and the layout."
            )
        return Plan("dirac", shape, dtype.name, numbers=(self.groups, in_axis, out_axis))


@dataclass(frozen=True, repr=False)
class Bilinear(_Kernel):
    """The filter that upsamples by interpolation, for transposed convolutions; the same for all channels.

    1 - |x / f - c| along each spatial axis of size k, f = ceil(k / 2), c = (2 f - 1 - f mod 2) / (2 f).

    Parameters
    ----------
    layout : {"torch", "keras", "jax"}, optional
        As for `dirac`.
    in_axis, out_axis : int, optional
        The axes themselves, instead of a layout.

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
    layout: str | None = None
    in_axis: int | None = None
    out_axis: int | None = None

    def __post_init__(self) -> None:
        self._keep(self._axes())

    def _axes(self) -> Axes:
        return Axes(layout=self.layout, in_axis=self.in_axis, out_axis=self.out_axis)

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the channels' axes."""
        return Plan("bilinear", shape, dtype.name, numbers=self._channels(shape, self._axes()))


@dataclass(frozen=True, repr=False)
class Pretrained(Recipe):
    """A copy of given values: the exact shape, or the leading slice of a larger tensor along any axes.

    Parameters
    ----------
    source : array, str or path
        An array or CPU tensor (it is not copied: leave it as it is), or a ``.safetensors`` file or
        ``.safetensors.index.json``, of which only the needed part is read.
    tensor : str, optional
        Name of the tensor in the file.

    Raises
    ------
    ShapeError
        If the shape is neither the source's nor a leading slice of it.
    RecipeError, FormatError, DTypeError
        If the file has no such tensor, is corrupt, or the values are not floating-point or leave the
        dtype's range.

    Examples
    --------
    >>> import numpy as np
    >>> import pyinit as pi
    >>> table = np.arange(6.0).reshape(3, 2)
    >>> pi.pretrained(table)((2, 2), key=0)
    array([[0., 1.],
           [2., 3.]], dtype=float32)
    """

    verb: ClassVar[str] = "pretrained"
    source: Any
    tensor: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.source, os.PathLike):
            object.__setattr__(self, "source", os.fspath(self.source))
        # an array is looked at now, a file when it is needed
        if not (isinstance(self.source, ArraySource) or (self._is_file() and self.tensor is not None)):
            object.__setattr__(self, "source", open_source(self.source, self.tensor))

    def _is_file(self) -> bool:
        return isinstance(self.source, str)

    def plan_for(self, shape: Shape, dtype: str) -> Plan:
        """Return the plan; a file may change, so it is not remembered."""
        return self.make_plan(shape, resolve(dtype))

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Find the tensor and compare shapes."""
        found = open_source(self.source, self.tensor) if self._is_file() else self.source
        check_shape(found, shape)
        return Plan("pretrained", shape, dtype.name, source=found)

    def __repr__(self) -> str:
        return super().__repr__() if self._is_file() else f"pretrained(<{self.source}>)"

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict, if it copies from a file."""
        if not self._is_file():
            raise RecipeError(
                f"JSON can name a file only; this recipe copies {self.source}. Save it as safetensors first."
            )
        return super().to_dict()


identity = maker("identity", Identity)
dirac = maker("dirac", Dirac)
bilinear = maker("bilinear", Bilinear)
pretrained = maker("pretrained", Pretrained)

for _maker in (identity, dirac, bilinear, pretrained):
    named(_maker, _maker.__name__)
