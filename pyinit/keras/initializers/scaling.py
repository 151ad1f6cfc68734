"""VarianceScaling, with the fans that Keras counts."""

from __future__ import annotations

import keras

from ...recipes import scaling
from ...recipes.fans import given_axes, positions
from ...recipes.recipe import Recipe
from ...stream.window import Shape
from ..initializer import Drawing, registered

__all__ = ["VarianceScaling"]

_DISTRIBUTIONS = {
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "normal",
    "uniform": "uniform",
}


@registered
class VarianceScaling(Drawing, keras.initializers.VarianceScaling):
    """Draws of mean 0 and variance scale / fan, as `keras.initializers.VarianceScaling`.

    Parameters
    ----------
    scale : float
        Above 0.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Which fan, or the mean of both; a fan is at least 1, and both are n for a vector of n.
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
        Truncation is at 2 std of a normal widened so that the variance is exact. "normal" is truncated, too.
    seed : int or keras.random.SeedGenerator, optional
        An int or None repeats its values on every call; a generator advances.
    input_axes, output_axes : sequence of int, optional
        Where both are given, fan_in and fan_out are the products of these axes, and of no other. One alone
        is ignored, as in Keras. Keras before 3.15 does not take them, and counts the axes of every weight as
        those of a convolution.

    Raises
    ------
    ValueError
        If an option is unknown, or the scale not above 0.
    LayoutError
        When it is called for a shape without these axes.

    Notes
    -----
    Keras' fans are wrong for transposed, depthwise and grouped kernels and for embeddings; `FromRecipe`
    counts how the layer uses its weight: ``FromRecipe("he_normal")``.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> plan = initializers.VarianceScaling(2.0).plan((3, 3, 32, 8))
    >>> plan.fan_in, round(plan.std, 6)
    (288, 0.083333)
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe with Keras' fans of this shape."""
        what = (self.scale, self.mode, _DISTRIBUTIONS[self.distribution])
        # Keras before 3.15 has neither
        in_axes, out_axes = (getattr(self, name, None) for name in ("input_axes", "output_axes"))
        if in_axes is None or out_axes is None:
            return scaling.VarianceScaling(*what, compat="keras")
        rank = len(shape)
        ins = set(positions(given_axes(in_axes, "input_axes") or (), rank, "input_axes"))
        outs = set(positions(given_axes(out_axes, "output_axes") or (), rank, "output_axes"))
        # an axis of both is like a receptive field: it counts in both fans
        return scaling.VarianceScaling(
            *what,
            in_axis=tuple(sorted(ins - outs)),
            out_axis=tuple(sorted(outs - ins)),
            batch_axis=tuple(axis for axis in range(rank) if axis not in ins | outs),
        )
