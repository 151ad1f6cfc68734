"""Orthogonal, with the matrix that Keras flattens a kernel to."""

from __future__ import annotations

import keras

from ...errors import ShapeError
from ...recipes import orthogonal
from ...recipes.distributions import Constant
from ...recipes.recipe import Recipe
from ...stream.window import Shape
from ..initializer import Drawing, registered

__all__ = ["Orthogonal"]


@registered
class Orthogonal(Drawing, keras.initializers.Orthogonal):
    """Haar-distributed orthonormal columns, or rows if fewer, as `keras.initializers.Orthogonal`.

    Parameters
    ----------
    gain : float
        What the matrix is multiplied by.
    seed : int or keras.random.SeedGenerator, optional
        An int or None repeats its values on every call; a generator advances.

    Raises
    ------
    ShapeError
        When it is called for a vector.

    Notes
    -----
    All axes but the last are flattened into rows. bfloat16 and float16, which Keras cannot draw on every
    backend, are rounded once from float32.

    References
    ----------
    Saxe, McClelland, Ganguli, ICLR 2014.

    Examples
    --------
    >>> import keras
    >>> from pyinit.keras import initializers
    >>> q = keras.ops.convert_to_numpy(initializers.Orthogonal(seed=0)((4, 2)))
    >>> bool(abs(q.T @ q - [[1, 0], [0, 1]]).max() < 1e-6)
    True
    """

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe, or a constant for a tensor without elements."""
        if len(shape) < 2:
            raise ShapeError(
                f"The tensor to initialize must be at least two-dimensional; got shape {shape} of rank "
                f"{len(shape)}. Use RandomNormal for vectors."
            )
        return Constant(0.0) if 0 in shape else orthogonal.Orthogonal(self.gain, layout="keras")
