"""A tensor that consists of several weights along an axis, each with its own recipe, fans and stream."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ..errors import LayoutError, RecipeError, ShapeError
from ..stream.arguments import brief, is_integer
from ..stream.dtypes import DType
from ..stream.plan import Plan
from ..stream.window import Shape
from .composite import Composite, about
from .fans import Axes
from .makers import maker
from .recipe import Recipe, as_recipe, named

__all__ = ["Blocks", "blocks"]


@dataclass(frozen=True, repr=False)
class Blocks(Composite):
    """Weights that are stored in one tensor, side by side along an axis: each is drawn as if it stood alone.

    Block i is ``parts[i]`` for the shape of the block, under ``key.fold_in(streams[i])``: it counts its own
    fans, and is a matrix of its own where it is orthogonal. Queries, keys and values in one tensor, the gates
    of an LSTM, the two first layers of a gated MLP, and the groups of a convolution are such weights.

    Parameters
    ----------
    parts : sequence of Recipe, str or dict
        One recipe for each block.
    axis : int
        The axis along which they lie.
    sizes : sequence of int, optional
        The length of each block along the axis; by default they are equal.
    streams : sequence of int, optional
        Which draws each block takes, from 0 on; by default block i takes those of number i, and no two share
        any. Blocks of one shape and number make the same draws: ``streams=[0, 0]`` with a recipe and its
        negative makes two blocks whose sum is 0, as in `chrono`.

    Raises
    ------
    RecipeError
        If there is no part, a part is not a recipe, copies a tensor, or cannot make its block.
    ShapeError
        If the blocks do not cover the axis exactly, or the tensor has no such axis.
    LayoutError
        If a block does not consist of whole groups.

    Notes
    -----
    A window takes the time of its own numbers, as for the parts. For a weight of a convolution with groups
    the parts along the axis of the outputs have a share of the groups.

    References
    ----------
    Saxe, McClelland, Ganguli, ICLR 2014 (a gate is a matrix); Jozefowicz, Zaremba, Sutskever, ICML 2015 (the
    bias of a forget gate).

    Examples
    --------
    >>> import pyinit as pi
    >>> gates = pi.blocks(["zeros", "ones", "zeros", "zeros"])
    >>> gates((8,), key=0)
    array([0., 0., 1., 1., 0., 0., 0., 0.], dtype=float32)
    >>> qkv = pi.blocks([pi.glorot_uniform(layout="torch")] * 3)
    >>> w = qkv((48, 16), key=0)
    >>> alone = pi.glorot_uniform(layout="torch")((16, 16), key=pi.key(0).fold_in(1))
    >>> bool((w[16:32] == alone).all())
    True
    """

    verb: ClassVar[str] = "blocks"
    parts: Sequence[Recipe | str | dict[str, Any]]
    axis: int = 0
    sizes: Sequence[int] | None = None
    streams: Sequence[int] | None = None

    def __post_init__(self) -> None:
        given: Any = self.parts
        if not isinstance(given, tuple | list) or not given:
            raise RecipeError(
                f"blocks needs a recipe for each block; got {brief(given)}. Write blocks((q, k, v))."
            )
        parts = tuple(as_recipe(part, f"a recipe for block {i}") for i, part in enumerate(given))
        object.__setattr__(self, "parts", parts)
        if not is_integer(self.axis):
            raise LayoutError(f"blocks' axis is an axis; got {brief(self.axis)}. Use an int.")
        object.__setattr__(self, "axis", int(self.axis))
        if self.sizes is not None:
            sizes: Any = self.sizes
            if not isinstance(sizes, tuple | list) or not all(is_integer(n) and n >= 0 for n in sizes):
                raise RecipeError(f"blocks' sizes are integers; got {brief(sizes)}. Write sizes=(16, 4, 4).")
            if len(sizes) != len(parts):
                raise RecipeError(
                    f"blocks needs a size for each of its {len(parts)} parts; got {brief(sizes)}. Give all."
                )
            object.__setattr__(self, "sizes", tuple(int(n) for n in sizes))
        if self.streams is not None:
            object.__setattr__(self, "streams", _streams(self.streams, len(parts)))

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipes of the blocks."""
        return tuple(part for part in self.parts if isinstance(part, Recipe))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict of JSON values, those of the parts included."""
        content: dict[str, Any] = {"recipe": self.verb, "parts": [part.to_dict() for part in self.recipes]}
        if self.axis:
            content["axis"] = self.axis
        if self.sizes is not None:
            content["sizes"] = list(self.sizes)
        return content if self.streams is None else content | {"streams": list(self.streams)}

    def each(self, shape: Shape) -> Iterator[tuple[int, Recipe, Shape]]:
        """Yield the number, the recipe and the shape of each block of a tensor.

        Raises
        ------
        ShapeError
            If the blocks do not cover the axis exactly.
        """
        if not -len(shape) <= self.axis < len(shape):
            raise ShapeError(f"blocks needs an axis {self.axis}; got shape {shape}. Name another axis.")
        axis = self.axis % len(shape)
        length, count = shape[axis], len(self.parts)
        if self.sizes is None and length % count:
            raise ShapeError(
                f"blocks needs {count} equal parts of axis {axis}; got {length} in shape {shape}. "
                "Give sizes=."
            )
        sizes = (length // count,) * count if self.sizes is None else self.sizes
        if sum(sizes) != length:
            raise ShapeError(
                f"blocks' sizes {tuple(sizes)} cover {sum(sizes)} of axis {axis}; shape {shape} has "
                f"{length}. Give sizes that add up."
            )
        for number, (part, size) in enumerate(zip(self.recipes, sizes, strict=True)):
            yield number, part, (*shape[:axis], size, *shape[axis + 1 :])

    def fitted(self, axes: Axes, shape: Shape, fit: Callable[[Recipe, Axes, Shape], Recipe]) -> Blocks:
        """Return the recipe in which each part has the axes of the weight's owner; itself if none changes.

        Raises
        ------
        LayoutError
            If a block along the axis of groups does not consist of whole groups.
        """

        def each() -> Iterator[Recipe]:
            for number, part, extent in self.each(shape):
                with about(f"block {number}"):
                    yield fit(part, self._share(axes, shape, extent), extent)

        fit_parts = tuple(each())
        if all(one is other for one, other in zip(fit_parts, self.parts, strict=True)):
            return self
        return replace(self, parts=fit_parts)

    def _share(self, axes: Axes, shape: Shape, extent: Shape) -> Axes:
        """Return the axes of a block: along the side that has whole groups, a share of them."""
        axis = self.axis % len(shape)
        ins, outs = axes.channels(len(shape)) if axes.groups != 1 else ((), ())
        if axis not in (ins if axes.transposed else outs):
            return axes
        groups, rest = divmod(axes.groups * extent[axis], shape[axis])
        if rest or not groups:
            raise LayoutError(
                f"a block of {extent[axis]} of {shape[axis]} channels is no whole number of {axes.groups} "
                "groups. Let blocks end where groups end."
            )
        return replace(axes, groups=groups)

    def _times(self, factor: float) -> Recipe:
        return replace(self, parts=tuple(part.scaled(factor) for part in self.recipes))

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Plan every block."""
        plans = []
        for number, part, extent in self.each(shape):
            with about(f"block {number}"):
                plans.append(part.plan_for(extent, dtype.name))
                if plans[-1].source is not None:
                    # a plan in JSON could not hold it
                    raise RecipeError(f"{part!r} copies a tensor. Join the values, then copy them.")
        mean, std = _mixed(plans)
        axis, bounds = self.axis % len(shape), _widest(plans)
        name = "blocks" if self.streams is None else "sharing_blocks"
        streams = () if self.streams is None else (self.streams,)
        numbers = (axis, *streams, tuple(plans))
        return Plan(name, shape, dtype.name, mean=mean, std=std, bounds=bounds, numbers=numbers)


