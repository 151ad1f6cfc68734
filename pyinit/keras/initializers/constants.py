"""Keras' initializers that draw nothing."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from ...errors import ShapeError
from ...recipes import distributions, patterns
from ...recipes.recipe import Recipe
from ...stream.dtypes import FLOATS
from ...stream.window import Shape
from ..initializer import Drawing, registered
from ..tensors import check_layout, placed

__all__ = ["STFT", "Constant", "Identity", "Ones", "Zeros"]

STFT = keras.initializers.STFT
"""Keras' own initializer: a table of cosines, in which nothing is drawn."""


class _Writing(Drawing):
    """Calls an initializer that needs no seed; Keras handles dtypes that pyinit does not write."""

    seed = 0

    def __call__(self, shape: Any, dtype: Any = None, layout: Any = None) -> Any:
        """Return a new tensor, of any dtype that the backend has."""
        if keras.backend.standardize_dtype(dtype) in FLOATS and self._is_number():
            return super().__call__(shape, dtype, layout)
        check_layout(layout)
        return placed(super(Drawing, self).__call__(shape, dtype=dtype), layout)  # type: ignore[misc]

    def _is_number(self) -> bool:
        return True


@registered
class Zeros(_Writing, keras.initializers.Zeros):
    """Zeros, as `keras.initializers.Zeros`.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> [float(value) for value in initializers.Zeros()((2,))]
    [0.0, 0.0]
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of zeros."""
        return distributions.zeros()


@registered
class Ones(_Writing, keras.initializers.Ones):
    """Ones, as `keras.initializers.Ones`.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> [float(value) for value in initializers.Ones()((2,))]
    [1.0, 1.0]
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of ones."""
        return distributions.ones()


@registered
class Constant(_Writing, keras.initializers.Constant):
    """One value everywhere, as `keras.initializers.Constant`.

    Parameters
    ----------
    value : scalar or array
        An array is broadcast, by Keras.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> [float(value) for value in initializers.Constant(0.5)((2,))]
    [0.5, 0.5]
    """

    def _is_number(self) -> bool:
        number = isinstance(self.value, int | float | np.integer | np.floating)
        return number and not isinstance(self.value, bool) and math.isfinite(self.value)

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of the value."""
        return distributions.Constant(self.value)


@registered
class Identity(_Writing, keras.initializers.Identity):
    """A matrix with `gain` on its diagonal, as `keras.initializers.Identity`.

    Parameters
    ----------
    gain : float
        The config holds it as well; Keras 3.15 loses it.

    Raises
    ------
    ShapeError
        When it is called for a shape that is not a matrix's.

    Examples
    --------
    >>> from pyinit.keras import initializers
    >>> [float(value) for value in initializers.Identity(gain=2.0)((1, 3))[0]]
    [2.0, 0.0, 0.0]
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe of the matrix."""
        if len(shape) != 2:
            raise ShapeError(
                "Identity matrix initializer can only be used for 2D matrices; got shape "
                f"{shape} of rank {len(shape)}. Use FromRecipe(pyinit.dirac()) for convolutions."
            )
        return patterns.Identity(self.gain)

    def get_config(self) -> dict[str, Any]:
        """Return the gain."""
        return {"gain": self.gain}
