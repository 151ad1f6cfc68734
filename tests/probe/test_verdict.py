"""Verdicts: clear cases, and each threshold from both sides, on networks whose numbers are exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit._probe.verdict import DEAD, EXPLODED, SATURATED, VANISHED, Verdict

ABALONE = [8, 16, 16, 16, 16, 16, 16, 16, 1]
NARROW = [pi.Dense(10, 10, "linear", recipe=np.eye(10))]


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
            "pi.he_normal(a=0.5), gain 1.265: std 0.316 where this is 2.",
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
    found, verdict = judged([pi.Dense(10, 10, "linear", recipe=scale * np.eye(10))], x)
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
        pi.Dense(10, 10, "linear", recipe=np.eye(10), bias=pi.constant(1.0)),
        pi.Dense(10, 10, "linear", recipe=scale * np.eye(10), bias=pi.constant(1.0)),
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
        (
            [pi.Dense(8, 8, "tanh", same), pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4, "linear")],
            [True, False, False],
        ),
        ([pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4, "linear", recipe=same)], [True, False]),
        ([pi.Dense(8, 8, "tanh", same), pi.Dense(8, 4, "linear", recipe=drawn)], [False, False]),
        ([pi.Dense(8, 8, "tanh", same, pi.normal()), pi.Dense(8, 4, "linear", recipe=same)], [False, False]),
        ([pi.Dense(8, 4, "linear", recipe=same)], [False]),
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
    found, verdict = judged([pi.Dense(16, 16, "tanh"), *branches, pi.Dense(16, 4, "linear")], x)
    assert found == ["healthy"] * 5
    assert verdict.kind == "healthy"


def test_gradients_that_do_not_come_back_are_dead() -> None:
    off = pi.Dense(10, 10, "relu", np.eye(10), bias=pi.constant(-5.0))
    network = [pi.Dense(10, 10, "linear", recipe=np.eye(10)), off, pi.Dense(10, 4, bias=pi.ones())]
    found, verdict = judged(network, np.ones((2, 10)))
    assert found == ["dead", "dead", "healthy"]
    assert "no gradient comes back to it." in verdict.reason
    # forward alone shows nothing of it
    assert judged(network, np.ones((2, 10)), backward=False)[0] == ["healthy", "dead", "healthy"]


def test_what_learns_from_zero_weights_is_not_dead() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)), rng.integers(0, 4, 64)
    regression = [pi.Dense(8, 4, "linear", recipe=pi.zeros())]
    found, verdict = judged(regression, x, targets=t)
    assert found == ["healthy"]
    assert verdict.reason == "layers.0: its weights are 0 but get a gradient: one step makes numbers of them."
    assert judged([pi.Dense(8, 1, "linear", recipe=pi.zeros())], x, targets=t % 2, loss="logistic")[0] == [
        "healthy"
    ]
    found, verdict = judged(regression, x, backward=False)
    assert found == ["healthy"]
    assert "only a run back shows" in verdict.reason
    # a head that begins at 0, and a layer within
    head = [pi.Dense(8, 16, "relu"), pi.Dense(16, 16, "relu"), pi.Dense(16, 4, "linear", recipe=pi.zeros())]
    report = pi.probe(head, x, targets=t)
    assert [layer.verdict.kind for layer in report.layers] == ["healthy"] * 3
    assert report.layers[0].verdict.reason.startswith("no gradient comes back until a layer after it")
    assert report.verdict.reason.startswith("layers.2: its weights are 0 but get a gradient")
    within = [pi.Dense(8, 16, "tanh"), pi.Dense(16, 16, "tanh", pi.zeros()), pi.Dense(16, 4, "linear")]
    report = pi.probe(within, x, targets=t)
    assert [layer.verdict.kind for layer in report.layers] == ["healthy"] * 3
    assert report.layers[2].verdict.reason.startswith("what enters it is 0 until a layer before it")


def test_what_cannot_leave_zero_weights_is_dead() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)), rng.integers(0, 4, 64)
    # two in a row wait for each other; relu has no slope at 0; an output that is off
    twice = [pi.Dense(8, 16, "tanh", pi.zeros()), pi.Dense(16, 4, "linear", recipe=pi.zeros())]
    assert judged(twice, x, targets=t)[0] == ["dead", "dead"]
    relu = [pi.Dense(8, 16, "relu", pi.zeros()), pi.Dense(16, 4, "linear")]
    assert judged(relu, x, targets=t)[0] == ["dead", "dead"]
    off = [pi.Dense(8, 4, "relu", bias=pi.constant(-100.0))]
    assert judged(off, x, targets=t)[0] == ["dead"]
    # a head at 0 does not excuse what is off for a reason of its own
    off = [pi.Dense(8, 16, "relu", bias=pi.constant(-100.0)), pi.Dense(16, 4, "linear", recipe=pi.zeros())]
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
    deep = [pi.Dense(4, 4, "linear", recipe=1e10 * np.eye(4)) for _ in range(4)]
    report = pi.probe(deep, 1e-30 * np.ones((2, 4)), dy=1e12 * np.ones((2, 4)))
    broken = [layer.moments["gradient"].nonfinite > 0 for layer in report.layers]
    assert broken == [True, False, False, False]
    assert report.verdict.reason.startswith("not finite from layers.0 on: 8 numbers of its gradient")


def test_a_narrow_output_is_judged_by_what_to_expect() -> None:
    # one unit: its rms is chance, and may be 100 times smaller than that
    found = [pi.probe(pi.mlp([64, 64, 1], "relu"), np.ones((1, 64)), key=key) for key in range(60)]
    rms = np.array([math.sqrt(report.layers[1].moments["activation"].second_moment) for report in found])
    assert (rms < VANISHED).sum() >= 2
    assert all(report.verdict.kind == "healthy" for report in found)


def test_verdicts_print() -> None:
    assert str(Verdict("healthy", "all is well.")) == "healthy: all is well."
    assert str(Verdict("dead", "nothing.", "something.")) == "dead: nothing. Fix: something."
