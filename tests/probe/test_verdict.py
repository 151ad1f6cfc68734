"""Verdicts: clear cases, and each threshold from both sides, on networks whose numbers are exact."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit._probe.saturation import flat_ends, flat_share
from pyinit._probe.verdict import DEAD, EXPLODED, SATURATED, VANISHED, Verdict
from pyinit.activation import NAMES, activation

ABALONE = [8, 16, 16, 16, 16, 16, 16, 16, 1]
NARROW = [pi.Dense(10, 10, recipe=np.eye(10))]


def judged(layers: Any, x: Any, **options: Any) -> tuple[list[str], Verdict]:
    report = pi.probe(layers, x, **options)
    return [layer.verdict.kind for layer in report.layers], report.verdict


@pytest.mark.parametrize(
    ("activation", "recipe", "kind", "fix"),
    [
        ("tanh", pi.normal(), "saturated", "pi.glorot_normal(), gain 1: std 0.25 where this is 1."),
        ("tanh", pi.glorot_normal(), "healthy", ""),
        ("tanh", pi.he_normal(), "healthy", ""),
        (
            "tanh",
            pi.normal(std=0.01),
            "vanishing",
            "pi.glorot_normal(), gain 1: std 0.25 where this is 0.01.",
        ),
        ("tanh", pi.zeros(), "dead", "pi.glorot_normal(), gain 1: std 0.289 where this is 0."),
        (
            "tanh",
            pi.constant(0.1),
            "symmetric",
            "pi.glorot_normal(), gain 1: std 0.289 where this is 0 about a mean of 0.1.",
        ),
        (
            "tanh",
            pi.uniform(),
            "saturated",
            "pi.glorot_normal(), gain 1: std 0.25 where this is 0.289 about a mean of 0.5.",
        ),
        ("relu", pi.normal(), "exploding", "pi.he_normal(), gain 1.414: std 0.354 where this is 1."),
        (
            "relu",
            pi.glorot_normal(),
            "vanishing",
            "pi.he_normal(), gain 1.414: std 0.354 where this is 0.25.",
        ),
        ("relu", pi.he_normal(), "healthy", ""),
        ("sigmoid", pi.glorot_normal(), "vanishing", '"tanh" or "relu" for sigmoid'),
        ("selu", pi.normal(std=2), "exploding", "pi.lecun_normal(), gain 1: std 0.25 where this is 2."),
        (
            ("leaky_relu", 0.5),
            pi.normal(std=2),
            "exploding",
            "pi.variance_scaling(scale=1.6), gain 1.265: std 0.316 where this is 2.",
        ),
        (np.arctan, pi.normal(std=0.01), "vanishing", "gain 1.491: std 0.373 where this is 0.01."),
    ],
    ids=str,
)
def test_abalone_through_eight_layers(activation: Any, recipe: Any, kind: str, fix: str) -> None:
    report = pi.probe(pi.mlp(ABALONE, activation, recipe), pi.data.abalone().inputs)
    assert report.verdict.kind == kind
    assert fix in report.verdict.fix
    assert bool(report.verdict.fix) == (kind != "healthy")
    assert report.verdict.reason


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
    ones = pi.probe([pi.Dense(4, 4, "relu", -np.eye(4)), pi.Dense(4, 2)], 3.0 + 0.1 * x[:, :4])
    assert (ones.verdict.kind, ones.verdict.fix[:38]) == ("dead", "standardize the input, whose mean is 3")
    rows = np.where(np.arange(4) < 2, -1.0, 1.0) * np.ones((3, 1))
    off = pi.probe([pi.Dense(4, 4, "relu", np.diag([1.0, 1, -1, -1])), pi.Dense(4, 2)], rows)
    assert (off.verdict.kind, off.verdict.fix) == ("dead", '("leaky_relu", 0.01): no unit of it is ever off.')


@pytest.mark.parametrize(
    ("scale", "kinds"),
    [
        (1.01 * VANISHED, ["healthy"]),
        (0.99 * VANISHED, ["vanishing"]),
        (0.99 * EXPLODED, ["healthy"]),
        (1.01 * EXPLODED, ["exploding"]),
    ],
)
def test_limits_of_the_signal(scale: float, kinds: list[str]) -> None:
    x = 3.0 * np.ones((2, 10))
    found, verdict = judged([pi.Dense(10, 10, recipe=scale * np.eye(10))], x)
    assert found == kinds
    assert verdict.kind == kinds[0]


@pytest.mark.parametrize(
    ("scale", "kind"),
    [
        (1.01 * VANISHED, "healthy"),
        (0.99 * VANISHED, "vanishing"),
        (0.99 * EXPLODED, "healthy"),
        (1.01 * EXPLODED, "exploding"),
    ],
)
def test_limits_of_the_gradient(scale: float, kind: str) -> None:
    # the first layer's signal is that of its bias and input, whatever the second one does
    network = [
        pi.Dense(10, 10, recipe=np.eye(10), bias=pi.constant(1.0)),
        pi.Dense(10, 10, recipe=scale * np.eye(10), bias=pi.constant(1.0)),
    ]
    found, _ = judged(network, np.ones((2, 10)))
    assert found[0] == kind


@pytest.mark.parametrize(
    ("name", "flat", "kind"),
    [
        ("tanh", 24, "healthy"),
        ("tanh", 25, "saturated"),
        ("hardtanh", 63, "healthy"),
        ("hardtanh", 64, "saturated"),
    ],
)
def test_limit_of_saturation(name: str, flat: int, kind: str) -> None:
    assert SATURATED == 0.25
    x = np.where(np.arange(100) < flat, 3.0, 0.5)[:, None] * np.ones(10)
    found, verdict = judged([pi.Dense(10, 10, name, np.eye(10))], x)
    assert found == [kind]
    if kind == "saturated":
        expected = f"1 of 1 layers; layers.0: {flat}% of what enters {name} is where it is flat"
        assert verdict.reason.startswith(expected)


def test_hardtanh_is_healthy_on_standardized_data() -> None:
    x = np.random.default_rng(0).normal(size=(256, 32))
    report = pi.probe(pi.mlp([32] * 6, "hardtanh"), x)
    assert report.verdict.kind == "healthy"
    assert report.layers[0].moments["pre-activation"].saturated == pytest.approx(0.317, abs=0.03)
    assert pi.probe(pi.mlp([32] * 6, "hardtanh", pi.normal()), x).verdict.kind == "saturated"
    assert flat_share(activation("hardtanh"), 1.0) == pytest.approx(0.3173, abs=1e-4)
    assert flat_share(activation("relu"), 1.0) == flat_share(activation("tanh"), 0.0) == 0.0


@pytest.mark.parametrize(("silent", "kind"), [(8, "healthy"), (9, "dead")])
def test_limit_of_death(silent: int, kind: str) -> None:
    assert DEAD == 0.9
    x = np.where(np.arange(10) < silent, -1.0, 1.0) * np.ones((3, 1))
    found, verdict = judged([pi.Dense(10, 10, "relu", np.eye(10)), *NARROW], x)
    assert found[0] == kind
    if kind == "dead":
        assert "90% of its units are silent for every row." in verdict.reason


def units_differ(network: pi.Network, x: np.ndarray, t: np.ndarray, at: int) -> bool:
    """Return whether columns of a layer's weight differ after training."""
    data = pi.data.Dataset("four", x, t, classes=tuple("abcd"))
    weight = pi.train(network, data, steps=20, learning_rate=0.1).parameters[f"layers.{at}.weight"]
    return bool(np.ptp(weight, axis=1).max() > 1e-4)


