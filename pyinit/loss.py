"""What a network's output is compared by: a number, and its gradient by the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import DataError

__all__ = ["LOSSES", "cross_entropy", "loss_of", "mean_squared_error"]

Array = npt.NDArray[Any]


def mean_squared_error(output: Array, targets: Array) -> tuple[float, Array]:
    """Return mean((y - t)^2) over all elements, as torch's mse_loss, and its gradient.

    Parameters
    ----------
    output : ndarray, shape (rows, units)
    targets : ndarray, shape (rows,) or (rows, units)
        One column where there is one unit.

    Returns
    -------
    loss : float
    gradient : ndarray
        Of shape and dtype of `output`.

    Raises
    ------
    DataError
        If the shapes differ or targets are not finite.
    """
    wanted = np.asarray(targets)
    if wanted.ndim == 1 and output.shape[1] == 1:
        wanted = wanted[:, None]
    if wanted.shape != output.shape or wanted.dtype.kind not in "fiu":
        raise DataError(
            f"a squared error needs targets of shape {output.shape}, as the output; got "
            f"{np.shape(targets)} of {wanted.dtype}. Give the last layer as many units."
        )
    if not np.isfinite(wanted).all():
        raise DataError("a squared error needs finite targets; got a nan or an infinity. Drop those rows.")
    apart = output.astype(np.float64) - wanted
    gradient = (2.0 / apart.size * apart).astype(output.dtype)
    return float(np.square(apart).mean()), gradient


def cross_entropy(output: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean of -ln softmax(y)[t] over rows, as torch's cross_entropy, and its gradient.

    Parameters
    ----------
    output : ndarray, shape (rows, classes)
    targets : ndarray of int, shape (rows,)
        Class numbers in [0, classes).

    Returns
    -------
    loss : float
    gradient : ndarray
        Of shape and dtype of `output`.

    Raises
    ------
    DataError
        If targets are not class numbers, one a row.
    """
    wanted = np.asarray(targets)
    rows, classes = output.shape
    if wanted.shape != (rows,) or wanted.dtype.kind not in "iu":
        raise DataError(
            f"a cross entropy needs {rows} class numbers, integers; got {wanted.dtype} of shape "
            f"{wanted.shape}. Number the classes from 0."
        )
    if rows and not (wanted.min() >= 0 and wanted.max() < classes):
        raise DataError(
            f"a cross entropy over {classes} outputs needs classes in [0, {classes}); got "
            f"{int(wanted.min())} to {int(wanted.max())}. Give the last layer a unit a class."
        )
    shifted = output.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    each = np.arange(rows)
    loss = float((log_sum[:, 0] - shifted[each, wanted]).mean())
    gradient = np.exp(shifted - log_sum)
    gradient[each, wanted] -= 1.0
    return loss, (gradient / rows).astype(output.dtype)


LOSSES: dict[str, Callable[[Array, Array], tuple[float, Array]]] = {
    "mse": mean_squared_error,
    "cross_entropy": cross_entropy,
}
"""Losses by name."""


def loss_of(targets: Array) -> str:
    """Return which loss suits targets: class numbers have cross entropy, other numbers a squared error."""
    return "cross_entropy" if np.asarray(targets).dtype.kind in "iu" else "mse"
