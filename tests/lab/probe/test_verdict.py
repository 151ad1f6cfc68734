"""Verdicts: clear cases, and each threshold from both sides, on networks whose numbers are exact."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.verdict.judge import DEAD, EXPLODED, SATURATED, VANISHED
from pyinit.lab.probe.verdict.verdict import Verdict

ABALONE = [8, 16, 16, 16, 16, 16, 16, 16, 1]
NARROW = [pi.Dense(10, 10, "linear", recipe=np.eye(10))]


def causes(report: pi.Report) -> list[str | None]:
    return [layer.verdict.cause for layer in report.layers]


def judged(layers: Any, x: Any, **options: Any) -> tuple[list[str], Verdict]:
    report = pi.probe(layers, x, **options)
    return [layer.verdict.kind for layer in report.layers], report.verdict


XAVIER, HE = pi.glorot_normal(), pi.he_normal()


@pytest.mark.parametrize(
    ("activation", "recipe", "kind", "suggested", "std"),
    [
        ("tanh", pi.normal(), "saturated", XAVIER, 0.25),
        ("tanh", XAVIER, "healthy", None, None),
        ("tanh", HE, "healthy", None, None),
        ("tanh", pi.normal(std=0.01), "vanishing", XAVIER, 0.25),
        ("tanh", pi.zeros(), "dead", XAVIER, math.sqrt(1 / 12)),
        ("tanh", pi.constant(0.1), "symmetric", XAVIER, math.sqrt(1 / 12)),
        ("tanh", pi.uniform(), "saturated", XAVIER, 0.25),
        ("relu", pi.normal(), "exploding", HE, math.sqrt(1 / 8)),
        ("relu", XAVIER, "vanishing", HE, math.sqrt(1 / 8)),
        ("relu", HE, "healthy", None, None),
        ("sigmoid", XAVIER, "vanishing", None, None),
        ("selu", pi.normal(std=2), "exploding", pi.lecun_normal(), 0.25),
        (("leaky_relu", 0.5), pi.normal(std=2), "exploding", pi.variance_scaling(1.6), math.sqrt(0.1)),
        (np.arctan, pi.normal(std=0.01), "vanishing", pi.variance_scaling(pi.gain(np.arctan) ** 2), 0.3728),
    ],
    ids=str,
)
def test_abalone_through_eight_layers(
    activation: Any, recipe: Any, kind: str, suggested: Any, std: float | None
) -> None:
    report = pi.probe(pi.mlp(ABALONE, activation, recipe), pi.data.abalone().inputs)
    verdict = report.verdict
    assert verdict.kind == kind
    assert verdict.recipe == suggested
    assert verdict.std == (None if std is None else pytest.approx(std, rel=1e-4))
    assert bool(verdict.fix) == (verdict.remedy is not None) == (kind != "healthy")
    assert verdict.reason
    # a layer's verdict names the layer; the network's, one that is as ill
    assert [layer.verdict.layer for layer in report.layers] == [layer.name for layer in report.layers]
    deciding = next((layer for layer in report.layers if layer.name == verdict.layer), None)
    assert deciding is None or (deciding.verdict.kind, deciding.verdict.cause) == (kind, verdict.cause)
    assert (deciding is None) == (kind == "healthy")


def test_limits_are_as_documented() -> None:
    assert (DEAD, SATURATED, VANISHED, EXPLODED) == (0.9, 0.25, 0.1, 10.0)


@pytest.mark.parametrize(
    ("scale", "kind", "cause"),
    [
        (0.101, "healthy", "keeps its size"),
        (0.099, "vanishing", "small signal"),
        (9.9, "healthy", "keeps its size"),
        (10.1, "exploding", "large signal"),
    ],
)
def test_limits_of_the_signal(scale: float, kind: str, cause: str) -> None:
    x = 3.0 * np.ones((2, 10))
    report = pi.probe([pi.Dense(10, 10, "linear", recipe=scale * np.eye(10))], x)
    own = report.layers[0].verdict
    assert (own.kind, own.cause) == (kind, cause)
    assert report.verdict.kind == kind


@pytest.mark.parametrize(
    ("scale", "kind", "cause"),
    [
        (0.101, "healthy", "keeps its size"),
        (0.099, "vanishing", "small gradient"),
        (9.9, "healthy", "keeps its size"),
        (10.1, "exploding", "large gradient"),
    ],
)
def test_limits_of_the_gradient(scale: float, kind: str, cause: str) -> None:
    # the first layer's signal is that of its bias and input, whatever the second one does
    network = [
        pi.Dense(10, 10, "linear", recipe=np.eye(10), bias=pi.constant(1.0)),
        pi.Dense(10, 10, "linear", recipe=scale * np.eye(10), bias=pi.constant(1.0)),
    ]
    own = pi.probe(network, np.ones((2, 10))).layers[0].verdict
    assert (own.kind, own.cause) == (kind, cause)


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
    x = np.where(np.arange(100) < flat, 3.0, 0.5)[:, None] * np.ones(10)
    found, verdict = judged([pi.Dense(10, 10, name, np.eye(10))], x)
    assert found == [kind]
    assert (verdict.cause == "flat activation") == (kind == "saturated")


@pytest.mark.parametrize(("silent", "kind"), [(8, "healthy"), (9, "dead")])
def test_limit_of_death(silent: int, kind: str) -> None:
    x = np.where(np.arange(10) < silent, -1.0, 1.0) * np.ones((3, 1))
    found, verdict = judged([pi.Dense(10, 10, "relu", np.eye(10)), *NARROW], x)
    assert found[0] == kind
    assert (verdict.cause == "silent units") == (kind == "dead")


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
    network = [pi.Dense(10, 10, "linear", recipe=np.eye(10)), off, pi.Dense(10, 4, "linear", bias=pi.ones())]
    report = pi.probe(network, np.ones((2, 10)))
    assert causes(report) == ["no gradient", "zero output", "keeps its size"]
    assert (report.verdict.kind, report.verdict.cause) == ("dead", "no gradient")
    # forward alone shows nothing of it
    forward = pi.probe(network, np.ones((2, 10)), backward=False)
    assert causes(forward) == ["keeps its signal", "zero output", "keeps its signal"]


def test_what_learns_from_zero_weights_is_not_dead() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(64, 8)), rng.integers(0, 4, 64)
    regression = [pi.Dense(8, 4, "linear", recipe=pi.zeros())]
    verdict = pi.probe(regression, x, targets=t).verdict
    assert (verdict.kind, verdict.layer, verdict.cause) == ("healthy", "layers.0", "zero weights")
    assert judged([pi.Dense(8, 1, "linear", recipe=pi.zeros())], x, targets=t % 2, loss="logistic")[0] == [
        "healthy"
    ]
    verdict = pi.probe(regression, x, backward=False).verdict
    assert (verdict.kind, verdict.cause) == ("healthy", "zero weights, not run back")
    # a head that begins at 0, and a layer within
    head = [pi.Dense(8, 16, "relu"), pi.Dense(16, 16, "relu"), pi.Dense(16, 4, "linear", recipe=pi.zeros())]
    report = pi.probe(head, x, targets=t)
    assert causes(report) == ["waits for the gradient", "waits for the gradient", "zero weights"]
    assert {layer.verdict.kind for layer in report.layers} == {"healthy"}
    assert (report.verdict.kind, report.verdict.layer) == ("healthy", "layers.2")
    within = [pi.Dense(8, 16, "tanh"), pi.Dense(16, 16, "tanh", pi.zeros()), pi.Dense(16, 4, "linear")]
    report = pi.probe(within, x, targets=t)
    assert causes(report) == ["waits for the gradient", "zero weights", "waits for the input"]
    assert {layer.verdict.kind for layer in report.layers} == {"healthy"}


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
        assert set(causes(report)) == {"small signal", "lost signal"}
        assert report.verdict.kind == "vanishing"
    # biases keep the signal where no gradient is left
    report = pi.probe(pi.mlp([32] * 30, "tanh", pi.normal(std=1e-3), pi.normal(std=0.5)), x)
    assert set(causes(report)) == {"lost gradient", "small gradient", "keeps its size"}
    assert report.verdict.kind == "vanishing"


def test_what_is_not_finite_is_named_where_it_begins() -> None:
    report = pi.probe(pi.mlp([16] * 10, "relu", pi.normal(std=1e6)), np.ones((4, 16)))
    assert report.verdict.kind == "exploding"
    assert (report.verdict.layer, report.verdict.cause) == ("layers.5", "not finite")
    assert report.layers[5].moments["pre-activation"].nonfinite > 0
    assert report.layers[4].moments["pre-activation"].nonfinite == 0
    assert (report.verdict.recipe, report.verdict.remedy.now_std) == (HE, 1e6)


def test_what_breaks_forward_is_named_before_what_breaks_back() -> None:
    rng = np.random.default_rng(0)
    network = pi.mlp([784, 100, 10], "relu", pi.normal(std=1e20))
    report = pi.probe(network, rng.normal(size=(16, 784)), targets=np.arange(16) % 10)
    # the gradient of layers.0 is not finite either: it comes from layers.1
    assert report.layers[0].moments["pre-activation"].nonfinite == 0
    assert report.layers[0].moments["gradient"].nonfinite > 0
    assert (report.verdict.layer, report.verdict.cause) == ("layers.1", "not finite")
    assert "160 numbers of its pre-activation" in report.verdict.reason
    # back alone: the last layer on the way is the first
    deep = [pi.Dense(4, 4, "linear", recipe=1e10 * np.eye(4)) for _ in range(4)]
    report = pi.probe(deep, 1e-30 * np.ones((2, 4)), dy=1e12 * np.ones((2, 4)))
    broken = [layer.moments["gradient"].nonfinite > 0 for layer in report.layers]
    assert broken == [True, False, False, False]
    assert (report.verdict.layer, report.verdict.cause) == ("layers.0", "not finite")
    assert "8 numbers of its gradient" in report.verdict.reason


def test_a_narrow_output_is_judged_by_what_to_expect() -> None:
    # one unit: its rms is chance, and may be 100 times smaller than that
    found = [pi.probe(pi.mlp([64, 64, 1], "relu"), np.ones((1, 64)), key=key) for key in range(60)]
    rms = np.array([math.sqrt(report.layers[1].moments["activation"].second_moment) for report in found])
    assert (rms < VANISHED).sum() >= 2
    assert all(report.verdict.kind == "healthy" for report in found)
