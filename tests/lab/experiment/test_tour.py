"""Each lesson of the tour, run: what its answer says is what happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.experiment.link import from_query, to_query
from pyinit.lab.experiment.tour import TOUR, tour
from pyinit.lab.live.session import Session

CHANCE = math.log(2)


@lru_cache
def seen(name: str) -> dict[str, Any]:
    """Run a lesson, and return what was seen of each run, before and after."""
    lesson = next(one for one in TOUR if one.name == name)
    session = Session(lesson.experiment)
    before = [run.measured().layers for run in session.runs]
    session.advance(lesson.experiment.steps)
    trainings = [run.training for run in session.runs]
    return {
        "before": before,
        "first": [one.losses[0] for one in trainings],
        "last": [sum(one.losses[-20:]) / len(one.losses[-20:]) for one in trainings],
        "began": [one.scores[0].test for one in trainings],
        "right": [one.scores[-1].test for one in trainings],
        "diverged": [one.divergence for one in trainings],
        "parameters": [one.parameters for one in trainings],
    }


def norms(layers: Any) -> list[float]:
    """Return the root mean square of the gradient at each layer, over the last layer's."""
    found = [math.sqrt(one["gradient"].second_moment) for one in layers]
    return [one / found[-1] for one in found]


def at_chance(loss: float) -> bool:
    return abs(loss - CHANCE) < 0.02


BOUNDS: dict[str, Callable[[dict[str, Any]], dict[str, bool]]] = {
    "zero_symmetry": lambda f: {
        "only the random one learns": at_chance(f["last"][0]) and at_chance(f["last"][1]),
        "and it does": f["right"][2] > 0.95,
        "equal units stay equal": float(abs(f["parameters"][1]["layers.0.weight"].std(axis=1)).max()) < 1e-6,
    },
    "logistic_from_zero": lambda f: {
        "the first loss is ln 2": abs(f["first"][0] - CHANCE) < 1e-12,
        "both end at one minimum": abs(f["last"][0] - f["last"][1]) < 1e-3,
        "and one line": float(
            abs(f["parameters"][0]["layers.0.weight"] - f["parameters"][1]["layers.0.weight"]).max()
        )
        < 0.05,
    },
    "saturation": lambda f: {
        "over nine tenths are saturated": f["before"][0][0]["pre-activation"].saturated > 0.9,
        "the sums have size 28": 25 < math.sqrt(f["before"][0][0]["pre-activation"].second_moment) < 31,
        "Xavier about 90 %": f["right"][1] > 0.86,
        "the large start about 40 %": 0.3 < f["right"][0] < 0.5,
    },
    "vanishing": lambda f: {
        "about 70,000 times smaller": 2e-6 < norms(f["before"][0])[0] < 1e-4,
        "the small one stays": at_chance(f["last"][0]),
        "the critical one learns": f["right"][1] > 0.95,
    },
    "exploding": lambda f: {
        "fewer than ten steps": f["diverged"][0] is not None and f["diverged"][0].step < 10,
        "the other learns": f["diverged"][1] is None and f["right"][1] > 0.95,
        "a thousand of one": 900
        < f["before"][0][9]["pre-activation"].std / f["before"][1][9]["pre-activation"].std
        < 1100,
    },
    "xavier": lambda f: {
        "a billionth is left": f["before"][1][6]["pre-activation"].std < 3e-9,
        "over half is left": f["before"][0][6]["pre-activation"].std
        > 0.5 * f["before"][0][0]["pre-activation"].std,
        "the small one stays": abs(f["last"][1] - CHANCE) < 0.03,
        "Xavier learns": f["right"][0] > 0.95,
    },
    "he": lambda f: {
        "most units live": max(one["activation"].dead for one in f["before"][0][:-1]) < 0.5,
        "whole layers are dead": f["before"][2][-2]["activation"].dead > 0.95,
        "no learning": at_chance(f["last"][2]) and f["right"][2] < 0.6,
        "he learns": f["right"][0] > 0.95,
    },
    "orthogonal_depth": lambda f: {
        "the orthogonal one separates": f["right"][0] > 0.9,
        "the normal one is near chance": f["right"][1] < 0.65,
    },
    "batch_norm": lambda f: {
        "about a hundred times": 30 < norms(f["before"][1])[0] < 400,
        "a tenth of the scale trains": f["right"][0] > 0.85,
        "every signal has size 1": all(
            0.9 < math.sqrt(one["pre-activation"].second_moment) < 1.1 for one in f["before"][1][:-1]
        ),
    },
    "fine_tuned": lambda f: {
        "about 98 % before the first step": f["began"][0] > 0.95,
        "about half": 0.35 < f["began"][1] < 0.65,
    },
    "sparse": lambda f: {
        "about 86 %": 0.82 < f["right"][0] < 0.9,
        "about 38 %": 0.3 < f["right"][1] < 0.46,
        "most of its units are saturated": f["before"][1][0]["pre-activation"].saturated > 0.9,
    },
    "identity": lambda f: {
        "all layers look alike": len({one["activation"].second_moment for one in f["before"][0][1:-1]}) == 1,
        "training goes on": f["last"][0] < 0.4,
        "half as wide": all(
            abs(after["activation"].std / one["activation"].std - 0.5) < 1e-6
            for one, after in zip(f["before"][1][1:-2], f["before"][1][2:-1], strict=True)
        ),
        "the loss stays": at_chance(f["last"][1]),
    },
}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_a_lesson_says_is_what_happens(name: str) -> None:
    found = BOUNDS[name](seen(name))
    assert [claim for claim, holds in found.items() if not holds] == []


def test_there_are_twelve_lessons_each_checked() -> None:
    assert [one.name for one in TOUR] == [
        *("zero_symmetry", "logistic_from_zero", "saturation", "vanishing", "exploding", "xavier"),
        *("he", "orthogonal_depth", "batch_norm", "fine_tuned", "sparse", "identity"),
    ]
    assert set(BOUNDS) == {one.name for one in TOUR}


def test_lessons_are_in_both_languages_and_end_in_a_question() -> None:
    for one in tour():
        for what in ("title", "text", "question", "answer"):
            assert not any("一" <= letter <= "鿿" for letter in one[what]["en"])
            assert any("一" <= letter <= "鿿" for letter in one[what]["zh"])
        assert one["question"]["en"].endswith("?")
        assert one["question"]["zh"].endswith("?")
        assert 2 <= one["text"]["en"].count(". ") + 1 <= 4
        experiment = Experiment.from_dict(one["experiment"])
        assert from_query(to_query(experiment)) == experiment
