"""Losses: torch's numbers, finite differences, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.network.loss import LOSSES, cross_entropy, logistic, loss_of, mean_squared_error

ROWS, UNITS = 5, 3
OUTPUT = np.random.default_rng(0).normal(size=(ROWS, UNITS))
NUMBERS = np.random.default_rng(1).normal(size=(ROWS, UNITS))
CLASSES = np.array([0, 2, 1, 1, 0])
BINARY = np.array([0, 1, 1, 1, 0])


@pytest.mark.parametrize(
    ("name", "targets"), [("mse", NUMBERS), ("cross_entropy", CLASSES), ("logistic", BINARY)]
)
def test_gradients_equal_differences(name: str, targets: np.ndarray) -> None:
    loss = LOSSES[name]
    output = OUTPUT[:, :1] if name == "logistic" else OUTPUT
    gradient = loss(output, targets)[1]
    step = 1e-6
    for at in np.ndindex(output.shape):
        up, down = output.copy(), output.copy()
        up[at] += step
        down[at] -= step
        difference = (loss(up, targets)[0] - loss(down, targets)[0]) / (2 * step)
        assert gradient[at] == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.interop
def test_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    for ours, theirs, targets in (
        (mean_squared_error, torch.nn.functional.mse_loss, NUMBERS),
        (cross_entropy, torch.nn.functional.cross_entropy, CLASSES),
    ):
        output = torch.tensor(OUTPUT, requires_grad=True)
        loss = theirs(output, torch.tensor(targets))
        loss.backward()
        found, gradient = ours(OUTPUT, targets)
        assert found == pytest.approx(loss.item(), rel=1e-13)
        np.testing.assert_allclose(gradient, output.grad.numpy(), rtol=1e-12, atol=1e-15)
    one = torch.tensor(OUTPUT[:, 0], requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(one, torch.tensor(BINARY, dtype=one.dtype))
    loss.backward()
    found, gradient = logistic(OUTPUT[:, :1], BINARY)
    assert found == pytest.approx(loss.item(), rel=1e-13)
    np.testing.assert_allclose(gradient[:, 0], one.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_known_answers() -> None:
    assert cross_entropy(np.zeros((4, 10), np.float32), np.arange(4))[0] == pytest.approx(math.log(10))
    # no overflow
    far = np.array([[1e4, -1e4]], np.float32)
    assert cross_entropy(far, np.array([1]))[0] == 2e4
    assert logistic(far.T, np.array([0, 1]))[0] == 1e4
    assert logistic(np.zeros((3, 1), np.float32), np.array([0, 1, 1]))[0] == pytest.approx(math.log(2))
    loss, gradient = mean_squared_error(np.array([[3.0], [1.0]], np.float32), np.array([1.0, 1.0]))
    assert loss == 2.0
    assert gradient.tolist() == [[2.0], [0.0]]
    assert gradient.dtype == np.float32
    assert loss_of(CLASSES) == "cross_entropy"
    assert loss_of(NUMBERS) == "mse"


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        ("mse", NUMBERS[:, :2], r"needs targets of shape \(5, 3\), as the output; got \(5, 2\)"),
        ("mse", np.full((5, 3), np.nan), r"needs finite targets; got a nan or an infinity"),
        ("cross_entropy", CLASSES + 0.5, r"needs 5 class numbers, integers; got float64"),
        ("cross_entropy", CLASSES[:4], r"needs 5 class numbers, integers; got int64 of shape \(4,\)"),
        ("cross_entropy", CLASSES + 1, r"over 3 outputs needs classes in \[0, 3\); got 1 to 3"),
        ("logistic", BINARY, r"needs one output unit and 5 integers; got 3 units, int64"),
    ],
)
def test_refusals(name: str, targets: np.ndarray, message: str) -> None:
    with pytest.raises(pi.DataError, match=message):
        LOSSES[name](OUTPUT, targets)


def test_a_logistic_loss_refuses_a_third_class() -> None:
    with pytest.raises(pi.DataError, match=r"needs classes 0 and 1; got 0 to 2. Use cross_entropy"):
        logistic(OUTPUT[:, :1], CLASSES)