def test_symmetric_is_what_stays_so() -> None:
    """Units that are told apart by what follows are not symmetric, and training shows it."""
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)).astype(np.float32), rng.integers(0, 4, 64)
    same, drawn = pi.constant(0.1), pi.glorot_normal()
    cases = [
        ([pi.Dense(8, 8, "tanh", same), pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4)], [True, False, False]),
        ([pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4, recipe=same)], [True, False]),
        ([pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4, recipe=drawn)], [False, False]),
        ([pi.Dense(8, 8, "tanh", same, pi.normal()), pi.Dense(8, 4, recipe=same)], [False, False]),
        ([pi.Dense(8, 4, recipe=same)], [False]),
    ]
    for layers, symmetric in cases:
        found, _ = judged(layers, x, targets=t)
        assert [kind == "symmetric" for kind in found] == symmetric
        for at, stays in enumerate(symmetric):
            assert units_differ(pi.Network(layers), x, t, at) != stays


def test_a_branch_from_zero_is_not_symmetric() -> None:
    """Fixup: the last weight of every branch begins at 0; the skip tells its units apart."""
    x = np.random.default_rng(0).normal(size=(64, 16))
    branches = [pi.Dense(16, 16, "tanh", pi.zeros(), branch=1.0) for _ in range(3)]
    found, verdict = judged([pi.Dense(16, 16, "tanh"), *branches, pi.Dense(16, 4)], x)
    assert found == ["healthy"] * 5
    assert verdict.kind == "healthy"


