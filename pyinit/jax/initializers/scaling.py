"""variance_scaling, with the fans that JAX counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import RecipeError, ShapeError
from ...recipes.fans import positions
from ...recipes.recipe import Recipe
from ...recipes.scaling import VarianceScaling
from ...stream.window import Shape
from ..initializer import Initializer, number

__all__ = ["Axes", "variance_scaling"]

Axes = int | Sequence[int]


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    dtype: Any = None,
) -> Initializer:
    """Return an initializer of draws with mean 0 and variance scale / fan.

    Parameters
    ----------
    scale : float
        Finite, at least 0.
    mode : {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}
        Which fan, or which mean of both.
    distribution : {"truncated_normal", "normal", "uniform"}
        Truncation is at 2 std of a normal widened so that the variance is exact.
    in_axis, out_axis : int or sequence of int
        The axes of inputs and outputs; all others but `batch_axis` are receptive field.
    batch_axis : int or sequence of int
        Axes that count in no fan.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``.

    Raises
    ------
    RecipeError
        If an option is unknown or the scale is not valid; when the initializer is made, not when it is
        called.
    ShapeError
        When it is called for a vector, which has no two last axes.

    Notes
    -----
    Fans are those of `jax.nn.initializers`, from the global shape; where an axis is listed as input and as
    output (Flax's ``default_embed_init`` does so), it counts in neither fan, as there.

    Examples
    --------
    >>> from pyinit.jax import initializers
    >>> plan = initializers.variance_scaling(2.0, "fan_in", "truncated_normal").plan((3, 3, 32, 8))
    >>> plan.fan_in, round(plan.std, 6)
    (288, 0.083333)
    """
    if mode not in _MODES:
        raise RecipeError(
            f"invalid mode for variance scaling initializer: {mode}. Use one of {', '.join(_MODES)}."
        )
    if distribution not in _DISTRIBUTIONS:
        raise RecipeError(
            f"invalid distribution for variance scaling initializer: {distribution}. "
            f"Use one of {', '.join(_DISTRIBUTIONS)}."
        )
    recipe = VarianceScaling(
        number("variance_scaling's scale", scale),
        mode,
        distribution,
        in_axis=_listed(in_axis),
        out_axis=_listed(out_axis),
        batch_axis=_listed(batch_axis),
    )
    return _Scaling(recipe, dtype)


_MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
_DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")


def _listed(axes: Any) -> Any:
    return tuple(axes) if isinstance(axes, Sequence) else axes


@dataclass(frozen=True, repr=False)
class _Scaling(Initializer):
    """variance_scaling, with JAX's way to count fans and to refuse vectors."""

    recipe: VarianceScaling

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe, in which an axis of inputs and outputs at once has become a batch axis."""
        rank, recipe = len(shape), self.recipe
        if recipe.in_axis == -2 and rank < 2:
            raise ShapeError(
                f"Can't compute input and output sizes of a {rank}-dimensional weights tensor with default "
                "in_axis. Must be at least 2D or specify in_axis explicitly."
            )
        ins, outs = (set(axes) for axes in recipe.axes().channels(rank))
        both = ins & outs
        if not both:
            return recipe
        batch = both.union(positions(recipe.batch_axis, rank, "batch_axis"))
        return replace(
            recipe, in_axis=tuple(ins - both), out_axis=tuple(outs - both), batch_axis=tuple(batch)
        )
