"""Optimizers: torch's steps to 1e-5, the formulas by hand, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.train.optimizers import Optimizer, optimizer_of

START = pi.normal()((50,), key=0)
GRADIENTS = [pi.normal(std=0.3)((50,), key=step) for step in range(1, 41)]


def run(optimizer: Optimizer) -> np.ndarray:
    parameters = START.copy()
    step = optimizer.start(len(parameters))
    for gradient in GRADIENTS:
        step(parameters, gradient.copy())
    return parameters


@pytest.mark.interop
@pytest.mark.parametrize(
    ("ours", "theirs", "options"),
    [
        (pi.SGD(0.1), "SGD", {"lr": 0.1}),
        (pi.Momentum(0.05, 0.8), "SGD", {"lr": 0.05, "momentum": 0.8}),
        (pi.Momentum(0.05, nesterov=True), "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
        (pi.Adam(0.01), "Adam", {"lr": 0.01}),
        (pi.Adam(0.1, 0.5, 0.9, 1e-3), "Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}),
    ],
    ids=repr,
)
def test_forty_steps_equal_torch(ours: Optimizer, theirs: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    parameters = torch.tensor(START.copy(), requires_grad=True)
    optimizer = getattr(torch.optim, theirs)([parameters], **options)
    for gradient in GRADIENTS:
        parameters.grad = torch.tensor(gradient)
        optimizer.step()
    np.testing.assert_allclose(run(ours), parameters.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_adam_begins_with_steps_of_its_learning_rate() -> None:
    # at the first step m' / sqrt(v') is the sign of g
    parameters = np.zeros(3, np.float32)
    pi.Adam(0.01).start(3)(parameters, np.array([5.0, -1e-3, 1e3], np.float32))
    np.testing.assert_allclose(parameters, [-0.01, 0.01, -0.01], rtol=1e-4)


def test_names_and_learning_rates() -> None:
    assert optimizer_of("momentum") == pi.Momentum(0.01, 0.9)
    assert optimizer_of(pi.Adam(beta1=0.5), 0.2) == pi.Adam(0.2, beta1=0.5)
    assert pi.Adam().to_dict() == {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.SGD(0.0), "learning_rate must be above 0; got 0.0. Use 0.01."),
        (lambda: pi.SGD(math.nan), "learning_rate must be a finite number; got nan"),
        (lambda: pi.Momentum(0.1, 1.0), r"momentum must be in \[0, 1\); got 1.0. Use 0.9."),
        (lambda: pi.Momentum(0.1, nesterov=1), "nesterov is True or False; got 1. Use a bool."),
        (lambda: pi.Adam(beta2=-0.1), r"beta2 must be in \[0, 1\); got -0.1. Use 0.9."),
        (lambda: pi.Adam(epsilon=0.0), "epsilon must be above 0; got 0.0. Use 1e-8."),
        (
            lambda: optimizer_of("lion"),
            r"optimizer is sgd, momentum, adam, or an object such as pyinit.Adam\(0.01\); got",
        ),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
