"""Predictions: a network's layers told to pi.theory, and what norms and skips add."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit import theory
from pyinit.lab.probe.measure.facts import facts_of
from pyinit.lab.probe.prediction.prediction import Prediction
from pyinit.lab.probe.prediction.prediction import predicted as predicted_of
from pyinit.theory.backward import OutputGradient
from pyinit.theory.law import InputMoments

ENTERING = InputMoments(0.3, 0.0, 0.3)
ONES = OutputGradient(second_moment=1.0, mean=0.0, of_weight=1.0, entering=1.0)


def predicted(
    network: pi.Network, entering: InputMoments, output: OutputGradient | None
) -> tuple[dict[str, Prediction], ...]:
    return predicted_of(facts_of(network), entering, output)


def of(network: pi.Network, kind: str, entering: InputMoments = ENTERING) -> np.ndarray:
    found = predicted(network, entering, ONES)
    return np.array([layer[kind].second_moment for layer in found])


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softplus", "hardtanh", ("leaky_relu", 0.2)])
def test_plain_stacks_are_propagated(activation: Any) -> None:
    widths = [40, 30, 50, 30]
    recipe, bias = pi.variance_scaling(1.7), pi.normal(std=0.2)
    network = pi.mlp(widths, activation, recipe, bias, output_activation=activation)
    theirs = theory.propagate(activation, widths, 0.3, sigma_w=1.7**0.5, sigma_b=0.2)
    ours = predicted(network, ENTERING, ONES)
    np.testing.assert_allclose(of(network, "pre-activation"), theirs.q, rtol=1e-9)
    np.testing.assert_allclose(of(network, "activation"), theirs.activation_square, rtol=1e-9)
    np.testing.assert_allclose(of(network, "gradient"), theirs.gradient, rtol=1e-9)
    np.testing.assert_allclose([one["activation"].mean for one in ours], theirs.activation_mean, atol=1e-12)
    bands = np.array([(one["activation"].low, one["activation"].high) for one in ours]).T
    # 1e-4 further, for rounding
    np.testing.assert_allclose(bands / theirs.band(), [[0.9999] * 3, [1.0001] * 3], rtol=1e-6)
    np.testing.assert_allclose(of(network, "weight gradient"), theirs.weight_gradient, rtol=1e-9)


def test_lines_that_meet_at_zero_need_no_integrals() -> None:
    """The same network through the quadrature, as a user's activation."""
    bent = pi.Activation(
        "bent", lambda x: np.where(x > 0, x, 0.3 * x), lambda x: np.where(x > 0, 1.0, 0.3), kinks=(0.0,)
    )
    widths = [40, 30, 50, 30]
    for norm in (None, "batch"):
        known = pi.mlp(widths, ("leaky_relu", 0.3), pi.he_normal(), pi.normal(std=0.3), norm)
        other = pi.mlp(widths, bent, pi.he_normal(), pi.normal(std=0.3), norm)
        for ours, theirs in zip(
            predicted(known, ENTERING, ONES), predicted(other, ENTERING, ONES), strict=True
        ):
            for kind in ours:
                a, b = ours[kind], theirs[kind]
                np.testing.assert_allclose(
                    [a.second_moment, a.low, a.high], [b.second_moment, b.low, b.high], rtol=1e-9
                )
                assert a.mean == pytest.approx(b.mean, abs=1e-12)


