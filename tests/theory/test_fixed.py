"""Fixed points, depth scales and the edge of chaos: published settings, definitions, iterated maps."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit.theory.activation import activation

from .references import without_formulas

theory = pi.theory

# sigma_w^2 and q at sigma_b^2 = 0.01, 0.04, 0.05
EDGES = {
    "tanh": ((1.42421, 0.2733), (1.70080, 0.5121), (1.76095, 0.57005)),
    "erf": ((1.11428, 0.2532), (1.32894, 0.4658), (1.37584, 0.5172)),
    "gelu": ((2.98280, 0.1835), (2.39324, 0.5756), (2.30252, 0.7220)),
    "silu": ((3.31259, 0.2597), (2.82083, 0.6895), (2.72861, 0.8266)),
}
SIGMA_B = np.sqrt([0.01, 0.04, 0.05])


@pytest.mark.parametrize("name", EDGES)
def test_edge_of_chaos(name: str) -> None:
    found = theory.critical(name, SIGMA_B)
    np.testing.assert_allclose(found.weight_variance, [w for w, _ in EDGES[name]], rtol=0, atol=5.1e-6)
    np.testing.assert_allclose(found.q, [q for _, q in EDGES[name]], rtol=0, atol=5.1e-5)


@pytest.mark.parametrize("spec", [*EDGES, "elu", "selu", "mish", "hardtanh", "softsign", "sin", "sigmoid"])
def test_the_edge_is_where_chi_is_one_at_a_fixed_point(spec: str) -> None:
    found = theory.critical(without_formulas(spec), SIGMA_B)
    np.testing.assert_allclose(theory.chi(spec, found.q, found.sigma_w), 1, rtol=1e-10)
    np.testing.assert_allclose(
        theory.variance_map(spec, found.q, found.sigma_w, SIGMA_B), found.q, rtol=1e-10
    )


def test_edges_without_biases() -> None:
    expected = {"tanh": 1, "sin": 1, "hardtanh": 1, "gelu": 4, "silu": 4, "mish": 25 / 9, "erf": math.pi / 4}
    for name, square in expected.items():
        found = theory.critical(name)
        assert math.isclose(found.weight_variance, square, rel_tol=1e-11)
        assert found.q == 0
    for spec, square in {"relu": 2, ("leaky_relu", 0.5): 1.6, "linear": 1}.items():
        found = theory.critical(spec)
        assert math.isclose(found.weight_variance, square, rel_tol=1e-14)
        # every variance is kept
        assert math.isnan(found.q)


# tanh, sigma_b = 0.3: sigma_w, q, chi_1, c, xi_c. The third row by mpmath: q and chi_1 to 25 digits are
# 12.60414949784429, 2.367261035545882.
POOLE = (
    (1.3, 0.60705, 0.93981, 1.0, 16.11),
    (2.5, 4.07912, 1.58523, 0.12210, 5.11),
    (4.0, 12.60415, 2.36726, 0.02970, 3.64),
)


def test_settings_of_poole() -> None:
    w, q, chi, c, xi = np.array(POOLE).T
    found = theory.fixed_point("tanh", w, 0.3)
    np.testing.assert_allclose(found.q, q, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.chi_1, chi, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.c, c, rtol=0, atol=6e-6)
    np.testing.assert_allclose(found.xi_c, xi, rtol=0, atol=6e-3)
    np.testing.assert_allclose(found.trainable_depth, 6 * found.xi_c)


@pytest.mark.parametrize("name", ["tanh", "erf", "hardtanh", "softsign", "sigmoid"])
def test_fixed_points_are_fixed_and_reached(name: str) -> None:
    w, b = np.array([0.8, 1.6, 2.2]), 0.4
    found = theory.fixed_point(name, w, b)
    np.testing.assert_allclose(theory.variance_map(name, found.q, w, b), found.q, rtol=1e-10)
    np.testing.assert_allclose(
        theory.correlation_map(name, found.c, found.q, w, b), found.c, rtol=0, atol=1e-9
    )
    q = np.ones(3)
    for _ in range(150):
        q = theory.variance_map(name, q, w, b)
    np.testing.assert_allclose(q, found.q, rtol=1e-8)


def test_the_check_of_fixed_points_notices_a_millionth() -> None:
    found = theory.fixed_point("tanh", 1.6, 0.4)
    wrong = found.q * (1 + 1e-6)
    assert abs(theory.variance_map("tanh", wrong, 1.6, 0.4) / wrong - 1) > 1e-7


def test_depth_scales_are_rates_of_approach() -> None:
    found = theory.fixed_point("erf", [1.1, 2.0], 0.3)
    apart_q, apart_c = [], []
    q, c = found.q + 1e-5, found.c - 1e-5
    for _ in range(2):
        q = theory.variance_map("erf", q, [1.1, 2.0], 0.3)
        c = theory.correlation_map("erf", c, found.q, [1.1, 2.0], 0.3)
        apart_q.append(q - found.q)
        apart_c.append(c - found.c)
    np.testing.assert_allclose(apart_q[1] / apart_q[0], np.exp(-1 / found.xi_q), rtol=1e-4)
    np.testing.assert_allclose(apart_c[1] / apart_c[0], np.exp(-1 / found.xi_c), rtol=1e-4)


def test_vanishing_exploding_and_kept() -> None:
    found = theory.fixed_point("relu", [1.0, math.sqrt(2), 2.0])
    assert found.q.tolist() == [0.0, 1.0, math.inf]
    np.testing.assert_allclose(found.chi_1, [0.5, 1, 2])
    assert found.c.tolist()[1] == 1.0
    assert np.isnan(found.c[[0, 2]]).all()
    assert np.isinf(found.xi_c[1])
    assert np.isnan(found.xi_c[2])
    assert theory.fixed_point("relu", math.sqrt(2), start=7.0).q == 7.0
    # tanh sinks to 0 at and below sigma_w = 1
    tanh = theory.fixed_point("tanh", [0.5, 1.0, 1.5])
    assert tanh.q.tolist()[:2] == [0.0, 0.0]
    assert tanh.q[2] > 0.5
    # odd, no biases: what is orthogonal stays so
    assert tanh.c[2] == 0.0
    assert np.isinf(tanh.xi_q[1])
    # relu with biases below the edge: q = b^2 / (1 - w^2 / 2)
    assert theory.fixed_point("relu", 1.2, 0.3).q == pytest.approx(0.09 / (1 - 0.72), rel=1e-12)


def test_just_above_the_edge() -> None:
    """1 - c* is small there, and its digits are kept: both sides of the fixed point's equation agree."""
    edge = theory.critical("tanh", 0.3)
    w = edge.sigma_w * 1.0001
    found = theory.fixed_point("tanh", w, 0.3)
    d = 1 - found.c
    assert 1e-5 < d < 1e-2
    assert math.isclose(w**2 * theory.gap("tanh", found.q, d) / found.q, d, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: theory.critical("relu", 0.1),
            r"^relu has no edge of chaos at sigma_b = 0.1: chi_1 is 1 at no fixed point, whatever sigma_w. "
            r"Use a smaller sigma_b, or another activation.$",
        ),
        (
            lambda: theory.critical(("leaky_relu", 0.1), [0.0, 0.2]),
            r"^leaky_relu has no edge of chaos at .* 0.2",
        ),
        (lambda: theory.critical("softplus"), r"^softplus has no edge of chaos at sigma_b = 0"),
        (lambda: theory.critical("tanh", -0.1), r"^sigma_b must be finite and at least 0; got -0.1"),
        (lambda: theory.fixed_point("tanh", math.inf), r"^sigma_w must be finite and at least 0; got inf"),
    ],
)
def test_refusals(make, message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        make()


def test_critical_normal_is_variance_scaling() -> None:
    edge = theory.critical("tanh", 0.3)
    recipe = pi.critical_normal("tanh", sigma_b=0.3, layout="torch", groups=2)
    assert recipe == pi.variance_scaling(float(edge.weight_variance), layout="torch", groups=2)
    assert recipe.plan((8, 50, 3, 3)).std == pytest.approx(float(edge.sigma_w) / math.sqrt(450), rel=1e-12)
    assert pi.critical_normal("relu") == pi.he_normal()
    assert pi.critical_normal(("leaky_relu", 0.2), truncated=True) == pi.he_normal(a=0.2, truncated=True)
    assert pi.critical_normal(np.tanh, sigma_b=0.3).scale == pytest.approx(recipe.scale, rel=1e-6)


def test_critical_normal_in_json() -> None:
    named = pi.recipe_from_dict({"recipe": "critical_normal", "activation": "tanh", "sigma_b": 0.3})
    assert named == pi.critical_normal("tanh", sigma_b=0.3)
    leaky = pi.recipe_from_json('{"recipe": "critical_normal", "activation": ["leaky_relu", 0.2]}')
    assert leaky == pi.he_normal(a=0.2)
    assert pi.recipe_from_json(named.to_json()) == named
    assert eval(repr(named), {"critical_normal": pi.critical_normal}) == named
    # a function has no name to read back
    assert repr(pi.critical_normal(np.tanh)).startswith("variance_scaling(scale=1.0")


def test_critical_normal_keeps_variance_and_gradients_in_a_deep_network() -> None:
    """Thirty layers of 300 units: the mean square stays at q, within 4 sd of ln q (propagate)."""
    b = math.sqrt(0.05)
    recipe, q = pi.critical_normal("tanh", sigma_b=b), float(theory.critical("tanh", b).q)
    expected = theory.propagate("tanh", [300] * 31, q, sigma_w=math.sqrt(recipe.scale), sigma_b=b)
    rng, a = np.random.default_rng(5), None
    for layer in range(30):
        weights = recipe((300, 300), key=pi.key(1).fold_in(layer)).astype(np.float64)
        z = (a if a is not None else rng.normal(0, 1, (64, 300)) * math.sqrt(q)) @ weights
        a = np.tanh(z + rng.normal(0, b, 300))
    stray = math.log(np.mean(a**2) / expected.activation_square[-1])
    assert abs(stray) < 4 * math.sqrt(expected.log_variance[-1])
    # the gain of tanh instead, 1.2 times as large, is told apart
    wrong = theory.propagate("tanh", [300] * 31, q, sigma_w=pi.gain(np.tanh), sigma_b=b)
    assert abs(math.log(np.mean(a**2) / wrong.activation_square[-1])) > 4 * math.sqrt(wrong.log_variance[-1])


@pytest.mark.parametrize(
    ("name", "slope"), [("gelu", 1.098), ("silu", 1.072), ("mish", 1.036), ("tanh", 0.678)]
)
def test_stability_of_the_edge(name: str, slope: float) -> None:
    """The slope is that of the variance map, by differences."""
    edge = theory.critical(name, [0.0, 0.1])
    assert edge.variance_slope[1] == pytest.approx(slope, abs=5e-4)
    q = edge.q[1] * np.array([1 - 1e-4, 1 + 1e-4])
    rise = np.diff(theory.variance_map(name, q, edge.sigma_w[1], 0.1)) / np.diff(q)
    assert edge.variance_slope[1] == pytest.approx(rise[0], rel=1e-6)
    # at sigma_b = 0 the slope is 1 for all: what follows it decides
    assert edge.variance_slope[0] == pytest.approx(1.0, abs=1e-5)
    assert edge.is_stable.tolist() == [name == "tanh"] * 2


def test_which_edges_are_stable() -> None:
    for spec in ("relu", ("leaky_relu", 0.2), "linear", "erf", "sin", "softsign", "hardtanh", "elu", "selu"):
        assert theory.critical(spec).is_stable, spec
    assert theory.critical("sigmoid").is_stable
    assert not theory.critical("gelu_tanh").is_stable
    assert np.shape(theory.critical("gelu", np.ones((2, 3)) / 10).is_stable) == (2, 3)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish"])
@pytest.mark.parametrize("b", [0.0, 0.1])
def test_critical_normal_of_a_repeller_warns_and_explodes_with_depth(name: str, b: float) -> None:
    with pytest.warns(UserWarning, match=r"^critical_normal: the variance runs away from .* explode") as seen:
        recipe = pi.critical_normal(name, sigma_b=b)
    assert len(seen) == 1
    assert seen[0].filename == __file__
    rng, value = np.random.default_rng(5), activation(name).value
    z = rng.normal(size=(16, 200))
    with np.errstate(over="ignore"):
        sizes = []
        for layer in range(60):
            # warnings are errors here: drawing is silent
            weights = recipe((200, 200), key=pi.key(1).fold_in(layer)).astype(np.float64)
            z = value(z) @ weights + rng.normal(0, b, 200)
            sizes.append(float(np.mean(z**2)))
    assert sizes[-1] > 100 * sizes[0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: pi.critical_normal("swish"), pi.RecipeError, r"^unknown activation 'swish'"),
        (
            lambda: pi.critical_normal("relu", sigma_b=0.1),
            pi.RecipeError,
            r"^relu has no edge of chaos at sigma_b = 0.1",
        ),
        (
            lambda: pi.critical_normal("tanh", sigma_b="0.1"),
            pi.RecipeError,
            r"^critical_normal's sigma_b must be a number; got '0.1'",
        ),
        (
            lambda: pi.critical_normal("tanh")((3,), key=0),
            pi.ShapeError,
            r"^critical_normal needs at least 2 dimensions to count fan_in; got shape \(3,\)",
        ),
        (
            lambda: pi.recipe_from_dict({"recipe": "critical_normal"}),
            pi.RecipeError,
            r"^critical_normal needs activation; got none",
        ),
    ],
)
def test_refusals_of_the_recipe(make, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_functions_of_ones_own() -> None:
    assert theory.fixed_point(np.tanh, 2.5, 0.3).c == pytest.approx(POOLE[1][3], abs=6e-6)
    # its slope oscillates for ever, and the variance explodes
    snake = theory.fixed_point(lambda x: x + np.sin(x) ** 2, 1.2)
    assert np.isinf(snake.q)
    assert snake.chi_1 == pytest.approx(1.44 * 1.5, rel=1e-2)