def test_gradients_that_do_not_come_back_are_dead() -> None:
    off = pi.Dense(10, 10, "relu", np.eye(10), bias=pi.constant(-5.0))
    network = [pi.Dense(10, 10, recipe=np.eye(10)), off, pi.Dense(10, 4, bias=pi.ones())]
    found, verdict = judged(network, np.ones((2, 10)))
    assert found == ["dead", "dead", "healthy"]
    assert "no gradient comes back to it." in verdict.reason
    # forward alone shows nothing of it
    assert judged(network, np.ones((2, 10)), backward=False)[0] == ["healthy", "dead", "healthy"]


def test_what_learns_from_zero_weights_is_not_dead() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)), rng.integers(0, 4, 64)
    regression = [pi.Dense(8, 4, recipe=pi.zeros())]
    found, verdict = judged(regression, x, targets=t)
    assert found == ["healthy"]
    assert verdict.reason == "layers.0: its weights are 0 but get a gradient: one step makes numbers of them."
    assert judged([pi.Dense(8, 1, recipe=pi.zeros())], x, targets=t % 2, loss="logistic")[0] == ["healthy"]
    found, verdict = judged(regression, x, backward=False)
    assert found == ["healthy"]
    assert "only a run back shows" in verdict.reason
    # a head that begins at 0, and a layer within
    head = [pi.Dense(8, 16, "relu"), pi.Dense(16, 16, "relu"), pi.Dense(16, 4, recipe=pi.zeros())]
    report = pi.probe(head, x, targets=t)
    assert [layer.verdict.kind for layer in report.layers] == ["healthy"] * 3
    assert report.layers[0].verdict.reason.startswith("no gradient comes back until a layer after it")
    assert report.verdict.reason.startswith("layers.2: its weights are 0 but get a gradient")
    within = [pi.Dense(8, 16, "tanh"), pi.Dense(16, 16, "tanh", pi.zeros()), pi.Dense(16, 4)]
    report = pi.probe(within, x, targets=t)
    assert [layer.verdict.kind for layer in report.layers] == ["healthy"] * 3
    assert report.layers[2].verdict.reason.startswith("what enters it is 0 until a layer before it")


def test_what_cannot_leave_zero_weights_is_dead() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)), rng.integers(0, 4, 64)
    # two in a row wait for each other; relu has no slope at 0; an output that is off
    twice = [pi.Dense(8, 16, "tanh", pi.zeros()), pi.Dense(16, 4, recipe=pi.zeros())]
    assert judged(twice, x, targets=t)[0] == ["dead", "dead"]
    relu = [pi.Dense(8, 16, "relu", pi.zeros()), pi.Dense(16, 4)]
    assert judged(relu, x, targets=t)[0] == ["dead", "dead"]
    off = [pi.Dense(8, 4, "relu", bias=pi.constant(-100.0))]
    assert judged(off, x, targets=t)[0] == ["dead"]
    # a head at 0 does not excuse what is off for a reason of its own
    off = [pi.Dense(8, 16, "relu", bias=pi.constant(-100.0)), pi.Dense(16, 4, recipe=pi.zeros())]
    assert judged(off, x, targets=t)[0] == ["dead", "dead"]