def test_means_of_weights_are_propagated() -> None:
    widths = [40, 30, 50, 30]
    network = pi.mlp(widths, "tanh", pi.uniform(0, 0.02), output_activation="tanh")
    theirs = theory.propagate(
        "tanh", widths, 0.3, sigma_w=0.02 / 12**0.5 * np.sqrt(widths[:-1]), weight_mean=0.01, input_mean=0.2
    )
    alike = predicted(network, InputMoments(0.3, 0.2, 0.3, (40 * 0.2) ** 2), ONES)
    found = [layer["pre-activation"].second_moment for layer in alike]
    # what sums over units scatter by is in ours alone
    np.testing.assert_allclose(found, theirs.q, rtol=5e-3)
    assert all(layer["pre-activation"].low is None for layer in alike)
    assert set(alike[0]) == {"pre-activation", "activation", "weight", "gradient", "weight gradient"}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_mean_of_the_weights_passes_on_the_sums_of_rows(activation: str) -> None:
    """Standardized features go together: a row's sum is not that of 8 independent numbers."""
    x = pi.data.abalone().inputs
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    network = pi.mlp([8, 200, 16, 16, 1], activation, pi.uniform())
    moments = pi.probe(network, x, backward=False).layers[0].moments["pre-activation"]
    sums = float((x.sum(axis=1, dtype=np.float64) ** 2).mean())
    found = predicted(network, InputMoments(1.0, 0.0, 1.0, sums), ONES)
    # over keys, the mean square of 200 units has an sd of 3.3 %; the mutant takes features for independent
    first = found[0]["pre-activation"]
    assert moments.second_moment == pytest.approx(first.second_moment, rel=4 * 0.033)
    assert first.second_moment != pytest.approx(8 * (1 / 4 + 1 / 12), rel=4 * 0.033)
    assert first.low is first.high is None
    assert [set(layer) for layer in found[1:3]] == [{"weight"}] * 2
    # the last layer's gradient is measured; that of its weight needs what entered, too
    assert [set(layer) & {"gradient", "weight gradient"} for layer in found] == [set()] * 3 + [{"gradient"}]
    # a network whose rows are not known says nothing of the first layer, either
    assert set(predicted(network, InputMoments(1.0, 0.0, 1.0), None)[0]) == {"weight"}
    # layer normalization takes out what units share
    normal = predicted(pi.mlp([8, 16, 16, 1], activation, pi.uniform(), norm="layer"), ENTERING, None)
    assert all("activation" in layer for layer in normal[:-1])


def test_bands_are_of_what_is_drawn() -> None:
    given = pi.Dense(40, 40, "relu", np.eye(40))
    drawn = pi.Dense(40, 40, "relu", pi.he_normal())
    biased = pi.Dense(40, 40, "relu", pi.he_normal(), np.full(40, 0.1))
    for odd in (given, biased, pi.Dense(40, 40, "relu", pi.constant(0.01))):
        found = predicted(pi.Network((drawn, odd, drawn)), ENTERING, ONES)
        assert found[0]["activation"].low is not None
        for kind in ("pre-activation", "activation"):
            assert all(layer[kind].low is layer[kind].high is None for layer in found[1:])
        assert found[0].get("gradient", found[1].get("gradient", found[2]["gradient"])).low is None
    for recipe in (pi.he_normal(), pi.orthogonal(), pi.he_uniform()):
        found = predicted(pi.mlp([40, 40, 40], "relu", recipe), ENTERING, ONES)
        assert all(one.low is not None for layer in found for one in layer.values())


def test_bands_allow_for_rounding() -> None:
    """Behind a norm nothing is left to chance but what EPSILON leaves; the mutant is off by 1e-3."""
    x = pi.normal()((200, 40), key=1)
    for norm in ("batch", "layer"):
        for std in (0.1, 1e-3):
            layers = pi.probe(pi.mlp([40, 60, 60, 5], "tanh", pi.normal(std=std), norm=norm), x).layers
            for layer in layers[:2]:
                z, band = layer.moments["pre-activation"], layer.predictions["pre-activation"]
                assert band.low is not None
                assert band.high is not None
                assert band.low < z.second_moment < band.high
                assert band.high / band.low < 2.0
                if std == 0.1:
                    assert not band.low < 1.001 * z.second_moment < band.high


def test_bands_of_too_many_layers_are_none() -> None:
    """Of 16 units relu adds 5 / 16 a layer to the variance of the logarithm: 16 after 51 of them."""
    found = predicted(pi.mlp([16] * 60, "relu", pi.he_normal()), ENTERING, ONES)
    bands = [layer["activation"].low is not None for layer in found]
    assert bands == [at < 51 for at in range(59)]
    for layer in found[:51]:
        band = layer["activation"]
        assert band.low is not None
        assert band.low < band.second_moment


