"""Verdicts in words: every cause and every reason of a remedy has its sentence, in the words of each door."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.verdict.judge import Finding
from pyinit.lab.probe.verdict.sentences import _REASONS, _WHYS, NETWORK, Wording, _fix, _reason, written
from pyinit.lab.probe.verdict.verdict import Cause, Kind, Other, Remedy, Verdict, Why

MODULES = Wording("module {name}", "torch.nn.LeakyReLU({slope:g})")
HE = {"recipe": pi.he_normal(), "gain": 2**0.5, "std": 0.354, "now_std": 1.0}


def test_every_cause_and_reason_has_words() -> None:
    assert set(_REASONS) == set(get_args(Cause))
    assert set(_WHYS) == set(get_args(Why))
    # no two causes are told in the same words, but for a large and a small signal
    assert len(set(_REASONS.values())) == len(_REASONS) - 1


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("exploding", "not finite", 0, 160, what="gradient"), "160 numbers of its gradient are not "),
        (Finding("dead", "silent units", 0, 0.9), "90% of its units are silent for every row."),
        (
            Finding("symmetric", "equal weights", 0, 0.1),
            "all its weights are 0.1, so all units are and stay ",
        ),
        (
            Finding("saturated", "flat activation", 0, 0.25, 1.5, "tanh"),
            "25% of what enters tanh is where it is flat (rms 1.5).",
        ),
        (
            Finding("vanishing", "small signal", 0, 0.0123, 1.0, "relu"),
            "what enters relu has rms 0.0123, the input 1.",
        ),
        (Finding("exploding", "large gradient", 0, 12.345), "comes back is 12.3 times the last layer's."),
        (Finding("vanishing", "small gradient", 0, 0.0123), "comes back is 0.012 of the last layer's."),
    ],
    ids=lambda value: value.cause if isinstance(value, Finding) else "",
)
def test_findings(finding: Finding, text: str) -> None:
    assert text in _reason(finding)


@pytest.mark.parametrize(
    ("remedy", "text"),
    [
        (Remedy("a", **HE), "pi.he_normal(), gain 1.414: std 0.354 where this is 1."),
        (Remedy("b", **HE), "in b, pi.he_normal(), gain 1.414: std 0.354 where this is 1."),
        (
            Remedy("a", **HE, now_mean=0.5),
            "pi.he_normal(), gain 1.414: std 0.354 where this is 1 about a mean of 0.5.",
        ),
        (
            Remedy("b", **HE, standardize="rms", input_size=99.5, zero_biases=True),
            "standardize the input, whose rms is 99.5; zero biases; "
            "in b, pi.he_normal(), gain 1.414: std 0.354 where this is 1.",
        ),
        (
            Remedy("a", **HE, residual=True, activation="tanh", layers=8, why="no std keeps both"),
            "pi.he_normal(), gain 1.414: std 0.354 where this is 1. "
            'Then residual="scaled": no std keeps both signal and gradient of tanh through 8 layers.',
        ),
        (Remedy(zero_biases=True), "zero biases."),
        (Remedy("b", zero_biases=True), "in b, zero biases."),
        (
            Remedy(residual=True, activations=("tanh", "relu"), activation="sin"),
            'residual="scaled", or "tanh" or "relu" for sin.',
        ),
        (
            Remedy(other="fewer layers", residual=True, why="normalization hides the scale"),
            'fewer layers, or residual="scaled": '
            "behind a normalization the scale of weights changes nothing.",
        ),
        (
            Remedy("b", activations=(("leaky_relu", 0.01),), activation="relu", why="no unit is ever off"),
            'in b, ("leaky_relu", 0.01): no unit of it is ever off.',
        ),
        (
            Remedy(
                "a", other="another activation", activation="sin", why="weights and biases are not to blame"
            ),
            "another activation than sin: its weights and biases are not to blame.",
        ),
        (
            Remedy(other="rows that are not all 0", why="no weights tell rows of 0 apart"),
            "rows that are not all 0: no weights tell these apart.",
        ),
    ],
)
def test_remedies(remedy: Remedy, text: str) -> None:
    assert _fix(remedy, "a", NETWORK) == text
    assert Remedy.from_dict(remedy.to_dict()) == remedy


def test_modules_are_told_in_torchs_words() -> None:
    leaky = Remedy("b", activations=(("leaky_relu", 0.01),), activation="relu", why="no unit is ever off")
    assert _fix(leaky, "a", MODULES) == "in module b, torch.nn.LeakyReLU(0.01): no unit of it is ever off."


def test_famous_recipes_have_their_names_and_others_theirs() -> None:
    assert written(pi.lecun_normal()) == "pi.lecun_normal()"
    assert written(pi.glorot_normal()) == "pi.glorot_normal()"
    # of the same scale and mode, but drawn otherwise
    for recipe in (pi.he_uniform(), pi.glorot_uniform(), pi.variance_scaling(1.6)):
        assert written(recipe) == f"pi.{recipe!r}"


def test_verdicts_print() -> None:
    assert str(Verdict("healthy", "all is well.")) == "healthy: all is well."
    assert str(Verdict("dead", "nothing.", "something.")) == "dead: nothing. Fix: something."


def test_words_of_whole_verdicts() -> None:
    x = np.random.default_rng(0).normal(size=(64, 16))
    wide = pi.probe(pi.mlp([16] * 4, "relu", pi.normal(std=3.0)), x).verdict
    assert wide.reason.startswith("3 of 3 layers; layers.2: what enters linear has rms ")
    assert pi.probe(pi.mlp([16] * 10, "relu", pi.normal(std=1e6)), x).verdict.reason.startswith(
        "not finite from layers.5 on: "
    )
    head = [pi.Dense(16, 8, "relu"), pi.Dense(8, 4, "linear", recipe=pi.zeros())]
    assert pi.probe(head, x, targets=np.arange(64) % 4).verdict.reason == (
        "layers.1: its weights are 0 but get a gradient: one step makes numbers of them."
    )
    fine = pi.mlp([16] * 4, "relu")
    assert pi.probe(fine, x).verdict.reason == "signal and gradient keep their size in every layer."
    forward = pi.probe(fine, x, backward=False)
    assert forward.verdict.reason == "the signal keeps its size in every layer."
    assert forward.layers[0].verdict.reason == "what enters it keeps its size."


@pytest.mark.parametrize("size", [0.1, float("inf"), float("nan")])
def test_verdicts_are_read_back(size: float) -> None:
    remedy = Remedy("b", **{**HE, "now_std": size}, activations=("tanh", ("leaky_relu", 0.01)))
    verdict = Verdict("exploding", "so.", "do.", "a", "large signal", remedy)
    again = Verdict.from_dict(verdict.to_dict())
    assert str(again.to_dict()) == str(verdict.to_dict())
    assert (again.recipe, again.std) == (pi.he_normal(), 0.354)
    one = pi.probe(pi.mlp([4, 4, 1]), np.ones((3, 4)))
    whole: Any = type(one)(**{**vars(one), "verdict": verdict})
    read = pi.Report.from_json(whole.to_json())
    assert read == whole
    assert read.verdict.recipe == pi.he_normal()
    assert str(read.verdict.remedy) == str(remedy)


def test_reports_that_had_words_alone_are_read() -> None:
    one = pi.probe(pi.mlp([4, 4, 1]), np.random.default_rng(0).normal(size=(9, 4)))
    content = one.to_dict()
    for judged in (content, *content["layers"]):
        judged["verdict"] = {name: judged["verdict"][name] for name in ("kind", "reason", "fix")}
    read = pi.Report.from_dict(content)
    assert read.verdict.reason == one.verdict.reason
    assert (read.verdict.cause, read.verdict.recipe, read.layers[0].verdict.layer) == (None, None, None)


def test_a_remedy_shows_what_it_has() -> None:
    assert repr(Remedy()) == "Remedy()"
    remedy = Remedy("layers.1", pi.normal(std=0.5), std=0.5, activations=("relu",))
    assert repr(remedy) == (
        "Remedy(layer='layers.1', recipe=normal(std=0.5), std=0.5, activations=('relu',))"
    )


def test_the_words_of_data_are_closed_sets() -> None:
    assert set(get_args(Kind)) == {"healthy", "vanishing", "exploding", "saturated", "dead", "symmetric"}
    assert "" in get_args(Other)
