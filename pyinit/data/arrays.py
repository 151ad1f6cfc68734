"""Checks of a data set's arrays: numbers, class numbers, row numbers; and a warning of constant features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .order import Rows

__all__ = ["labels", "listed", "numbers", "row_numbers", "warn_of_constants"]

Array = npt.NDArray[Any]


def numbers(values: Any, what: str, dtype: Any) -> Array:
    """Return a copy of finite real numbers, in `dtype` or, if that is None, in their own dtype."""
    if np.ma.isMaskedArray(values):
        # a copy would contain the masked numbers
        raise DataError(
            f"{what} must be an array of numbers; got a masked array. Fill or drop what it masks."
        )
    try:
        given = np.asarray(values)
    except (TypeError, ValueError):
        raise DataError(
            f"{what} must be an array of numbers; got {type(values).__name__}. Convert them."
        ) from None
    # NumPy would convert most other kinds, and drop an imaginary part or the unit of a date
    if given.dtype.kind not in "biuf":
        raise DataError(f"{what} must be an array of numbers; got dtype {given.dtype}. Convert them.")
    # numbers that overflow are refused below
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(given, dtype=dtype, order="C")
    finite = np.isfinite(array)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        at = first[0] if len(first) == 1 else first
        raise DataError(
            f"{what} must be finite; got {array[first]} at [{at}] and {np.sum(~finite)} such in all. "
            "Drop or replace them."
        )
    return array


def labels(values: Array, count: int, name: str) -> npt.NDArray[np.int64]:
    """Return class numbers as int64, or refuse what is not in [0, count)."""
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= count:
        raise DataError(
            f"{name} has {count} classes, so its targets must be integers in [0, {count}); got "
            f"{values.dtype} in [{values.min()}, {values.max()}]. Number the classes from 0."
        )
    return values.astype(np.int64)


def row_numbers(values: Any, rows: int, what: str) -> Rows:
    """Return row numbers as intp, or refuse what is not in [0, rows)."""
    array = np.array(values)
    if array.size == 0:
        return np.empty(0, dtype=np.intp)
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= rows:
        raise DataError(
            f"{what} must be row numbers in [0, {rows}); got {values!r:.60}. Use an array of ints."
        )
    return array.astype(np.intp)


def warn_of_constants(inputs: Array, what: str, names: Sequence[str] = (), stacklevel: int = 2) -> None:
    """Warn of features that are constant over the rows, unless all features are."""
    constant = np.flatnonzero((inputs == inputs[0]).all(axis=0))
    if 0 < len(constant) < inputs.shape[1]:
        named = [names[at] if names else f"feature {at + 1}" for at in constant[:3].tolist()]
        warnings.warn(
            f"{what} has features that are constant and teach nothing: {listed(named, len(constant))}. "
            "Leave them out, unless all features are of one kind, as pixels are.",
            stacklevel=stacklevel + 1,
        )


def listed(first: Sequence[str], total: int) -> str:
    """Return the first names of a list, and how many more there are."""
    more = "" if total <= len(first) else f" and {total - len(first)} more"
    return ", ".join(first) + more
