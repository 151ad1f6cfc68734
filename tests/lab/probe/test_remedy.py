"""What a verdict suggests heals, and what is to blame is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.verdict.verdict import Remedy, Verdict
from pyinit.theory.activation import NAMES


def mended(verdict: Verdict, widths: list[int], phi: Any) -> list[pi.Network]:
    """Return the networks that a verdict suggests: other weights, or skips and other activations."""
    remedy = verdict.remedy
    assert remedy is not None
    heal = [pi.mlp(widths, name) for name in remedy.activations]
    if remedy.residual:
        heal.append(pi.mlp(widths, phi, residual="scaled"))
    if verdict.recipe is not None and not heal:
        heal.append(pi.mlp(widths, phi, verdict.recipe))
    return heal


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name != "leaky_relu"] + [("leaky_relu", 0.2), np.arctan]
)
def test_suggestions_heal(name: Any) -> None:
    """What a verdict suggests, applied, is healthy; each activation gets what suits it."""
    x, widths = np.random.default_rng(0).normal(size=(128, 64)), [64] * 9
    bad = [None, pi.glorot_normal(), pi.normal(), pi.normal(std=0.01), pi.constant(0.1), pi.zeros()]
    found = []
    for recipe in bad:
        verdict = pi.probe(pi.mlp(widths, name, recipe), x, key=1).verdict
        found.append(verdict.kind)
        if verdict.kind == "healthy":
            continue
        networks = mended(verdict, widths, name)
        assert networks, verdict.fix
        for network in networks:
            assert pi.probe(network, x, key=1).verdict.kind == "healthy", (recipe, verdict.fix, network)
    assert "healthy" not in found[2:]


def test_a_suggestion_names_layer_recipe_and_std() -> None:
    """The std that a verdict states is the one that its recipe gives the layer that it names."""
    x = np.random.default_rng(0).normal(size=(64, 48))
    layers = [
        pi.Dense(48, 64, "relu"),
        pi.Dense(64, 80, "relu", pi.normal(std=1e-3)),
        pi.Dense(80, 8, "linear"),
    ]
    for layer in pi.probe(layers, x).layers:
        remedy = layer.verdict.remedy
        assert remedy is not None
        assert (layer.verdict.layer, remedy.layer) == (layer.name, "layers.1")
        assert layer.verdict.recipe == pi.he_normal()
        assert layer.verdict.std == pi.he_normal().plan((64, 80)).std
        assert (remedy.now_std, remedy.now_mean) == (1e-3, None)


@pytest.mark.parametrize("function", [np.exp, lambda x: np.sin(1000.0 * x)], ids=["exp", "fast sine"])
def test_what_skips_do_not_heal_is_not_told_to_have_them(function: Any) -> None:
    x, widths = np.random.default_rng(0).normal(size=(64, 16)), [16] * 9
    report = pi.probe(pi.mlp(widths, function), x)
    assert report.verdict.kind == "exploding"
    assert report.verdict.remedy is not None
    assert (report.verdict.remedy.activations, report.verdict.remedy.residual) == (("tanh", "relu"), False)
    assert pi.probe(pi.mlp(widths, function, residual="scaled"), x).verdict.kind == "exploding"


def test_suggestions_know_the_gain_the_biases_and_the_input() -> None:
    x = np.random.default_rng(0).normal(size=(128, 64))
    widths = [64] * 9
    softsign = pi.probe(pi.mlp(widths, "softsign"), x)
    assert softsign.verdict.std == pytest.approx(0.292, abs=5e-4)
    assert softsign.verdict.remedy is not None
    assert softsign.verdict.remedy.gain == pytest.approx(2.338, abs=5e-4)
    assert softsign.verdict.remedy.now_std == pytest.approx(0.125)
    # no std of sigmoid's weights helps: at the edge of chaos it saturates
    edge = pi.probe(pi.mlp(widths, "sigmoid", pi.critical_normal("sigmoid")), x)
    assert edge.verdict.kind == "saturated"
    assert edge.verdict.recipe is None
    assert edge.verdict.remedy is not None
    assert (edge.verdict.remedy.why, edge.verdict.remedy.layers) == ("no std keeps both", 8)
    # a biased network that zero biases heal
    biased = pi.probe(pi.mlp(widths, "tanh", bias=pi.constant(3.0)), x)
    assert (biased.verdict.kind, biased.verdict.remedy) == ("saturated", Remedy(zero_biases=True))
    off = pi.probe(pi.mlp(widths, "relu", bias=pi.constant(-50.0)), x)
    assert (off.verdict.kind, off.verdict.remedy) == ("dead", Remedy("layers.0", zero_biases=True))
    assert off.layers[3].verdict.remedy == off.verdict.remedy
    # the input is 0, or far from 0
    for phi in ("relu", "tanh"):
        empty = pi.probe(pi.mlp(widths, phi, bias="zeros"), 0.0 * x)
        assert empty.verdict.kind == "dead"
        assert empty.verdict.remedy == Remedy(
            other="rows that are not all 0", why="no weights tell rows of 0 apart"
        )
    ones = pi.probe([pi.Dense(4, 4, "relu", -np.eye(4)), pi.Dense(4, 2, "linear")], 3.0 + 0.1 * x[:, :4])
    assert ones.verdict.kind == "dead"
    assert ones.verdict.remedy is not None
    assert ones.verdict.remedy.standardize == "mean"
    assert ones.verdict.remedy.input_size == pytest.approx(3.0, abs=0.1)
    rows = np.where(np.arange(4) < 2, -1.0, 1.0) * np.ones((3, 1))
    off = pi.probe([pi.Dense(4, 4, "relu", np.diag([1.0, 1, -1, -1])), pi.Dense(4, 2, "linear")], rows)
    assert off.verdict.kind == "dead"
    assert off.verdict.remedy is not None
    assert off.verdict.remedy.activations == (("leaky_relu", 0.01),)


def test_the_input_is_blamed_where_it_is_to_blame() -> None:
    x = 100.0 * np.random.default_rng(0).normal(size=(50, 16))
    report = pi.probe(pi.mlp([16, 16, 16, 1], "tanh", pi.glorot_normal()), x)
    assert report.layers[0].verdict.kind == "saturated"
    assert report.layers[1].verdict.kind == "healthy"
    remedy = report.verdict.remedy
    assert remedy == Remedy(standardize="rms", input_size=pytest.approx(100.0, rel=0.1))


def test_the_layer_to_blame_is_named() -> None:
    x = np.random.default_rng(0).normal(size=(64, 64))
    he = pi.Dense(64, 64, "relu")
    small = pi.Dense(64, 64, "relu", pi.normal(std=1e-3))
    report = pi.probe([he, small, he, he, pi.Dense(64, 8, "linear")], x)
    assert [layer.verdict.kind for layer in report.layers] == ["vanishing"] * 4 + ["vanishing"]
    own, other = report.layers[1].verdict.remedy, report.layers[3].verdict.remedy
    assert own is not None
    assert own == other
    assert (own.layer, own.recipe, own.now_std) == ("layers.1", pi.he_normal(), 1e-3)
    # an output alone
    report = pi.probe([he, he, pi.Dense(64, 8, "linear", recipe=pi.normal(std=10))], x)
    own = report.layers[2].verdict.remedy
    assert own is not None
    assert (own.layer, own.recipe, own.std, own.now_std) == ("layers.2", pi.glorot_normal(), 1 / 6, 10.0)
    # nothing but depth
    report = pi.probe(pi.mlp([64] * 60, "tanh", pi.glorot_normal()), x)
    assert report.verdict.kind == "vanishing"
    assert report.verdict.remedy == Remedy(
        residual=True, activations=("relu",), activation="tanh", layers=59, why="no std keeps both"
    )


def test_normalization_and_skips_have_their_own_remedies() -> None:
    x = np.random.default_rng(0).normal(size=(256, 32))
    normed = pi.probe(pi.mlp([32] * 22, "relu", pi.normal(), norm="batch"), x, dy="normal")
    assert normed.verdict.kind == "exploding"
    assert normed.verdict.remedy == Remedy(
        residual=True, other="fewer layers", why="normalization hides the scale"
    )
    skips = pi.probe(pi.mlp([32] * 22, "relu", pi.he_normal(), residual=True), x)
    assert skips.verdict.kind == "exploding"
    assert skips.verdict.remedy == Remedy(residual=True, why="scaled skips divide the branches")
    assert pi.probe(pi.mlp([32] * 22, "relu", residual="scaled"), x).verdict.kind == "healthy"
    # large inputs, or small, do not count behind a normalization
    for scale in (1e-3, 1e3):
        assert pi.probe(pi.mlp([32] * 5, "relu", norm="layer"), scale * x).verdict.kind == "healthy"


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
@pytest.mark.parametrize("residual", [False, "scaled"])
def test_what_passes_little_on_is_told_so_behind_a_normalization(name: str, residual: Any) -> None:
    x, widths = np.random.default_rng(0).normal(size=(128, 32)), [32] * 12
    report = pi.probe(pi.mlp(widths, name, norm="layer", residual=residual), x)
    assert report.verdict.kind == "vanishing"
    remedy = report.verdict.remedy
    assert remedy is not None
    assert (remedy.why, remedy.activation) == ("the activation passes little on", name)
    assert remedy.activations == ("tanh", "relu")
    for better in ("tanh", "relu"):
        network = pi.mlp(widths, better, norm="layer", residual=residual)
        assert pi.probe(network, x).verdict.kind == "healthy"


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_inputs_and_biases_are_blamed_where_skips_are(name: str) -> None:
    x, widths = np.random.default_rng(0).normal(size=(128, 32)), [32] * 7
    normed = pi.mlp(widths, name, norm="layer", residual="scaled")
    large = pi.probe(normed, 100.0 * x).verdict
    assert large.kind == "vanishing"
    assert large.remedy is not None
    assert large.remedy.standardize == "rms"
    assert large.remedy.input_size == pytest.approx(100.0, rel=0.02)
    assert large.remedy.why == "the input outweighs the branches"
    assert pi.probe(normed, x).verdict.kind == "healthy"
    biased = pi.probe(pi.mlp(widths, name, bias=pi.constant(3.0), residual="scaled"), x).verdict
    assert biased.kind == ("saturated" if name == "tanh" else "exploding")
    assert biased.remedy == Remedy(zero_biases=True)
    assert pi.probe(pi.mlp(widths, name, bias="zeros", residual="scaled"), x).verdict.kind == "healthy"


def test_scale_matters_only_to_activations_that_have_one() -> None:
    x = 1e4 * np.random.default_rng(0).normal(size=(64, 64))
    assert pi.probe(pi.mlp([64] * 6, "relu"), x).verdict.kind == "healthy"
    small = pi.probe(pi.mlp([64] * 6, "relu", pi.normal(std=1e-2)), x)
    assert small.verdict.kind == "vanishing"
