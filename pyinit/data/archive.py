"""Reads inputs and targets from the arrays of an npz file."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from .columns import Frame
from .delimited import refuse

__all__ = ["read_archive"]

# the usual names of inputs and targets
_PAIRS = (("inputs", "targets"), ("x", "y"), ("X", "y"), ("data", "target"), ("images", "labels"))
_SPLIT = ("x_train", "y_train", "x_test", "y_test")

Array = npt.NDArray[Any]


def read_archive(raw: bytes, where: str, inputs: str | None, target: Any, task: str | None) -> Frame:
    """Return the arrays of the given names, or of the first usual pair of names that the file has."""
    arrays = _arrays(raw, where)
    train = None
    if inputs is None and target is None and set(_SPLIT) <= set(arrays):
        x_train, y_train, x_test, y_test = (_checked(arrays[name], where, name) for name in _SPLIT)
        if x_train.shape[1:] != x_test.shape[1:] or y_train.shape[1:] != y_test.shape[1:]:
            raise DataError(
                f"{where}: training and test arrays need rows of one shape; got {_shapes(arrays)}."
            )
        _paired(x_train, y_train, where, "x_train", "y_train")
        x, y = np.concatenate((x_train, x_test)), np.concatenate((y_train, y_test))
        names, train = ("x_train and x_test", "y_train and y_test"), len(x_train)
    else:
        names = _names(arrays, where, inputs, target)
        x, y = (_checked(arrays[name], where, name) for name in names)
    _paired(x, y, where, *names)
    flat = x.reshape(len(x), -1)
    if flat.dtype.kind not in "biuf" or flat.size == 0:
        raise DataError(
            f"{where}: {names[0]} must be numbers, rows first; got {x.dtype} {x.shape}. Convert it."
        )
    with np.errstate(over="ignore"):
        values = flat.astype(np.float32)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        faults = [
            f"{names[0]} row {i}, column {j}: a finite float32 number is needed; got {flat[i, j]}"
            for i, j in infinite
        ]
        raise refuse(where, faults, "Correct these numbers (rows and columns count from 0).")
    targets, classes = _targets(y.reshape(len(y)), where, names[1], task)
    feature_names = [f"{names[0]} {i}" for i in range(values.shape[1])]
    return Frame(values, targets, feature_names, classes, [f"row {i}" for i in range(len(x))], train)


def _arrays(raw: bytes, where: str) -> dict[str, Array]:
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = "arrays of objects, which only a pickle holds" if "pickle" in str(error) else str(error)
        raise DataError(
            f"{where} must be an npz file of arrays; got {reason}. Write it with numpy.savez."
        ) from None
    arrays = {name: values for name, values in found.items() if isinstance(values, np.ndarray)}
    if not arrays:
        raise DataError(
            f"{where} is a zip file without arrays. Write it with numpy.savez, or save a sheet as CSV."
        )
    return arrays


def _names(arrays: dict[str, Array], where: str, inputs: str | None, target: Any) -> tuple[str, str]:
    if target is not None and not isinstance(target, str):
        raise DataError(
            f"the target of an npz file is an array's name; got {target!r}. Arrays are {_shapes(arrays)}."
        )
    for pair in _PAIRS:
        names = (pair[0] if inputs is None else inputs, pair[1] if target is None else target)
        if set(names) <= set(arrays) and names[0] != names[1]:
            return names
    raise DataError(
        f"{where} needs arrays of inputs and targets, such as x and y; got {_shapes(arrays)}. "
        "Name them by inputs= and target=."
    )


def _shapes(arrays: dict[str, Array]) -> str:
    shown = [f"{name} {values.shape}" for name, values in list(arrays.items())[:8]]
    return ", ".join(shown) + ("" if len(arrays) <= 8 else f" and {len(arrays) - 8} more")


def _checked(values: Array, where: str, name: str) -> Array:
    if values.ndim == 0 or not len(values):
        raise DataError(f"{where}: {name} needs rows; got shape {values.shape}. Give it one row an example.")
    return values


def _paired(x: Array, y: Array, where: str, *names: str) -> None:
    if y.size != len(x) or y.shape[0] != len(x):
        raise DataError(
            f"{where}: {names[1]} needs shape ({len(x)},), one a row of {names[0]}; got {y.shape}. "
            "Reshape it, or number the classes of a one-hot array by argmax."
        )


def _targets(y: Array, where: str, name: str, task: str | None) -> tuple[Array, list[str]]:
    """Return targets and classes; by default, floats are a regression and all else classes."""
    if y.dtype.kind not in "biufUS" or (y.dtype.kind in "US" and task == "regression"):
        raise DataError(f"{where}: {name} must be numbers, or words of classes; got {y.dtype}. Convert it.")
    if task is None:
        task = "regression" if y.dtype.kind == "f" else "classification"
    if task == "regression":
        with np.errstate(over="ignore"):
            values = y.astype(np.float64)
            infinite = np.flatnonzero(np.isinf(values.astype(np.float32)))
        if len(infinite):
            faults = [f"{name} row {i}: a finite float32 number is needed; got {y[i]}" for i in infinite]
            raise refuse(where, faults, "Correct these numbers (rows count from 0).")
        return values, []
    missing = np.isnan(y) if y.dtype.kind == "f" else np.zeros(len(y), dtype=bool)
    known, codes = np.unique(y[~missing], return_inverse=True)
    if len(known) > 1000:
        raise DataError(
            f"{where}: {name} has {len(known)} different labels; at most 1000 are classes. "
            "Use task='regression'."
        )
    targets = np.full(len(y), -1, dtype=np.int64)
    targets[~missing] = codes
    return targets, [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in known.tolist()]
