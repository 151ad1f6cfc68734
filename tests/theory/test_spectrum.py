"""Singular values of real Jacobians against free probability, and the exact moments at a finite width."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi

theory = pi.theory

WIDTH, DEPTH = 400, 8


@pytest.mark.parametrize(
    ("name", "ensemble", "variance"),
    [
        ("linear", "gaussian", 8),
        ("linear", "orthogonal", 0),
        ("relu", "gaussian", 16),
        ("relu", "orthogonal", 8),
    ],
)
def test_table_at_chi_one(name: str, ensemble: str, variance: float) -> None:
    found = theory.jacobian_spectrum(name, 8, ensemble=ensemble)
    assert (found.mean, found.chi, found.variance, found.second) == (1, 1, variance, variance + 1)


def test_other_scales_and_activations() -> None:
    found = theory.jacobian_spectrum("erf", 5, q=0.7, sigma_w=1.2)
    mu1, mu2 = (float(theory.slope_moment("erf", 0.7, k)) for k in (1, 2))
    assert math.isclose(found.chi, 1.44 * mu1, rel_tol=1e-14)
    assert math.isclose(found.variance, found.chi**10 * 5 * (mu2 / mu1**2), rel_tol=1e-12)
    # a vanishing q makes tanh an isometry where weights are
    assert theory.jacobian_spectrum("tanh", 100, q=1e-8, ensemble="orthogonal").variance < 1e-5


def moments(name: str, ensemble: str, depth: int = DEPTH) -> tuple[float, float]:
    """Return the mean of s^2 and its variance / mean^2, of one Jacobian at chi = 1 and a Gaussian input."""
    rng = np.random.default_rng(11)
    x, product = rng.standard_normal(WIDTH), np.eye(WIDTH)
    for _ in range(depth):
        weights = rng.standard_normal((WIDTH, WIDTH)) / math.sqrt(WIDTH)
        if ensemble == "orthogonal":
            weights, r = np.linalg.qr(weights)
            weights *= np.sign(np.diag(r))
        x, product = weights @ x, weights @ product
        if name == "relu":
            live = math.sqrt(2) * (x > 0)
            x, product = live * x, live[:, None] * product
    gram = product @ product.T
    mean = np.trace(gram) / WIDTH
    return mean, np.sum(gram * gram) / WIDTH / mean**2 - 1


# ln of variance / mean^2 had a standard deviation of at most 20 / n over draws at n = 50, 100 and 200:
# four of them. One layer in four too many is noticed, and relu taken for linear; in the mean, 8 % of sigma_w.
TOLERANCE = 4 * 20 / WIDTH


@pytest.mark.parametrize(
    ("name", "ensemble"), [("linear", "gaussian"), ("relu", "gaussian"), ("relu", "orthogonal")]
)
def test_real_jacobians(name: str, ensemble: str) -> None:
    mean, ratio = moments(name, ensemble)
    expected = theory.jacobian_spectrum(name, DEPTH, ensemble=ensemble).variance
    assert abs(math.log(ratio / expected)) < TOLERANCE
    # in each layer the share of live units strays by 1 / sqrt(n)
    assert abs(math.log(mean)) < 4 * math.sqrt(DEPTH / WIDTH)
    assert abs(math.log(mean * 1.08 ** (2 * DEPTH))) > 4 * math.sqrt(DEPTH / WIDTH)


def test_real_orthogonal_linear_networks_are_isometries() -> None:
    mean, ratio = moments("linear", "orthogonal", depth=3)
    assert abs(mean - 1) < 1e-12
    assert abs(ratio) < 1e-12


@pytest.mark.parametrize(("name", "depth"), [("linear", 10), ("relu", 10), ("linear", 16)])
def test_other_depths_are_noticed(name: str, depth: int) -> None:
    _, ratio = moments(name, "gaussian", depth)
    assert abs(math.log(ratio / theory.jacobian_spectrum(name, DEPTH).variance)) > TOLERANCE


def test_exact_moments_at_a_small_width() -> None:
    """One Gaussian layer has E tr((W W^T)^2) / n = 2 + 1/n; three of relu are simulated."""
    assert theory.jacobian_spectrum("linear", 1, width=5).second == pytest.approx(2 + 1 / 5, rel=1e-14)
    rng = np.random.default_rng(3)
    product = np.broadcast_to(np.eye(6), (20_000, 6, 6))
    for _ in range(3):
        mask = math.sqrt(2) * (rng.random((20_000, 6, 1)) < 0.5)
        product = mask * (rng.standard_normal((20_000, 6, 6)) / math.sqrt(6) @ product)
    gram = product @ product.transpose(0, 2, 1)
    seconds = (gram**2).sum((1, 2)) / 6
    variances = seconds - (np.trace(gram, axis1=1, axis2=2) / 6) ** 2
    found = theory.jacobian_spectrum("relu", 3, width=6)
    for sample, expected in ((seconds, found.second), (variances, found.variance)):
        error = sample.std() / math.sqrt(len(sample))
        assert abs(sample.mean() - expected) < 4 * error
        # the infinite width's moments are told apart
        assert abs(sample.mean() - expected * 1.2) > 4 * error


def test_infinite_width_is_the_limit() -> None:
    for name in ("linear", "relu"):
        limit = theory.jacobian_spectrum(name, 8).variance
        assert theory.jacobian_spectrum(name, 8, width=10**9).variance == pytest.approx(limit, rel=1e-6)


def test_mean_singular_value_of_glorot() -> None:
    assert round(theory.mean_singular_value(), 4) == 0.8488
    assert round(theory.mean_singular_value(math.sqrt(1 / 3)), 4) == 0.4901
    # the mean over one matrix of 400 strays by about 1 / n
    for recipe, expected in ((pi.glorot_uniform(), 0.8488), (pi.he_uniform(a=math.sqrt(5)), 0.4901)):
        weights = recipe((400, 400), key=0).astype(np.float64)
        measured = np.linalg.svd(weights, compute_uv=False).mean()
        assert abs(measured / expected - 1) < 0.01
        assert abs(measured / (1.02 * expected) - 1) > 0.01


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: theory.jacobian_spectrum("tanh", 8, ensemble="haar"),
            r"^ensemble is one of gaussian, orthogonal; got 'haar'. Name one.$",
        ),
        (lambda: theory.jacobian_spectrum("tanh", 0), r"^depth must be a positive integer; got 0"),
        (
            lambda: theory.jacobian_spectrum("tanh", 8, ensemble="orthogonal", width=9),
            r"^a finite width is known for gaussian weights only; got 'orthogonal'. Leave width out.$",
        ),
        (lambda: theory.mean_singular_value(-1.0), r"^sigma_w must be finite and at least 0; got -1.0"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_what_is_too_large_for_a_number_is_infinite() -> None:
    # warnings are errors here
    for width in (None, 8):
        found = theory.jacobian_spectrum("relu", 10**6, sigma_w=2, width=width)
        assert (found.mean, found.second, found.variance) == (math.inf,) * 3
        assert found.chi == 2
    found = theory.jacobian_spectrum("linear", 10**6, sigma_w=2, ensemble="orthogonal")
    assert (found.mean, found.second, found.variance) == (math.inf, math.inf, 0)
    # the square alone is too large
    found = theory.jacobian_spectrum("linear", 600, sigma_w=2**0.5)
    assert math.isfinite(found.mean)
    assert found.second == math.inf
    assert theory.jacobian_spectrum("relu", 10**6, sigma_w=1).mean == 0