def test_a_mean_may_begin_in_any_layer() -> None:
    layers = (
        pi.Dense(40, 50, "relu", pi.normal(std=0.2)),
        pi.Dense(50, 30, "linear", recipe=pi.constant(0.1)),
    )
    found = predicted(pi.Network(layers), ENTERING, None)
    q = 0.04 * 40 * 0.3
    assert found[0]["activation"].mean == pytest.approx(math.sqrt(q / (2 * math.pi)))
    assert found[1]["pre-activation"].mean == pytest.approx(5.0 * math.sqrt(q / (2 * math.pi)))
    # constant weights spread nothing; what they sum does, over 50 independent units
    activation = found[0]["activation"]
    assert found[1]["pre-activation"].variance == pytest.approx(0.1**2 * 50 * activation.variance)


def test_activations_that_are_equal_are_one() -> None:
    layers = [pi.Dense(8, 8, pi.Activation("sine", np.sin, np.cos), pi.normal(std=0.3)) for _ in range(3)]
    known = pi.mlp([8, 8, 8, 8], "sin", pi.normal(std=0.3), output_activation="sin")
    ours, theirs = (of(network, "gradient") for network in (pi.Network(tuple(layers)), known))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


@pytest.mark.parametrize("branch", [True, "scaled"])
def test_skips_are_residual_variances(branch: Any) -> None:
    blocks, width = 6, 50
    network = pi.mlp([width] * (blocks + 3), "tanh", pi.variance_scaling(2.0), residual=branch)
    factor = 1.0 if branch is True else blocks**-0.5
    first = 2.0 * 0.3
    after = theory.residual_variance("tanh", blocks, first, sigma_w=2**0.5, branch=factor)
    np.testing.assert_allclose(of(network, "pre-activation")[1:-1], after, rtol=1e-9)
    q = np.concatenate(([first], after[:-1]))
    growth = theory.residual_gradient("tanh", q, sigma_w=2**0.5, branch=factor)
    gradient = of(network, "gradient")
    np.testing.assert_allclose(gradient[:-2] / gradient[1:-1], growth, rtol=1e-9)


@pytest.mark.parametrize(("norm", "growth"), [("batch", math.pi / (math.pi - 1)), ("layer", 1.0)])
def test_norms_have_their_factors(norm: Any, growth: float) -> None:
    network = pi.mlp([50] * 8, "relu", pi.normal(), norm=norm)
    assert growth == pytest.approx(getattr(theory, f"{norm}_norm_gradient")("relu"))
    gradient = of(network, "gradient")
    # EPSILON of 25 is what normalization leaves off
    np.testing.assert_allclose(gradient[1:-2] / gradient[2:-1], growth, rtol=1e-5)
    np.testing.assert_allclose(of(network, "pre-activation")[:-1], 1.0, rtol=1e-4)


def test_networks_of_several_kinds_of_layers() -> None:
    layers = [
        pi.Dense(30, 40, "relu", pi.he_normal()),
        pi.Dense(40, 50, "tanh", pi.lecun_normal()),
        pi.Dense(50, 50, "sin", pi.lecun_normal(), branch=0.5),
        pi.Dense(50, 10, "linear", pi.lecun_normal()),
    ]
    relu = theory.propagate("relu", [30, 40], 0.3, sigma_w=2**0.5)
    tanh = theory.propagate("tanh", [40, 50], relu.activation_square[0], sigma_w=1.0)
    q = tanh.q[0] + 0.25 * tanh.activation_square[0]
    sin = theory.second_moment("sin", q)
    expected = [relu.q[0], tanh.q[0], q, sin]
    np.testing.assert_allclose(of(pi.Network(tuple(layers)), "pre-activation"), expected, rtol=1e-9)


def test_weights_are_those_of_the_plan() -> None:
    found = predicted(pi.mlp([100, 400, 3], "relu", pi.he_uniform()), ENTERING, None)
    assert set(found[0]) == {"pre-activation", "activation", "weight"}
    weight = found[0]["weight"]
    assert weight.variance == pytest.approx(0.02, rel=1e-6)
    assert weight.high - weight.second_moment == pytest.approx(2 * 0.02 * math.sqrt(2 / 40000), rel=1e-6)
    given = predicted(pi.Network((pi.Dense(4, 4, "linear", recipe=1.5 * np.eye(4)),)), ENTERING, None)
    assert given[0]["weight"].second_moment == pytest.approx(2.25 / 4)
    assert given[0]["weight"].low is given[0]["weight"].high is None


