"""Finite width: Hanin's factors and bands against exact simulations of the layers' mean squares."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit.theory.activation import activation
from pyinit.theory.width import is_homogeneous

theory = pi.theory


def mean_squares(name: str, widths: list[int], draws: int, seed: int = 0) -> np.ndarray:
    """Return M_l / E[M_l] of random networks: given M, the next layer's units are independent N(0, M)."""
    rng = np.random.default_rng(seed)
    square, found = np.ones(draws), []
    for width in widths:
        z = rng.standard_normal((draws, width)) * np.sqrt(square)[:, None]
        live = np.maximum(z, 0) * math.sqrt(2) if name == "relu" else z
        square = np.mean(live**2, axis=1)
        found.append(square)
    return np.array(found)


@pytest.mark.parametrize(("name", "kappa"), [("relu", 5), ("linear", 2)])
def test_factors_of_hanin(name: str, kappa: int) -> None:
    widths = [20, 50, 100]
    found = theory.finite_width(name, widths)
    expected = np.cumprod([1 + kappa / n for n in widths])
    np.testing.assert_allclose(found.second_moment_factor, expected, rtol=1e-14)
    np.testing.assert_allclose(found.log_variance, np.cumsum([kappa / n for n in widths]), rtol=1e-14)
    np.testing.assert_allclose(found.log_mean, -found.log_variance / 2, rtol=1e-14)


def test_leaky_lies_between() -> None:
    """(6 (1 + a^4) / (1 + a^2)^2) - 1: 5 at a = 0, 2 at a = 1."""
    a = 0.3
    kappa = 6 * (1 + a**4) / (1 + a**2) ** 2 - 1
    assert theory.finite_width(("leaky_relu", a), [1]).second_moment_factor[0] == pytest.approx(1 + kappa)
    kurtosis = (
        4 * float(theory.second_moment(lambda x: np.where(x > 0, x, a * x) ** 2, 1.0)) / (1 + a * a) ** 2
    )
    assert kurtosis - 1 == pytest.approx(kappa, rel=1e-9)


WIDTHS, DRAWS = [50] * 8, 20_000


def excess(name: str, widths: list[int]) -> float:
    """Return how many standard errors the logs of simulated networks are off, beyond the second order in 1/n.

    With 20,000 draws the variance of ln M is known to 1 %, so that one layer of 8 too many is seen by far.
    """
    logs = np.log(mean_squares(name, widths, DRAWS)[-1])
    found = theory.finite_width(name, WIDTHS)
    kappa = 5 if name == "relu" else 2
    second_order = sum((kappa / n) ** 2 for n in WIDTHS)
    mean_off = max(abs(logs.mean() - found.log_mean[-1]) - second_order, 0) / (logs.std() / math.sqrt(DRAWS))
    spread = logs.var() * math.sqrt(2 / DRAWS)
    variance_off = max(abs(logs.var() - found.log_variance[-1]) - 2 * second_order, 0) / spread
    return max(mean_off, variance_off)


@pytest.mark.parametrize("name", ["relu", "linear"])
def test_logs_of_random_networks(name: str) -> None:
    assert excess(name, WIDTHS) < 4


@pytest.mark.parametrize("name", ["relu", "linear"])
def test_one_layer_more_is_noticed(name: str) -> None:
    assert excess(name, [*WIDTHS, 50, 50]) > 4


@pytest.mark.parametrize("name", ["relu", "linear"])
def test_second_moment_of_random_networks(name: str) -> None:
    """The factor is exact: 40,000 draws of two layers of 30 units know it to about 1 %."""
    squares = mean_squares(name, [30, 30], 40_000, seed=2)[-1] ** 2
    found = theory.finite_width(name, [30, 30]).second_moment_factor[-1]
    error = squares.std() / math.sqrt(len(squares))
    assert abs(squares.mean() - found) < 4 * error
    assert abs(squares.mean() - theory.finite_width(name, [30, 30, 30]).second_moment_factor[-1]) > 4 * error


def test_bands_hold_what_they_say() -> None:
    """Log-normal: 95.4 % within two standard deviations; heavy tails leave 2 % to either side."""
    squares = mean_squares("relu", [100] * 20, 10_000)
    low, high = theory.finite_width("relu", [100] * 20).band()
    inside = ((squares > low[:, None]) & (squares < high[:, None])).mean(axis=1)
    assert (np.abs(inside - 0.9545) < 0.02).all()
    narrow = theory.finite_width("relu", [100] * 20).band(1.7)
    assert (((squares > narrow[0][:, None]) & (squares < narrow[1][:, None])).mean(axis=1) < 0.9345).all()


def test_which_activations_have_no_scale() -> None:
    def in_float32(x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, 0.1 * x, 0.0).astype(np.float32)

    for spec in ("relu", "linear", ("leaky_relu", 0.3), ("leaky_relu", -1.0), np.abs, in_float32):
        assert is_homogeneous(activation(spec))
    assert theory.finite_width(in_float32, [10]).log_variance == pytest.approx(0.5)
    # no size of the values makes a tanh of a line, nor does a shift of 1e-4
    for function in (np.tanh, lambda x: 1e-9 * np.tanh(x), lambda x: x + 1e-4, np.square, np.exp):
        assert not is_homogeneous(activation(function))
    assert not is_homogeneous(activation("softplus"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: theory.finite_width("tanh", [10]),
            r"^finite_width needs phi\(a x\) = a phi\(x\); tanh is not such. Use propagate's log_variance.$",
        ),
        (lambda: theory.finite_width("relu", [10, 0]), r"^a width must be a positive integer; got 0"),
        (
            lambda: theory.finite_width("relu", [10]).band(-1),
            r"^sigmas must be finite and at least 0; got -1.0",
        ),
        (
            lambda: theory.propagate("relu", [10, 10]).band(-1),
            r"^sigmas must be finite and at least 0; got -1.0",
        ),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()
