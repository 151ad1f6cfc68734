"""What a verdict suggests heals, and what is to blame is named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.activation import NAMES


def mended(fix: str, widths: list[int], phi: Any) -> list[pi.Network]:
    """Return the networks that a fix names: other weights, or skips and other activations."""
    heal = [pi.mlp(widths, name) for name in ("tanh", "relu") if f'"{name}" ' in fix]
    if 'residual="scaled"' in fix:
        heal.append(pi.mlp(widths, phi, residual="scaled"))
    recipe = re.match(r"(?:in layers.\d+, )?pi\.(.*?), gain", fix)
    if recipe and not heal:
        heal.append(pi.mlp(widths, phi, eval(recipe[1], vars(pi))))
    return heal


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name != "leaky_relu"] + [("leaky_relu", 0.2), np.arctan]
)
def test_suggestions_heal(name: Any) -> None:
    """What the fix names, applied, is healthy; each activation gets what suits it."""
    x, widths = np.random.default_rng(0).normal(size=(128, 64)), [64] * 9
    bad = [None, pi.glorot_normal(), pi.normal(), pi.normal(std=0.01), pi.constant(0.1), pi.zeros()]
    found = []
    for recipe in bad:
        verdict = pi.probe(pi.mlp(widths, name, recipe), x, key=1).verdict
        found.append(verdict.kind)
        if verdict.kind == "healthy":
            continue
        networks = mended(verdict.fix, widths, name)
        assert networks, verdict.fix
        for network in networks:
            assert pi.probe(network, x, key=1).verdict.kind == "healthy", (recipe, verdict.fix, network)
    assert "healthy" not in found[2:]


@pytest.mark.parametrize("function", [np.exp, lambda x: np.sin(1000.0 * x)], ids=["exp", "fast sine"])
def test_what_skips_do_not_heal_is_not_told_to_have_them(function: Any) -> None:
    x, widths = np.random.default_rng(0).normal(size=(64, 16)), [16] * 9
    report = pi.probe(pi.mlp(widths, function), x)
    assert report.verdict.kind == "exploding"
    assert report.verdict.fix.startswith('"tanh" or "relu" for ')
    assert pi.probe(pi.mlp(widths, function, residual="scaled"), x).verdict.kind == "exploding"


def test_suggestions_know_the_gain_the_biases_and_the_input() -> None:
    x = np.random.default_rng(0).normal(size=(128, 64))
    widths = [64] * 9
    softsign = pi.probe(pi.mlp(widths, "softsign"), x)
    assert "gain 2.338: std 0.292 where this is 0.125." in softsign.verdict.fix
    # no std of sigmoid's weights helps: at the edge of chaos it saturates
    edge = pi.probe(pi.mlp(widths, "sigmoid", pi.critical_normal("sigmoid")), x)
    assert edge.verdict.kind == "saturated"
    assert "glorot" not in edge.verdict.fix
    assert "no std keeps both signal and gradient of sigmoid through 8 layers." in edge.verdict.fix
    # a biased network that zero biases heal
    biased = pi.probe(pi.mlp(widths, "tanh", bias=pi.constant(3.0)), x)
    assert (biased.verdict.kind, biased.verdict.fix) == ("saturated", "zero biases.")
    off = pi.probe(pi.mlp(widths, "relu", bias=pi.constant(-50.0)), x)
    assert (off.verdict.kind, off.verdict.fix) == ("dead", "zero biases.")
    assert off.layers[3].verdict.fix == "in layers.0, zero biases."
    # the input is 0, or far from 0
    for phi in ("relu", "tanh"):
        empty = pi.probe(pi.mlp(widths, phi, bias="zeros"), 0.0 * x)
        assert empty.verdict.kind == "dead"
        assert empty.verdict.fix == "rows that are not all 0: no weights tell these apart."
    ones = pi.probe([pi.Dense(4, 4, "relu", -np.eye(4)), pi.Dense(4, 2, "linear")], 3.0 + 0.1 * x[:, :4])
    assert (ones.verdict.kind, ones.verdict.fix[:38]) == ("dead", "standardize the input, whose mean is 3")
    rows = np.where(np.arange(4) < 2, -1.0, 1.0) * np.ones((3, 1))
    off = pi.probe([pi.Dense(4, 4, "relu", np.diag([1.0, 1, -1, -1])), pi.Dense(4, 2, "linear")], rows)
    assert (off.verdict.kind, off.verdict.fix) == ("dead", '("leaky_relu", 0.01): no unit of it is ever off.')


def test_the_input_is_blamed_where_it_is_to_blame() -> None:
    x = 100.0 * np.random.default_rng(0).normal(size=(50, 16))
    report = pi.probe(pi.mlp([16, 16, 16, 1], "tanh", pi.glorot_normal()), x)
    assert report.layers[0].verdict.kind == "saturated"
    assert report.layers[1].verdict.kind == "healthy"
    assert report.verdict.fix.startswith("standardize the input, whose rms is 1")


def test_the_layer_to_blame_is_named() -> None:
    x = np.random.default_rng(0).normal(size=(64, 64))
    he = pi.Dense(64, 64, "relu")
    small = pi.Dense(64, 64, "relu", pi.normal(std=1e-3))
    report = pi.probe([he, small, he, he, pi.Dense(64, 8, "linear")], x)
    assert [layer.verdict.kind for layer in report.layers] == ["vanishing"] * 4 + ["vanishing"]
    assert report.layers[1].verdict.fix == "pi.he_normal(), gain 1.414: std 0.177 where this is 0.001."
    assert report.layers[3].verdict.fix.startswith("in layers.1, pi.he_normal()")
    # an output alone
    report = pi.probe([he, he, pi.Dense(64, 8, "linear", recipe=pi.normal(std=10))], x)
    assert report.layers[2].verdict.fix == "pi.glorot_normal(), gain 1: std 0.167 where this is 10."
    # nothing but depth
    report = pi.probe(pi.mlp([64] * 60, "tanh", pi.glorot_normal()), x)
    assert report.verdict.kind == "vanishing"
    assert report.verdict.fix == (
        'residual="scaled", or "relu" for tanh: '
        "no std keeps both signal and gradient of tanh through 59 layers."
    )


def test_normalization_and_skips_have_their_own_remedies() -> None:
    x = np.random.default_rng(0).normal(size=(256, 32))
    normed = pi.probe(pi.mlp([32] * 22, "relu", pi.normal(), norm="batch"), x, dy="normal")
    assert normed.verdict.kind == "exploding"
    assert normed.verdict.fix.startswith('fewer layers, or residual="scaled": behind a normalization')
    skips = pi.probe(pi.mlp([32] * 22, "relu", pi.he_normal(), residual=True), x)
    assert skips.verdict.kind == "exploding"
    assert skips.verdict.fix.startswith('residual="scaled"')
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
    assert report.verdict.fix.startswith(f'"tanh" or "relu" for {name}, which passes little on')
    for better in ("tanh", "relu"):
        network = pi.mlp(widths, better, norm="layer", residual=residual)
        assert pi.probe(network, x).verdict.kind == "healthy"


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_inputs_and_biases_are_blamed_where_skips_are(name: str) -> None:
    x, widths = np.random.default_rng(0).normal(size=(128, 32)), [32] * 7
    normed = pi.mlp(widths, name, norm="layer", residual="scaled")
    large = pi.probe(normed, 100.0 * x).verdict
    assert large.kind == "vanishing"
    assert large.fix.startswith("standardize the input, whose rms is 99.")
    assert pi.probe(normed, x).verdict.kind == "healthy"
    biased = pi.probe(pi.mlp(widths, name, bias=pi.constant(3.0), residual="scaled"), x).verdict
    assert (biased.kind, biased.fix) == ("saturated" if name == "tanh" else "exploding", "zero biases.")
    assert pi.probe(pi.mlp(widths, name, bias="zeros", residual="scaled"), x).verdict.kind == "healthy"


def test_scale_matters_only_to_activations_that_have_one() -> None:
    x = 1e4 * np.random.default_rng(0).normal(size=(64, 64))
    assert pi.probe(pi.mlp([64] * 6, "relu"), x).verdict.kind == "healthy"
    small = pi.probe(pi.mlp([64] * 6, "relu", pi.normal(std=1e-2)), x)
    assert small.verdict.kind == "vanishing"