def test_explosions_stay_finite() -> None:
    network = pi.mlp([16] * 120, "relu", pi.normal(std=1e5))
    for layer in predicted(network, ENTERING, ONES):
        for one in layer.values():
            assert isinstance(one, Prediction)
            assert math.isfinite(one.second_moment)
            if one.low is not None and one.high is not None:
                assert one.low <= one.second_moment <= one.high


@pytest.mark.parametrize("std", [1.4251026703029963e-11, 8.886238162743407e-07])
def test_signals_that_vanish_are_predicted_to_the_end(std: float) -> None:
    """The square of one of the smallest variances has no digits left: it once took all theory away."""
    x = pi.normal()((4, 64), key=1)
    layers = pi.probe(pi.mlp([64] * 41, "tanh", pi.normal(std=std)), x, bins=3).layers
    assert all("activation" in layer.predictions for layer in layers)
    variances = [layer.predictions["pre-activation"].second_moment for layer in layers]
    # the network has one such layer
    assert any(0.0 < variance < 1e-300 for variance in variances)


def test_rough_functions_are_measured_without_theory() -> None:
    noise = np.random.default_rng(0)

    def dropout(x: np.ndarray) -> np.ndarray:
        return x * (noise.random(x.shape) < 0.5)

    report = pi.probe(pi.mlp([30, 30, 1], dropout), np.ones((4, 30)), backward=False)
    assert all(layer.predictions == {} for layer in report.layers)
    assert report.layers[0].activation == "dropout"
    assert "dropout" in str(report)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu"])
def test_a_weight_gradient_behind_batch_norm_sees_what_varies_over_rows(
    activation: str, residual: bool
) -> None:
    """Off by 10 % at most, over all layers; the mutant takes E phi^2, which is off by 30 % for relu."""
    network = pi.mlp([64] + [200] * 5, activation, norm="batch", residual=residual)
    x = pi.normal(mean=1.0)((512, 64), key=1)
    layers = pi.probe(network, x, dy="normal", key=3).layers
    measured, expected = (
        np.array([found[at]["weight gradient"].second_moment for at in range(4)])
        for found in ([layer.moments for layer in layers], [layer.predictions for layer in layers])
    )
    activations = [layer.predictions["activation"] for layer in layers[:3]]
    varying = np.array([0.5, *(one.variance / one.second_moment for one in activations)])

    def is_alike(predicted: np.ndarray) -> bool:
        return abs(np.log(measured / predicted).mean()) < 0.1

    assert is_alike(expected)
    assert not is_alike(expected / varying)


def test_gradients_that_rows_share_are_not_predicted_behind_batch_norm() -> None:
    network = pi.mlp([12, 20, 20, 5], "relu", norm="batch")
    x = pi.normal()((64, 12), key=1)
    ones, normal = (pi.probe(network, x, dy=dy).layers for dy in (None, "normal"))
    kinds = {"gradient", "weight gradient"}
    assert [kinds <= set(layer.predictions) for layer in ones] == [False, False, True]
    assert all(kinds <= set(layer.predictions) for layer in normal)


def test_what_has_no_band_is_shown_without() -> None:
    pytest.importorskip("matplotlib")
    x = pi.normal()((30, 8), key=1)
    drawn = [pi.Dense(8, 8, "relu", pi.he_normal()) for _ in range(2)]
    given = [pi.Dense(8, 8, "relu", np.eye(8)) for _ in range(2)]
    for layers, bands in ((drawn, 2), (given, 0), (drawn[:1] + given[:1], 1)):
        page = pi.probe(layers, x).to_html()
        assert page.count('<span class="band">') == bands


def test_arrays_that_change_are_looked_at_again() -> None:
    """What theory says of a network is remembered, but not of arrays, which their owner may write to."""
    weight = np.eye(6, dtype=np.float32)
    network, x = pi.Network((pi.Dense(6, 6, "tanh", weight),)), np.random.default_rng(0).normal(size=(9, 6))
    before = pi.probe(network, x).layers[0].predictions["pre-activation"].second_moment
    weight *= 2.0
    again = pi.probe(network, x).layers[0]
    assert again.moments["weight"].maximum == 2.0
    assert again.predictions["pre-activation"].second_moment == pytest.approx(4.0 * before)
