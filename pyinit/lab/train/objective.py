"""The objective of a training: a loss, the targets in its form, and a score that people can read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data import Dataset
from ...errors import ArgumentError, ShapeError
from ...linalg.sums import mean
from ..network.loss import LOSSES

__all__ = ["Objective", "objective_of"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Objective:
    """A loss by name, the targets in its form, and what turns outputs into a score.

    Parameters
    ----------
    loss : str
        "mse", "cross_entropy" or "logistic".
    targets : ndarray, (rows of the data set, ...)
        Of a regression (t - mean) / sd, of a squared error on classes one-hot rows.
    metric : {"rmse", "accuracy"}
    mean, sd : float
        Of a regression's training targets; 0 and 1 otherwise.
    """

    loss: str
    targets: Array
    metric: str
    mean: float = 0.0
    sd: float = 1.0

    def __call__(self, output: Array, rows: Array) -> tuple[float, Array]:
        """Return the loss of rows and its gradient with respect to the output."""
        return LOSSES[self.loss](output, self.targets[rows])

    def score(self, output: Array, wanted: Array) -> float:
        """Return the root mean squared error in the targets' own unit, or the share of right classes."""
        if self.metric == "rmse":
            apart = output[:, 0].astype(np.float64) * self.sd + self.mean - wanted
            return math.sqrt(mean(np.square(apart)))
        chosen = output[:, 0] > 0 if self.loss == "logistic" else output.argmax(axis=1)
        # a NaN counts as a wrong answer
        right = (chosen == wanted) & np.isfinite(output).all(axis=1)
        return int(np.count_nonzero(right)) / len(wanted)


def objective_of(data: Dataset, units: int, loss: str | None) -> Objective:
    """Return the objective of a network with so many outputs."""
    if loss is not None and loss not in LOSSES:
        raise ArgumentError(f"loss is one of {', '.join(LOSSES)}; got {loss!r}. Choose one.")
    classes = len(data.classes)
    if not classes:
        return _regression(data, units, loss)
    if loss is None:
        loss = "logistic" if (classes, units) == (2, 1) else "cross_entropy"
    needed = 1 if loss == "logistic" else classes
    if loss == "logistic" and classes != 2:
        raise ArgumentError(
            f"a logistic loss is for 2 classes; {data.name} has {classes}. Use cross_entropy, a unit a class."
        )
    if units != needed:
        raise ShapeError(
            f"{loss} on {data.name}'s {classes} classes needs {needed} output unit{'s' * (needed > 1)}; got "
            f"{units}. Change the last width."
        )
    one_hot = np.eye(classes, dtype=np.float32)
    return Objective(loss, one_hot[data.targets] if loss == "mse" else data.targets, "accuracy")


def _regression(data: Dataset, units: int, loss: str | None) -> Objective:
    if loss not in (None, "mse"):
        raise ArgumentError(f"{loss} needs classes; {data.name} is a regression. Use mse.")
    if units != 1:
        raise ShapeError(f"a regression on {data.name} needs 1 output unit; got {units}. End with width 1.")
    known = data.targets[data.train].astype(np.float64)
    centre = float(mean(known))
    sd = math.sqrt(mean(np.square(known - centre))) or 1.0
    scaled = (data.targets.astype(np.float64) - centre) / sd
    return Objective("mse", scaled.astype(np.float32), "rmse", centre, sd)
