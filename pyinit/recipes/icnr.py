"""The recipe of a convolution before a pixel shuffle, which begins as resizing by nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

from ..errors import LayoutError, RecipeError, ShapeError
from ..stream.arguments import brief, count, is_integer
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .composite import Composite, about
from .fans import Axes
from .makers import maker
from .recipe import Recipe, as_recipe, named

__all__ = ["Icnr", "icnr"]

_SHUFFLES = ("pixel_shuffle", "depth_to_space")
# what each library's own function does
_OF_LAYOUT = {"torch": "pixel_shuffle", "keras": "depth_to_space"}


@dataclass(frozen=True, repr=False)
class Icnr(Composite):
    """A kernel in which all outputs that a pixel shuffle puts into one square are the same draw.

    W[o] = w[o // r^d] (pixel_shuffle) or w[o mod C] (depth_to_space), where w is the recipe's draw for
    C = outputs / r^d.

    A pixel shuffle puts r^d channels of a convolution side by side into d axes. Independent draws make each
    of them another convolution, which is a checkerboard that training must remove. Equal ones make the layer
    begin as a convolution that is enlarged by nearest neighbours, without any pattern. The draw is for the
    smaller kernel, and counts its fans; its stream is the tensor's own.

    Parameters
    ----------
    part : Recipe, str or dict
        The recipe of the kernel before it is enlarged.
    upscale : int
        r, the factor of each axis; at least 1.
    dims : int, optional
        d, the number of axes that are enlarged. It is 2 for a kernel with 4 axes, and needed for any other.
    axis : int, optional
        The axis of the outputs. By default it is that of the recipe's layout, or of the layer.
    shuffle : {"pixel_shuffle", "depth_to_space"}, optional
        How channels are numbered: torch's ``PixelShuffle`` has the r^d of a pixel side by side,
        TensorFlow's ``depth_to_space`` (with channels last) has those of a place side by side. By default it
        follows the layout "torch" or "keras"; no other layout says it.

    Raises
    ------
    RecipeError
        If a parameter is not valid, or the recipe copies a tensor.
    LayoutError
        If the axis, `shuffle` or `dims` is not known.
    ShapeError
        If r^d does not divide the outputs, or the outputs of a pixel lie in several groups.

    Notes
    -----
    A window takes the time of its own numbers, as for the recipe. The bias needs the same start: zeros.

    References
    ----------
    Aitken, Ledig, Theis, Caballero, Wang, Shi, "Checkerboard artifact free sub-pixel convolution", 2017
    (arXiv 1707.02937).

    Examples
    --------
    >>> import pyinit as pi
    >>> w = pi.icnr(pi.he_normal(layout="torch"), 2)((16, 3, 3, 3), key=0)
    >>> bool((w[0] == w[3]).all()), bool((w[0] == w[4]).all())
    (True, False)
    >>> bool((w[::4] == pi.he_normal(layout="torch")((4, 3, 3, 3), key=0)).all())
    True
    """

    verb: ClassVar[str] = "icnr"
    part: Recipe | str | dict[str, Any]
    upscale: int = 2
    _: KW_ONLY
    dims: int | None = None
    axis: int | None = None
    shuffle: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "part", as_recipe(self.part, "a recipe for icnr"))
        object.__setattr__(self, "upscale", count("icnr's upscale", self.upscale))
        if self.dims is not None:
            object.__setattr__(self, "dims", count("icnr's dims", self.dims))
        if self.axis is not None:
            if not is_integer(self.axis):
                raise LayoutError(f"icnr's axis is an axis; got {brief(self.axis)}. Use an int.")
            object.__setattr__(self, "axis", int(self.axis))
        if self.shuffle is not None and self.shuffle not in _SHUFFLES:
            raise RecipeError(
                f"icnr's shuffle is one of {', '.join(_SHUFFLES)}; got {brief(self.shuffle)}. Name one."
            )

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipe of the smaller kernel."""
        return (self.part,) if isinstance(self.part, Recipe) else ()

    @property
    def needs_axes(self) -> bool:
        """Whether the axis of the outputs, or how they are numbered, is the owner's to say."""
        return self.axis is None or self.shuffle is None

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict of JSON values, the inner recipe included."""
        return {**super().to_dict(), "part": self.recipes[0].to_dict()}

    def _told(self, axes: Axes, rank: int) -> Icnr:
        """Return the recipe with what axes say of it."""
        if rank < 2:
            raise ShapeError(
                f"icnr needs a kernel, of at least 2 dimensions; got {rank}. Begin its bias with zeros()."
            )
        told, axis = self, self.axis
        is_said = any(one is not None for one in (axes.layout, axes.compat, axes.out_axis))
        if axis is None and is_said:
            outs = axes.channels(rank)[1]
            axis = outs[0] if len(outs) == 1 else None
        shuffle = self.shuffle or _OF_LAYOUT.get(axes.layout or axes.compat or "")
        if (axis, shuffle) != (self.axis, self.shuffle):
            told = replace(self, axis=axis, shuffle=shuffle)
        return told

    def _smaller(self, shape: Shape) -> tuple[int, int, Shape]:
        """Return the axis, the number of copies, and the shape of the smaller kernel."""
        rank, dims = len(shape), self.dims
        if dims is None:
            if rank != 4 or Axes.of(self.part).batch(rank):
                raise LayoutError(
                    f"icnr needs the number of axes that are enlarged; got shape {shape}. Give dims=2, or "
                    "that of the shuffle."
                )
            dims = 2
        if self.axis is None:
            raise LayoutError(
                f"icnr needs the axis of the outputs; got shape {shape}. Give axis=, or a recipe with a "
                "layout."
            )
        if not -rank <= self.axis < rank:
            raise ShapeError(f"icnr needs an axis {self.axis}; got shape {shape}. Name another axis.")
        axis, copies = self.axis % rank, self.upscale**dims
        if shape[axis] % copies:
            raise ShapeError(
                f"icnr needs {copies} outputs for each pixel; got {shape[axis]} in shape {shape}. Check "
                "upscale, dims and the axis."
            )
        return axis, copies, (*shape[:axis], shape[axis] // copies, *shape[axis + 1 :])

    def _check_groups(self, axes: Axes, shape: Shape) -> None:
        """Refuse a convolution of which the outputs of one pixel see other inputs."""
        if axes.groups == 1:
            return
        axis, copies, _ = self._smaller(shape)
        # a transposed kernel of torch has the outputs of one group
        each = shape[axis] if axes.transposed else shape[axis] // axes.groups
        if self.shuffle == "depth_to_space" or each % copies:
            raise ShapeError(
                f"icnr needs the {copies} outputs of a pixel in one group; got groups={axes.groups} for "
                f"shape {shape}. Use fewer groups, or another start."
            )

    def each(self, shape: Shape) -> Iterator[tuple[int, Recipe, Shape]]:
        """Yield the recipe of the smaller kernel, with its shape."""
        told = self._told(Axes.of(self.part), len(shape))
        yield 0, self.recipes[0], told._smaller(shape)[2]

    def fitted(self, axes: Axes, shape: Shape, fit: Callable[[Recipe, Axes, Shape], Recipe]) -> Icnr:
        """Return the recipe with the axes of the weight's owner; itself if nothing changes."""
        told = self._told(Axes.of(self.part), len(shape))._told(axes, len(shape))
        extent = told._smaller(shape)[2]
        told._check_groups(axes, shape)
        with about("icnr"):
            inner = fit(self.recipes[0], axes, extent)
        return told if inner is self.part else replace(told, part=inner)

    def _times(self, factor: float) -> Recipe:
        return replace(self, part=self.recipes[0].scaled(factor))

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Plan the smaller kernel."""
        told = self._told(Axes.of(self.part), len(shape))
        axis, copies, extent = told._smaller(shape)
        told._check_groups(Axes.of(self.part), shape)
        if told.shuffle is None:
            raise LayoutError(
                f"icnr needs to know how the shuffle numbers channels; got shape {shape}. Give "
                "shuffle='pixel_shuffle' or 'depth_to_space'."
            )
        with about("icnr"):
            plan = self.recipes[0].plan_for(extent, dtype.name)
        if plan.source is not None:
            # a plan in JSON could not hold it
            raise RecipeError(
                f"icnr draws; {self.part!r} copies a tensor. Repeat the values, then copy them."
            )
        numbers = (axis, copies, told.shuffle == "pixel_shuffle", (plan,))
        return replace(plan, distribution="icnr", shape=shape, numbers=numbers)


icnr = maker("icnr", Icnr)
named(icnr, Icnr.verb)
