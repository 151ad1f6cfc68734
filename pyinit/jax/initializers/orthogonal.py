"""Initializers of orthogonal matrices, and of convolutions with one at their centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import LayoutError, ShapeError
from ...recipes.distributions import Constant
from ...recipes.orthogonal import DeltaOrthogonal, Orthogonal
from ...recipes.recipe import Recipe
from ...stream.window import Shape
from ..initializer import Initializer, number

__all__ = ["delta_orthogonal", "orthogonal"]


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Return an initializer of Haar-distributed matrices with orthonormal columns, or rows if fewer.

    Parameters
    ----------
    scale : float
        What the matrix is multiplied by.
    column_axis : int
        The axis of the columns; all others are flattened into rows.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``; it takes a sharding, too.

    Raises
    ------
    ShapeError
        When it is called for a vector.

    Examples
    --------
    >>> import jax
    >>> from pyinit.jax import initializers
    >>> q = initializers.orthogonal()(jax.random.key(0), (4, 2))
    >>> bool(abs(q.T @ q - jax.numpy.eye(2)).max() < 1e-6)
    True
    """
    recipe = Orthogonal(number("orthogonal's scale", scale), out_axis=column_axis)
    return _Matrix(recipe, dtype)


@dataclass(frozen=True, repr=False)
class _Matrix(Initializer):
    """orthogonal, with JAX's error for vectors; an array without elements is accepted."""

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe, or a constant for an array without elements."""
        if len(shape) < 2:
            raise ShapeError(
                f"orthogonal initializer requires at least a 2D shape; got {shape}. "
                "Use normal(stddev) for vectors."
            )
        return Constant(0.0) if 0 in shape else self.recipe


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """Return an initializer of convolution kernels that are orthogonal at their centre, and zero elsewhere.

    Parameters
    ----------
    scale : float
        What the matrix is multiplied by.
    column_axis : int
        One of the last two axes. Either way the matrix has orthonormal rows, for it has no more rows than
        columns.
    dtype : dtype, optional
        Used if a call names none.

    Returns
    -------
    Initializer
        Called as ``init(key, shape, dtype=None, out_sharding=None)``; it takes a sharding, too.

    Raises
    ------
    ShapeError
        When it is called for a shape that is not 3D, 4D or 5D, or has more inputs than outputs.

    References
    ----------
    Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, ICML 2018.

    Examples
    --------
    >>> import jax
    >>> from pyinit.jax import initializers
    >>> w = initializers.delta_orthogonal()(jax.random.key(0), (3, 3, 2, 4))
    >>> int((w != 0).sum())
    8
    """
    if column_axis not in (-2, -1, 0, 1):
        raise LayoutError(
            f"column_axis names an axis of the (in, out) matrix at the centre; got {column_axis!r}. Use -1."
        )
    return _Kernel(DeltaOrthogonal(number("delta_orthogonal's scale", scale)), dtype)


@dataclass(frozen=True, repr=False)
class _Kernel(Initializer):
    """delta_orthogonal, with JAX's errors for other shapes; an array without elements is accepted."""

    def recipe_for(self, shape: Shape) -> Recipe:
        """Return the recipe, or a constant for an array without elements."""
        if not 3 <= len(shape) <= 5:
            raise ShapeError(
                f"Delta orthogonal initializer requires a 3D, 4D or 5D shape; got {shape}. "
                "Use orthogonal() for a matrix."
            )
        if shape[-1] < shape[-2]:
            raise ShapeError(
                f"`fan_in` must be less or equal than `fan_out`; got shape {shape}. Use orthogonal()."
            )
        return Constant(0.0) if 0 in shape else self.recipe
