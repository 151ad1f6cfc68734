"""Keras' initializers with their numbers given: normal, uniform and truncated normal."""

from __future__ import annotations

import keras

from ...recipes import distributions
from ...recipes.recipe import Recipe
from ...stream.arguments import number
from ...stream.window import Shape
from ..initializer import Drawing, registered

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal"]


@registered
class RandomNormal(Drawing, keras.initializers.RandomNormal):
    """Normal draws, as `keras.initializers.RandomNormal`.

    Parameters
    ----------
    mean, stddev : float
        Finite; stddev at least 0.
    seed : int or keras.random.SeedGenerator, optional
        An int or None repeats its values on every call; a generator advances.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> initializers.RandomNormal().plan((3,)).std
    0.05
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of the draws."""
        return distributions.Normal(mean=self.mean, std=self.stddev)


@registered
class RandomUniform(Drawing, keras.initializers.RandomUniform):
    """Uniform draws, as `keras.initializers.RandomUniform`.

    Parameters
    ----------
    minval, maxval : float
        Values are in [minval, maxval), and are minval where the two are equal.
    seed : int or keras.random.SeedGenerator, optional
        An int or None repeats its values on every call; a generator advances.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> initializers.RandomUniform(-1, 1).plan((3,)).mean
    0.0
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of the draws."""
        low = number("RandomUniform's minval", self.minval)
        high = number("RandomUniform's maxval", self.maxval)
        return distributions.Constant(low) if low == high else distributions.Uniform(low, high)


@registered
class TruncatedNormal(Drawing, keras.initializers.TruncatedNormal):
    """Normal draws cut at two stddev from the mean, as `keras.initializers.TruncatedNormal`.

    Parameters
    ----------
    mean, stddev : float
        Of the normal before it is cut: as in Keras, the std of the weights is 0.8796 times stddev.
    seed : int or keras.random.SeedGenerator, optional
        An int or None repeats its values on every call; a generator advances.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> round(initializers.TruncatedNormal(stddev=1.0).plan((3,)).std, 6)
    0.879626
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of the draws."""
        stddev = distributions.spread("TruncatedNormal", self.stddev)
        if stddev == 0:
            return distributions.Constant(self.mean)
        return distributions.TruncatedNormal(mean=self.mean, std=stddev)
