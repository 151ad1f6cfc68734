"""Moments of activations and what a finite width adds: by another quadrature, and by derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pyinit.theory.activation import activation
from pyinit.theory.fluctuation import moments_of
from pyinit.theory.forward import forward
from pyinit.theory.law import InputMoments, LayerLaw, Spread
from pyinit.theory.state import State

from .references import mean_of

SQUARE = 0.8


@pytest.mark.parametrize("mean", [0.0, 0.7])
@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "hardtanh", ("leaky_relu", 0.3), np.arctan])
def test_moments_by_another_quadrature(name: Any, mean: float) -> None:
    phi, variances = activation(name), [0.3, 1.7]
    kinks = tuple(kink - mean for kink in phi.kinks)

    def expected(f: Any, q: float) -> float:
        return mean_of(lambda u: f(u + mean), q, kinks)

    squares = np.array([expected(lambda u: phi.value(u) ** 2, q) for q in variances])
    for q, square, found in zip(
        variances, squares, moments_of(phi, np.array(variances), np.full(2, mean), squares), strict=True
    ):
        assert found.average == pytest.approx(expected(phi.value, q), abs=1e-10)
        assert found.slope == pytest.approx(expected(phi.slope, q), rel=1e-8)
        assert found.slope_square == pytest.approx(expected(lambda u: phi.slope(u) ** 2, q), rel=1e-8)
        assert found.slope_fourth == pytest.approx(expected(lambda u: phi.slope(u) ** 4, q), rel=1e-8)
        fourth = expected(lambda u: phi.value(u) ** 4, q)
        assert found.kurtosis == pytest.approx(fourth / square**2 - 1.0, rel=1e-8)


def layer(name: str, bias: Spread, branch: float | None = None) -> LayerLaw:
    return LayerLaw(50, 50, activation(name), Spread(0.0, 0.2, True), bias, branch=branch)


def end(laws: list[LayerLaw], square: float) -> State:
    return forward(laws, InputMoments(square, 0.0, square))[-1]


@pytest.mark.parametrize("mean", [0.0, 1.5])
@pytest.mark.parametrize("name", ["tanh", "relu", "gelu"])
def test_what_a_layer_passes_on_is_a_derivative(name: str, mean: float) -> None:
    """Var ln of what enters is multiplied by (d ln E phi^2 / d ln of it)^2, whatever mean a bias has.

    The mutant divides what came through the weights by all of E z^2, the square of the mean included.
    """
    law, step = layer(name, Spread(mean, 0.1, True)), 1e-4
    found = forward([law, law], InputMoments(SQUARE, 0.0, SQUARE))
    first, second = found
    logs = [math.log(end([law], first.square * math.exp(side * step)).square) for side in (-1.0, 1.0)]
    derivative = (logs[1] - logs[0]) / (2.0 * step)
    expected = second.moments.kurtosis / 50 + derivative**2 * first.log_h
    assert second.log_h == pytest.approx(expected, rel=1e-6)
    mutant = second.moments.response * second.passed / (second.variance + second.mean**2)
    assert (abs(mutant / derivative - 1.0) > 0.05) == (mean != 0.0)


def test_one_layer_of_lines_has_the_known_variances() -> None:
    """Of n units: Var ln z^2 is 2 / n, Var ln phi^2 5 / n for relu and 2 / n for linear."""
    for name, kappa in (("relu", 5.0), ("linear", 2.0)):
        one = end([layer(name, Spread(0.0, 0.0, False))], SQUARE)
        assert one.log_z == pytest.approx(2 / 50)
        assert one.log_h == pytest.approx(kappa / 50)


def test_a_skip_carries_what_varied_before() -> None:
    """A branch of 0 leaves z and its variance as they are."""
    first = layer("linear", Spread(0.0, 0.0, False))
    alone, with_skip = (end([first, *rest], SQUARE) for rest in ([], [layer("tanh", first.bias, 0.0)]))
    assert (with_skip.variance, with_skip.log_z) == (alone.variance, pytest.approx(alone.log_z))
