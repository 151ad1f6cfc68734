"""What theory accepts: arrays of real numbers in their range, widths of layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import RecipeError, ShapeError
from ..stream.arguments import count

__all__ = ["Rows", "Values", "correlation", "nonnegative", "real", "together", "widths_of"]

Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


def nonnegative(what: str, value: Any) -> Values:
    """Return an array of finite numbers that are at least 0."""
    found = real(what, value)
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise RecipeError(
            f"{what} must be finite and at least 0; got {float(found[wrong].flat[0])!r}. Correct the number."
        )
    return found


def correlation(value: Any) -> Values:
    """Return an array of correlations."""
    found = real("a correlation", value)
    wrong = ~(np.abs(found) <= 1)
    if wrong.any():
        raise RecipeError(
            f"a correlation must lie in [-1, 1]; got {float(found[wrong].flat[0])!r}. Divide by the norms."
        )
    return found


def widths_of(widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths of the input and of every layer."""
    found = tuple(count("a width", width) for width in widths)
    if len(found) < 2:
        raise ShapeError(
            f"a network needs the width of its input and of each layer; got {found}. Write (784, 100, 10)."
        )
    return found


def together(*arrays: Values) -> tuple[tuple[int, ...], list[Values]]:
    """Return the shape that arrays broadcast to, and each of them flat in it."""
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ShapeError(f"arrays must broadcast together; got shapes {shapes}. Add axes of 1.") from None
    return shape, [np.broadcast_to(array, shape).ravel() for array in arrays]


def real(what: str, value: Any) -> Values:
    """Return an array of numbers as float64."""
    try:
        found = np.asarray(value)
    except ValueError:
        found = np.empty(0, object)
    if found.dtype.kind not in "fiu":
        raise RecipeError(f"{what} must be a number or an array of them; got {value!r}. Use floats.")
    return found.astype(np.float64)