def _streams(given: Any, count: int) -> tuple[int, ...] | None:
    """Return the numbers of the blocks' draws; None where they are those that blocks have anyway."""
    if not isinstance(given, tuple | list) or not all(is_integer(n) and 0 <= n < 2**32 for n in given):
        raise RecipeError(
            f"blocks' streams are integers from 0 on; got {brief(given)}. Write streams=(0, 0, 1)."
        )
    if len(given) != count:
        raise RecipeError(
            f"blocks needs a stream for each of its {count} parts; got {brief(given)}. Give all."
        )
    streams = tuple(int(n) for n in given)
    return None if streams == tuple(range(count)) else streams


def _mixed(plans: Sequence[Plan]) -> tuple[float | None, float | None]:
    """Return mean and std of all numbers of all blocks; None where a block has none."""
    counts = [math.prod(plan.shape) for plan in plans]
    total = sum(counts)
    means = [plan.mean for plan in plans if plan.mean is not None]
    stds = [plan.std for plan in plans if plan.std is not None]
    if not total or len(means) < len(plans) or len(stds) < len(plans):
        return None, None
    mean = sum(n * m for n, m in zip(counts, means, strict=True)) / total
    squares = sum(n * (s**2 + m**2) for n, m, s in zip(counts, means, stds, strict=True)) / total
    return mean, math.sqrt(max(squares - mean**2, 0.0))


def _widest(plans: Sequence[Plan]) -> tuple[float, float] | None:
    """Return the smallest and the largest value of all blocks; None where only the format ends one."""
    bounds = [plan.bounds for plan in plans if plan.bounds is not None]
    if len(bounds) < len(plans):
        return None
    return min(low for low, _ in bounds), max(high for _, high in bounds)


blocks = maker("blocks", Blocks)
named(blocks, Blocks.verb)
