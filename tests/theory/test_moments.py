"""Moments of one and two Gaussian variables: theory's table, other quadratures, known derivatives."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import pyinit as pi
from pyinit.theory.activation import NAMES, activation

from .references import mean_of, pair_of, without_formulas

# E phi, E phi^2, E phi'^2 at q = 1
TABLE = {
    "tanh": (0, 0.394294, 0.464403),
    "erf": (0, 0.464559, 0.569410),
    "sigmoid": (0.5, 0.293379, 0.044836),
    "relu": (0.398942, 0.5, 0.5),
    "elu": (0.160521, 0.644945, 0.668102),
    "selu": (0, 1, 1.071575),
    "gelu": (0.282095, 0.425221, 0.455851),
    "silu": (0.206621, 0.355776, 0.379482),
    "mish": (0.240404, 0.452342, 0.479084),
    "softplus": (0.806059, 0.921246, 0.293379),
    "softsign": (0, 0.183014, 0.227671),
    "hardtanh": (0, 0.516059, 0.682689),
    "sin": (0, 0.432332, 0.567668),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    found = pi.theory.mean(name, 1.0), pi.theory.second_moment(name, 1.0), pi.theory.slope_moment(name, 1.0)
    np.testing.assert_allclose(found, TABLE[name], rtol=0, atol=5.1e-7)
    assert math.isclose(pi.gain(activation(name)), float(found[1]) ** -0.5, rel_tol=1e-9)


@pytest.mark.parametrize("q", [1e-6, 0.05, 1.0, 12.0, 400.0])
@pytest.mark.parametrize("name", NAMES)
def test_another_quadrature(name: str, q: float) -> None:
    phi = without_formulas(name)
    for found, f in (
        (pi.theory.mean(phi, q), phi.value),
        (pi.theory.second_moment(phi, q), lambda u: phi.value(u) ** 2),
        (pi.theory.slope_moment(phi, q), lambda u: phi.slope(u) ** 2),
        (pi.theory.slope_moment(phi, q, 2), lambda u: phi.slope(u) ** 4),
    ):
        size = math.sqrt(mean_of(lambda u, f=f: f(u) ** 2, q, phi.kinks))
        assert abs(float(found) - mean_of(f, q, phi.kinks)) < 2e-12 * size


def test_another_quadrature_notices_a_slope_of_a_neighbour() -> None:
    close = activation("gelu_tanh")
    assert (
        abs(float(pi.theory.second_moment("gelu", 1.0)) - mean_of(lambda u: close.value(u) ** 2, 1.0)) > 1e-5
    )


@pytest.mark.parametrize("q", ["1e-20", "1e12"])
def test_variances_far_from_one(q: str) -> None:
    with mpmath.workdps(30):
        sd = mpmath.sqrt(mpmath.mpf(q))
        cuts = [0, *(mpmath.mpf(10) ** k for k in range(-7, 1)), 3, 8, 12]

        def moment(f) -> float:
            half = mpmath.quad(lambda z: f(sd * z) * mpmath.exp(-z * z / 2), cuts)
            return float(2 * half / mpmath.sqrt(2 * mpmath.pi))

        square, slope = moment(lambda u: mpmath.tanh(u) ** 2), moment(lambda u: mpmath.sech(u) ** 4)
    assert math.isclose(pi.theory.second_moment("tanh", float(q)), square, rel_tol=1e-11)
    assert math.isclose(pi.theory.slope_moment("tanh", float(q)), slope, rel_tol=1e-11)


def test_arrays_and_zero() -> None:
    q = np.array([[0.0, 1.0], [2.0, 3.0]])
    found = pi.theory.second_moment("tanh", q)
    assert found.shape == (2, 2)
    assert found[1, 0] == pi.theory.second_moment("tanh", 2.0)
    assert found[0, 0] == 0.0
    assert float(pi.theory.second_moment("sigmoid", 0.0)) == pytest.approx(0.25, abs=1e-15)
    many = pi.theory.second_moment("tanh", np.linspace(0.1, 3, 2500))
    assert many[2000] == pytest.approx(
        float(pi.theory.second_moment("tanh", np.linspace(0.1, 3, 2500)[2000]))
    )
    assert pi.theory.pair_moment("tanh", np.ones((2, 1)), 1.0, np.zeros(3)).shape == (2, 3)


def test_functions_without_slopes_or_kinks() -> None:
    assert pi.theory.second_moment(lambda x: np.maximum(x, 0), 3.0) == pytest.approx(1.5, rel=1e-9)
    assert pi.theory.slope_moment(np.tanh, 1.0) == pytest.approx(TABLE["tanh"][2], abs=6e-7)
    assert pi.theory.slope_moment(lambda x: np.maximum(x, 0), 3.0) == pytest.approx(0.5, abs=1e-5)
    kinked = activation(lambda x: np.maximum(x, 0), kinks=(0.0,))
    assert pi.theory.slope_moment(kinked, 3.0) == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("c", [-0.9, -0.3, 0.0, 0.4, 0.9])
@pytest.mark.parametrize("name", ["tanh", "gelu", "elu", "selu", "hardtanh", "softsign", "softplus"])
def test_pairs_by_the_bivariate_density(name: str, c: float) -> None:
    phi = without_formulas(name)
    for q1, q2 in ((1.0, 1.0), (0.3, 4.0)):
        found = float(pi.theory.pair_moment(phi, q1, q2, c))
        assert abs(found - pair_of(phi.value, q1, q2, c, phi.kinks)) < 1e-10
        slopes = float(pi.theory.slope_pair_moment(phi, q1, q2, c))
        assert abs(slopes - pair_of(phi.slope, q1, q2, c, phi.kinks)) < 1e-10


def test_the_pair_check_notices_a_correlation_wrong_by_a_millionth() -> None:
    phi = activation("tanh")
    wrong = float(pi.theory.pair_moment(phi, 1.0, 1.0, 0.4 + 1e-6))
    assert abs(wrong - pair_of(phi.value, 1.0, 1.0, 0.4)) > 1e-8


@pytest.mark.parametrize("name", ["tanh", "relu", "hardtanh", "selu"])
def test_equal_and_opposite_inputs(name: str) -> None:
    phi = without_formulas(name)
    square = float(pi.theory.second_moment(phi, 2.0))
    assert pi.theory.pair_moment(phi, 2.0, 2.0, 1.0) == pytest.approx(square, rel=1e-12)
    opposite = mean_of(lambda u: phi.value(u) * phi.value(-u), 2.0, (*phi.kinks, *(-k for k in phi.kinks)))
    assert pi.theory.pair_moment(phi, 2.0, 2.0, -1.0) == pytest.approx(opposite, abs=1e-12)
    assert pi.theory.gap(phi, 2.0, 2.0) == pytest.approx(square - opposite, rel=1e-11)


@pytest.mark.parametrize("name", ["tanh", "softplus", "silu"])
def test_near_one_the_gap_is_a_taylor_series(name: str) -> None:
    """The gap is q d E phi'^2 - q^2 d^2 E phi''^2 / 2 + O(d^3): the map's first two derivatives at 1."""
    phi = activation(name)
    first = float(pi.theory.slope_moment(phi, 1.5))
    second = mean_of(lambda u: phi.curvature(u) ** 2, 1.5)
    for d in (1e-5, 1e-7, 1e-9, 1e-12):
        series = 1.5 * d * first - (1.5 * d) ** 2 * second / 2
        assert math.isclose(float(pi.theory.gap(phi, 1.5, d)), series, rel_tol=1e-9)


def test_the_series_check_needs_its_second_term() -> None:
    first = 1.5e-4 * float(pi.theory.slope_moment("tanh", 1.5))
    assert not math.isclose(float(pi.theory.gap("tanh", 1.5, 1e-4)), first, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.theory.second_moment("swish", 1.0), r"^unknown activation 'swish'"),
        (
            lambda: pi.theory.second_moment("tanh", -1.0),
            r"^q must be finite and at least 0; got -1.0. Correct",
        ),
        (lambda: pi.theory.mean("tanh", [1.0, math.inf]), r"^q must be finite and at least 0; got inf"),
        (
            lambda: pi.theory.mean("tanh", "1"),
            r"^q must be a number or an array of them; got '1'. Use floats.",
        ),
        (
            lambda: pi.theory.mean("tanh", [[1], [1, 2]]),
            r"^q must be a number or an array of them; got \[\[1\]",
        ),
        (
            lambda: pi.theory.slope_moment("tanh", 1.0, 0),
            r"^order must be a positive integer; got 0. Use an",
        ),
        (lambda: pi.theory.slope_moment("tanh", 1.0, 1.5), r"^order must be a positive integer; got 1.5"),
        (
            lambda: pi.theory.pair_moment("tanh", 1, 1, 1.5),
            r"^a correlation must lie in \[-1, 1\]; got 1.5. Div",
        ),
        (lambda: pi.theory.pair_moment("tanh", 1, 1, math.nan), r"^a correlation must lie in .*; got nan"),
        (lambda: pi.theory.gap("tanh", 1.0, 3.0), r"^a correlation must lie in \[-1, 1\]; got -2.0"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_refusal_of_shapes() -> None:
    with pytest.raises(
        pi.ShapeError, match=r"^arrays must broadcast together; got shapes \(2,\), \(3,\), \(\)"
    ):
        pi.theory.pair_moment("tanh", np.ones(2), np.ones(3), 0.5)


def test_refusal_of_noise() -> None:
    noise = np.random.default_rng(0)
    with pytest.raises(pi.RecipeError, match=r"^theory needs an activation that is piecewise smooth"):
        pi.theory.second_moment(lambda x: noise.random(np.shape(x)), 1.0)
