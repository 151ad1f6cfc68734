"""Losses, and their gradients with respect to the network's output.

They are computed in float64, by sums of one order and without a vendor's exp and log, so that the bits agree
on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import DataError
from ...linalg.exponential import exp, log
from ...linalg.sums import mean, total

__all__ = ["LOSSES", "cross_entropy", "logistic", "loss_of", "mean_squared_error"]

Array = npt.NDArray[Any]


def mean_squared_error(output: Array, targets: Array) -> tuple[float, Array]:
    """Return mean((y - t)^2) over all elements, as torch's mse_loss does, and its gradient.

    Parameters
    ----------
    output : ndarray, shape (rows, units)
    targets : ndarray, shape (rows,) or (rows, units)
        May be one-dimensional if there is one unit.

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
    return _mean(np.square(apart).ravel()), gradient


def cross_entropy(output: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean of -ln softmax(y)[t] over rows, as torch's cross_entropy does, and its gradient.

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
        If targets are not class numbers, one for each row.
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
            f"{int(wanted.min())} to {int(wanted.max())}. Give the last layer one unit for each class."
        )
    shifted = output.astype(np.float64)
    with np.errstate(invalid="ignore"):
        # the loss of infinite outputs is nan, without a warning
        shifted -= shifted.max(axis=1, keepdims=True)
    each = np.arange(rows)
    powers = exp(shifted)
    sums = total(powers, 1, keepdims=True)
    loss = _mean(log(sums[:, 0]) - shifted[each, wanted])
    gradient = powers / sums
    gradient[each, wanted] -= 1.0
    return loss, (gradient / rows).astype(output.dtype)


def logistic(output: Array, targets: Array) -> tuple[float, Array]:
    """Return the mean of ln(1 + e^y) - t y over rows, as torch's binary_cross_entropy_with_logits.

    Parameters
    ----------
    output : ndarray, shape (rows, 1)
    targets : ndarray of int, shape (rows,)
        0 or 1.

    Returns
    -------
    loss : float
    gradient : ndarray
        Of shape and dtype of `output`.

    Raises
    ------
    DataError
        If there is more than one unit, or targets are not 0 or 1, one for each row.
    """
    wanted = np.asarray(targets)
    rows, units = output.shape
    if units != 1 or wanted.shape != (rows,) or wanted.dtype.kind not in "iu":
        raise DataError(
            f"a logistic loss needs one output unit and {rows} integers; got {units} units, {wanted.dtype} "
            f"of shape {wanted.shape}. Use cross_entropy for one unit for each class."
        )
    if rows and not (wanted.min() >= 0 and wanted.max() <= 1):
        raise DataError(
            f"a logistic loss needs classes 0 and 1; got {int(wanted.min())} to {int(wanted.max())}. "
            "Use cross_entropy with one unit for each class."
        )
    y = output[:, 0].astype(np.float64)
    # e^-|y| cannot overflow
    power = exp(-np.abs(y))
    loss = _mean(np.maximum(y, 0.0) + log(1.0 + power) - wanted * y)
    probability = np.where(y >= 0, 1.0, power) / (1.0 + power)
    return loss, ((probability - wanted) / rows).astype(output.dtype)[:, None]


def _mean(values: Array) -> float:
    return float(mean(values)) if len(values) else float("nan")


LOSSES: dict[str, Callable[[Array, Array], tuple[float, Array]]] = {
    "mse": mean_squared_error,
    "cross_entropy": cross_entropy,
    "logistic": logistic,
}
"""Losses by name."""


def loss_of(targets: Array) -> str:
    """Return the name of the usual loss: cross entropy for class numbers, else a squared error."""
    return "cross_entropy" if np.asarray(targets).dtype.kind in "iu" else "mse"
