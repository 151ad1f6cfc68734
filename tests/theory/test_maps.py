"""One layer: the maps' slopes are their derivatives, and a wide layer of real weights does what they say."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.theory.activation import NAMES, activation

from .references import mean_of

theory = pi.theory


@pytest.mark.parametrize("q", [0.2, 3.0])
@pytest.mark.parametrize("name", NAMES)
def test_variance_slope_is_the_derivative(name: str, q: float) -> None:
    h = 1e-4 * q
    above, below = (theory.variance_map(name, q + step, 1.3, 0.2) for step in (h, -h))
    assert math.isclose(theory.variance_slope(name, q, 1.3), (above - below) / (2 * h), rel_tol=1e-6)


@pytest.mark.parametrize("name", [name for name in NAMES if activation(name).curvature])
def test_variance_slope_is_chi_and_a_curvature(name: str) -> None:
    """chi_1 + sigma_w^2 E[phi'' phi], as Schoenholz et al. write it."""
    phi = activation(name)
    product = mean_of(lambda u: phi.curvature(u) * phi.value(u), 1.7, phi.kinks)
    expected = float(theory.chi(name, 1.7, 1.3)) + 1.3**2 * product
    assert math.isclose(theory.variance_slope(name, 1.7, 1.3), expected, rel_tol=1e-9)


@pytest.mark.parametrize("c", [0.2, 0.9, 0.9999])
@pytest.mark.parametrize("name", ["tanh", "relu", "erf", "gelu", "hardtanh"])
def test_chi_is_the_derivative_of_the_correlation_map(name: str, c: float) -> None:
    q, h = 1.4, (1 - c) * 1e-4
    above, below = (theory.correlation_map(name, c + step, q, 1.3, 0.2) for step in (h, -h))
    # the map divides by the next variance
    slope = theory.chi(name, q, 1.3, c) * q / theory.variance_map(name, q, 1.3, 0.2)
    assert math.isclose((above - below) / (2 * h), slope, rel_tol=2e-6)


def test_the_derivative_check_notices_another_correlation() -> None:
    slopes = theory.chi("tanh", 1.4, 1.3, [0.9, 0.9001])
    assert abs(slopes[1] / slopes[0] - 1) > 2e-5


@given(q=st.floats(1e-3, 50), c=st.floats(-1, 1), w=st.floats(0.1, 5), b=st.floats(0, 2))
def test_correlations_stay_correlations(q: float, c: float, w: float, b: float) -> None:
    found = theory.correlation_map(("leaky_relu", 0.1), c, q, w, b)
    assert -1 - 1e-12 <= found <= 1
    assert theory.correlation_map("erf", 1.0, q, w, b) == 1.0
    assert theory.correlation_map("relu", c, q, w, b, q2=q) == pytest.approx(
        float(theory.correlation_map("relu", c, q, w, b)), abs=1e-12
    )


def test_relu_at_known_angles() -> None:
    """(sqrt(1 - c^2) + c (pi - arccos c)) / pi at the angles 90 and 60 degrees."""
    found = theory.correlation_map("relu", [0.0, 0.5], 1.0, math.sqrt(2))
    expected = [1 / math.pi, (math.sqrt(0.75) + 0.5 * (math.pi - math.pi / 3)) / math.pi]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


WIDTH, REPEATS = 400, 40


def layer(seed: int, sigma_w: float = 1.5, sigma_b: float = 0.4) -> np.ndarray:
    """Return, for two inputs of q = 2 and 1 and correlation 0.6, the next layer's second moments."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((2, WIDTH))
    u = np.sqrt([[2.0], [1.0]]) * np.array([first[0], 0.6 * first[0] + 0.8 * first[1]])
    z = np.tanh(u) @ rng.normal(0, sigma_w / math.sqrt(WIDTH), (WIDTH, WIDTH)) + rng.normal(0, sigma_b, WIDTH)
    return z @ z.T / WIDTH


def measured_excess(sigma_w: float) -> float:
    """Return how many standard errors separate real layers from theory; 3 % in sigma_w is seen."""
    moments = np.array([layer(seed, sigma_w) for seed in range(REPEATS)])
    expected = np.array(
        [
            [
                theory.variance_map("tanh", 2.0, 1.5, 0.4),
                1.5**2 * theory.pair_moment("tanh", 2.0, 1.0, 0.6) + 0.4**2,
            ],
            [0.0, theory.variance_map("tanh", 1.0, 1.5, 0.4)],
        ]
    )
    expected[1, 0] = expected[0, 1]
    error = moments.std(axis=0) / math.sqrt(REPEATS)
    return float((np.abs(moments.mean(axis=0) - expected) / error).max())


def test_a_real_layer() -> None:
    assert measured_excess(1.5) < 4.5


def test_a_real_layer_with_another_sigma_w_is_noticed() -> None:
    assert measured_excess(1.5 * 1.03) > 4.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: theory.variance_map("tanh", 1.0, -1.0), r"^sigma_w must be finite and at least 0; got -1.0"),
        (
            lambda: theory.variance_map("tanh", 1.0, 1.0, math.nan),
            r"^sigma_b must be finite and at least 0; got",
        ),
        (lambda: theory.chi("tanh", 1.0, True), r"^sigma_w must be a number or an array of them; got True"),
        (
            lambda: theory.correlation_map("tanh", 0.5, 0.0, 1.0),
            r"^a correlation needs variance; tanh makes it 0 here. Take sigma_w and q above 0.$",
        ),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_theory_is_loaded_when_it_is_asked_for() -> None:
    script = (
        "import sys, pyinit; was = 'pyinit.theory.moments' in sys.modules; pyinit.theory.mean; print(was)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False"]


@pytest.mark.parametrize("spec", ["relu", "linear", "gelu", ("leaky_relu", 0.1)])
def test_what_is_too_large_for_a_number_is_infinite(spec) -> None:
    # warnings are errors here
    assert theory.variance_map(spec, 1e300, 1e10) == math.inf
    assert theory.variance_map(spec, 1.0, 1e200) == math.inf
    assert theory.variance_map(spec, 1.0, 1.0, 1e200) == math.inf
    assert theory.variance_map(spec, 0.0, 1e200) == 0
    assert theory.chi(spec, 1.0, 1e200) == math.inf
    assert theory.variance_slope(spec, 1.0, 1e200) == math.inf
    assert theory.variance_slope(spec, 1e300, 1.0) == pytest.approx(theory.variance_slope(spec, 1e9, 1.0))
