"""What is trained for: which loss, which targets, which score; refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.train.objective import objective_of

LINE = pi.data.Dataset("line", [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 100.0], test=np.array([3]))
PAIRS = pi.data.Dataset("pairs", [[0.0], [1.0]], [0, 1], classes=("no", "yes"))
THREE = pi.data.Dataset("three", [[0.0], [1.0], [2.0]], [0, 1, 2], classes=("a", "b", "c"))


def test_a_regression_is_trained_in_standard_deviations_of_its_training_rows() -> None:
    goal = objective_of(LINE, 1, None)
    assert (goal.loss, goal.metric) == ("mse", "rmse")
    assert goal.mean == 3.0
    assert goal.sd == pytest.approx(math.sqrt(8 / 3))
    np.testing.assert_allclose(goal.targets[:3], [-math.sqrt(1.5), 0.0, math.sqrt(1.5)], rtol=1e-6)
    zeros = np.zeros((3, 1), np.float32)
    assert goal(zeros, LINE.train)[0] == pytest.approx(1.0)
    # the score is in the targets' own unit
    assert goal.score(zeros, LINE.part("train")[1]) == pytest.approx(math.sqrt(8 / 3))


def test_constant_targets_are_only_centred() -> None:
    flat = pi.data.Dataset("flat", [[0.0], [1.0]], [5.0, 5.0])
    goal = objective_of(flat, 1, None)
    assert (goal.mean, goal.sd) == (5.0, 1.0)


def test_classes() -> None:
    assert objective_of(PAIRS, 1, None).loss == "logistic"
    assert objective_of(PAIRS, 2, None).loss == "cross_entropy"
    assert objective_of(THREE, 3, "mse").targets.tolist() == np.eye(3).tolist()
    two = np.array([[0.1, 0.0], [np.nan, 3.0]], np.float32)
    # what is not a number is not right
    assert objective_of(PAIRS, 2, None).score(two, np.array([0, 1])) == 0.5
    one = np.array([[-1.0], [-1.0]], np.float32)
    assert objective_of(PAIRS, 1, None).score(one, np.array([0, 1])) == 0.5


@pytest.mark.parametrize(
    ("data", "units", "loss", "kind", "message"),
    [
        (LINE, 2, None, pi.ShapeError, "a regression on line needs 1 output unit; got 2. End with width 1."),
        (
            LINE,
            1,
            "cross_entropy",
            pi.ArgumentError,
            "cross_entropy needs classes; line is a regression. Use mse.",
        ),
        (THREE, 2, None, pi.ShapeError, "cross_entropy on three's 3 classes needs 3 output units; got 2."),
        (PAIRS, 2, "logistic", pi.ShapeError, "logistic on pairs's 2 classes needs 1 output unit; got 2."),
        (
            THREE,
            1,
            "logistic",
            pi.ArgumentError,
            "a logistic loss is for 2 classes; three has 3. Use cross_entropy",
        ),
        (THREE, 3, "hinge", pi.ArgumentError, "loss is one of mse, cross_entropy, logistic; got 'hinge'."),
    ],
)
def test_refusals(data: Any, units: int, loss: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        objective_of(data, units, loss)
