"""A training that is stopped and goes on is the training that is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.train.sweep import outputs
from pyinit.lab.train.training import Training, begin

DATA = pi.data.moons(100)


def begun(**options: Any) -> Training:
    return begin(pi.mlp([2, 8, 1], "relu", norm="batch"), DATA, **options)


def test_steps_one_by_one_are_pi_train() -> None:
    options: dict[str, Any] = {"optimizer": "adam", "steps": 12, "batch_size": 32, "key": 3}
    history = pi.train(pi.mlp([2, 8, 1], "relu", norm="batch"), DATA, **options)
    training = begun(**options)
    assert (training.done, len(training.losses), len(training.scores)) == (0, 0, 1)
    for step in range(12):
        assert training.done == step
        assert training.step()
    assert training.is_over
    assert not training.step()
    assert training.done == 12
    made = training.history()
    assert made.losses.tobytes() == history.losses.tobytes()
    assert made.scores == history.scores
    for name, values in history.parameters.items():
        assert made.parameters[name].tobytes() == values.tobytes()


def test_a_step_is_watched_before_its_update() -> None:
    training = begun(steps=2)
    before = training.parameters["layers.0.weight"].copy()
    seen = []

    def watch(step: int, made: Any, back: Any) -> None:
        seen.append((step, len(made), len(back), (training.parameters["layers.0.weight"] == before).all()))

    training.step(watch)
    training.step(watch)
    assert seen == [(0, 2, 2, True), (1, 2, 2, False)]


def test_no_state_of_numpy_leaks_from_a_step() -> None:
    before = np.geterr()
    training = begun(steps=3)
    training.step()
    assert np.geterr() == before


def test_progress_is_called_for_each_step_that_was_made() -> None:
    calls: list[tuple[int, int]] = []
    pi.train(
        pi.mlp([2, 8, 1]),
        DATA,
        steps=4,
        batch_size=30,
        progress=lambda done, steps: calls.append((done, steps)),
    )
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    calls.clear()
    network, data = pi.mlp([8, 32, 32, 1], "relu", pi.normal(std=3)), pi.data.abalone()
    history = pi.train(
        network, data, learning_rate=1.0, steps=9, progress=lambda done, steps: calls.append((done, steps))
    )
    assert history.divergence is not None
    assert len(calls) == history.divergence.step


def test_one_kind_of_length_is_taken() -> None:
    with pytest.raises(pi.RecipeError, match="either epochs or steps"):
        begun(epochs=1, steps=1)


@pytest.mark.parametrize("norm", [None, "layer", "batch"])
@pytest.mark.parametrize("left_out", [0, 7])
def test_a_score_is_that_of_the_parts_one_after_the_other(norm: Any, left_out: int) -> None:
    # where every row is scored, and none depends on the others, no row is gathered
    data = pi.data.Dataset(
        "a regression",
        DATA.inputs,
        DATA.targets * 1.0,
        train=np.arange(99, 20, -1),
        test=np.arange(left_out, 21),
    )
    training = begin(pi.mlp([2, 8, 1], "tanh", norm=norm), data, steps=3)
    while training.step():
        pass
    parts = [data.part("train"), data.part("test")]
    made = outputs(training.network, training.parts, [x for x, _ in parts], 1)
    wanted = [training.goal.score(y, t) for y, (_, t) in zip(made, parts, strict=True)]
    assert [training.scores[-1].train, training.scores[-1].test] == wanted