def test_what_float32_rounds_to_zero_has_vanished() -> None:
    x = np.random.default_rng(0).normal(size=(32, 32))
    for recipe in (pi.normal(std=1e-3), pi.normal(std=1e-12)):
        report = pi.probe(pi.mlp([32] * 30, "tanh", recipe), x)
        assert report.layers[-1].moments["activation"].second_moment == 0.0
        assert report.layers[0].moments["gradient"].second_moment == 0.0
        assert {layer.verdict.kind for layer in report.layers} == {"vanishing"}
        assert report.verdict.kind == "vanishing"


def test_what_is_not_finite_is_named_where_it_begins() -> None:
    report = pi.probe(pi.mlp([16] * 10, "relu", pi.normal(std=1e6)), np.ones((4, 16)))
    assert report.verdict.kind == "exploding"
    assert report.verdict.reason.startswith("not finite from layers.5 on: ")
    assert report.layers[5].moments["pre-activation"].nonfinite > 0
    assert report.layers[4].moments["pre-activation"].nonfinite == 0
    assert "std 0.354 where this is 1e+06." in report.verdict.fix


def test_what_breaks_forward_is_named_before_what_breaks_back() -> None:
    rng = np.random.default_rng(0)
    network = pi.mlp([784, 100, 10], "relu", pi.normal(std=1e20))
    report = pi.probe(network, rng.normal(size=(16, 784)), targets=np.arange(16) % 10)
    # the gradient of layers.0 is not finite either: it comes from layers.1
    assert report.layers[0].moments["pre-activation"].nonfinite == 0
    assert report.layers[0].moments["gradient"].nonfinite > 0
    assert report.verdict.reason.startswith("not finite from layers.1 on: 160 numbers of its pre-activation")
    # back alone: the last layer on the way is the first
    deep = [pi.Dense(4, 4, recipe=1e10 * np.eye(4)) for _ in range(4)]
    report = pi.probe(deep, 1e-30 * np.ones((2, 4)), dy=1e12 * np.ones((2, 4)))
    broken = [layer.moments["gradient"].nonfinite > 0 for layer in report.layers]
    assert broken == [True, False, False, False]
    assert report.verdict.reason.startswith("not finite from layers.0 on: 8 numbers of its gradient")


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
    report = pi.probe([he, small, he, he, pi.Dense(64, 8)], x)
    assert [layer.verdict.kind for layer in report.layers] == ["vanishing"] * 4 + ["vanishing"]
    assert report.layers[1].verdict.fix == "pi.he_normal(), gain 1.414: std 0.177 where this is 0.001."
    assert report.layers[3].verdict.fix.startswith("in layers.1, pi.he_normal()")
    # an output alone
    report = pi.probe([he, he, pi.Dense(64, 8, recipe=pi.normal(std=10))], x)
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


def test_a_narrow_output_is_judged_by_what_to_expect() -> None:
    # one unit: its rms is chance, and may be 100 times smaller than that
    found = [pi.probe(pi.mlp([64, 64, 1], "relu"), np.ones((1, 64)), key=key) for key in range(60)]
    rms = np.array([math.sqrt(report.layers[1].moments["activation"].second_moment) for report in found])
    assert (rms < VANISHED).sum() >= 2
    assert all(report.verdict.kind == "healthy" for report in found)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("tanh", math.atanh(math.sqrt(0.95))),
        ("erf", math.sqrt(math.log(20.0))),
        ("sigmoid", 2 * math.atanh(math.sqrt(0.95))),
        ("softsign", math.sqrt(20.0) - 1.0),
        ("hardtanh", 1.0),
        ("relu", math.inf),
        ("linear", math.inf),
        ("gelu", math.inf),
        ("softplus", math.inf),
        ("sin", math.inf),
    ],
)
def test_where_activations_are_flat(name: str, end: float) -> None:
    assert flat_ends(activation(name)) == pytest.approx((-end, end), rel=1e-9)


def test_where_a_function_is_flat() -> None:
    low, high = flat_ends(activation(lambda x: np.arctan(x - 1.0)))
    assert (low, high) == pytest.approx((1.0 - math.sqrt(19.0), 1.0 + math.sqrt(19.0)), rel=1e-4)


def test_verdicts_print() -> None:
    assert str(Verdict("healthy", "all is well.")) == "healthy: all is well."
    assert str(Verdict("dead", "nothing.", "something.")) == "dead: nothing. Fix: something."
