"""`pi.train`: the same bits everywhere, what is recorded, where it breaks, refusals."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi

MOONS = pi.data.moons(200)
ABALONE = pi.data.abalone().standardized()
NET = pi.mlp([2, 16, 16, 2], "tanh", bias="zeros")


def digest(history: pi.History) -> str:
    """Return a hash of losses and parameters."""
    content = history.losses.tobytes() + b"".join(v.tobytes() for v in history.parameters.values())
    return hashlib.sha256(content).hexdigest()[:16]


def regression(threads: int | None = None) -> pi.History:
    network = pi.mlp([8, 33, 17, 1], "relu", bias="zeros")
    return pi.train(
        network, ABALONE, optimizer="adam", steps=30, batch_size=100, record=10, key=5, threads=threads
    )


def classes(threads: int | None = None) -> pi.History:
    network = pi.mlp([2, 16, 16, 2], "softsign", bias=None, norm="batch")
    return pi.train(network, MOONS, steps=12, batch_size=50, record="step", key=5, threads=threads)


@pytest.fixture(scope="module")
def statistics() -> tuple[str, str]:
    return regression().to_json(), classes().to_json()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bits_depend_on_neither_instruction_set_nor_threads(
    statistics: tuple[str, str], isa: str, threads: int
) -> None:
    first, second = regression(threads), classes(threads)
    assert (first.to_json(), second.to_json()) == statistics
    # what every machine gets
    assert (digest(first), digest(second)) == ("34281a487bfc185c", "ee28567342f20869")


def test_products_that_threads_share_have_the_same_bits() -> None:
    # 256 rows through 512 x 256: enough work to wake a thread for
    inputs = pi.normal()((256, 512), key=0)
    wide = pi.data.Dataset("wide", inputs, inputs[:, 0])
    network = pi.mlp([512, 256, 1], "tanh")
    one, three = (
        pi.train(network, wide, steps=2, batch_size=256, threads=threads, record="step") for threads in (1, 3)
    )
    assert digest(one) == digest(three)
    assert one.to_json() == three.to_json()


def test_digests_can_fail() -> None:
    first, second = (pi.train(NET, MOONS, learning_rate=rate, steps=2, key=0) for rate in (0.1, 0.1000001))
    assert digest(first) != digest(second)


def test_lengths_scores_and_records() -> None:
    # 160 rows in batches of 50: 4 steps an epoch
    history = pi.train(NET, MOONS, epochs=3, batch_size=50)
    assert history.steps == 12
    assert [(score.epoch, score.step) for score in history.scores] == [(0, 0), (1, 4), (2, 8), (3, 12)]
    assert [one.step for one in history.snapshots] == [0, 4, 8, 11]
    assert history.gradient_norms().shape == (4, 3)
    history = pi.train(NET, MOONS, steps=6, batch_size=50, record=5, score="end")
    assert [(score.epoch, score.step) for score in history.scores] == [(0, 0), (2, 6)]
    assert [one.step for one in history.snapshots] == [0, 5]
    assert pi.train(NET, MOONS, steps=1, record=None).snapshots == ()
    assert len(pi.train(NET, MOONS, steps=3, record="step").snapshots) == 3
    # a batch larger than the data is all of it
    assert pi.train(NET, MOONS, epochs=2, batch_size=10_000).steps == 2


def test_a_longer_training_begins_as_a_shorter_one() -> None:
    short, long = (pi.train(NET, MOONS, steps=steps, batch_size=50, key=3) for steps in (5, 9))
    np.testing.assert_array_equal(long.losses[:5], short.losses)


def test_moments_are_those_of_the_batch() -> None:
    history = pi.train(NET, MOONS, steps=1, batch_size=64, key=7, record="step")
    x, _ = next(MOONS.batches(64, key=7))
    parameters = NET.init(key=7)
    z = x.astype(np.float64) @ parameters["layers.0.weight"]
    found = history.snapshots[0].layers[0]
    assert found["pre-activation"].mean == pytest.approx(z.mean(), rel=1e-5)
    assert found["activation"].std == pytest.approx(np.tanh(z).std(), rel=1e-5)
    assert found["activation"].histogram is not None
    assert found["activation"].histogram.axis.bins == 32
    weight = parameters["layers.0.weight"]
    assert found["weight"].second_moment == pytest.approx(np.square(weight.astype(float)).mean(), rel=1e-6)
    steps, values = history.series(0, "weight", "std")
    assert steps.tolist() == [0]
    assert values[0] == found["weight"].std
    # shares apply where there is something to be flat
    assert np.isnan(history.series(0, "gradient", "saturated")[1]).all()


def test_dead_units_are_counted() -> None:
    network = pi.mlp([2, 8, 2], "relu", bias=pi.constant(-100.0))
    history = pi.train(network, MOONS, steps=1)
    assert history.snapshots[0].layers[0]["activation"].dead == 1.0


def test_parameters_are_those_after_the_last_step() -> None:
    history = pi.train(NET, MOONS, steps=1, batch_size=64, key=7, learning_rate=0.5, record="step")
    start = NET.init(key=7)
    moved = {name: np.linalg.norm((start[name] - now) / 0.5) for name, now in history.parameters.items()}
    norms = history.gradient_norms()[0]
    for at in range(3):
        assert moved[f"layers.{at}.weight"] == pytest.approx(norms[at], rel=1e-4)


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_what_can_be_learned_is_learned(norm: Any) -> None:
    network = pi.mlp([2, 24, 24, 2], "relu", bias="zeros", norm=norm)
    history = pi.train(network, pi.data.moons(600), optimizer="adam", learning_rate=0.01, epochs=30, key=0)
    assert history.final_score > 0.97
    assert history.scores[0].train < 0.9


def test_divergence_is_an_answer() -> None:
    wild = pi.mlp([784, 100, 100, 100, 100, 10], "relu", pi.normal(), bias="zeros")
    history = pi.train(wild, pi.data.mnist_5k(), learning_rate=0.1, steps=20, record="step")
    found = history.divergence
    assert found is not None
    assert 0 < found.step < 10
    assert found.layer is not None
    assert history.steps == found.step + 1
    assert len(history.snapshots) == found.step
    assert str(found) == f"diverged at step {found.step}: layers.{found.layer}'s {found.kind} is not finite"
    assert str(found) in str(history)
    # kept as they were before the step that was not finite
    assert history.scores[-1].step == found.step
    assert json.loads(history.to_json())["divergence"]["step"] == found.step


def test_divergence_names_where_it_began() -> None:
    huge = pi.mlp([2, 4, 4, 2], "linear", pi.constant(1e20))
    history = pi.train(huge, MOONS, steps=3)
    assert str(history.divergence) == "diverged at step 0: layers.1's pre-activation is not finite"
    assert [score.step for score in history.scores] == [0]
    assert history.snapshots == ()
    # finite forward, and not back: 1e-30 * 3e38 holds, what comes back meets 3e38 alone
    steep = [
        pi.Dense(1, 4, "linear", pi.constant(1e-30)),
        pi.Dense(4, 4, "linear", pi.constant(3e38)),
        pi.Dense(4, 1, "linear", pi.constant(1.0)),
    ]
    line = pi.data.Dataset("line", [[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])
    found = pi.train(steep, line, steps=3).divergence
    assert str(found) == "diverged at step 0: layers.0's gradient is not finite"


def test_a_history_prints_plots_and_becomes_json(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = pi.train(NET, MOONS, epochs=2, batch_size=50, key=0)
    lines = str(history).splitlines()
    assert lines[0] == ("moons, widths 2-16-16-2: SGD(learning_rate=0.1), batches of 50, cross_entropy")
    assert lines[1].split() == ["epoch", "step", "loss", "train", "test", "accuracy"]
    assert len(lines) == 5
    assert repr(history).startswith("History('moons': 8 steps of SGD(learning_rate=0.1); accuracy 0.")
    content = json.loads(history.to_json())
    assert content["losses"] == history.losses.tolist()
    assert content["snapshots"][0]["layers"][0]["activation"]["count"] == 50 * 16
    assert pi.Network.from_dict(content["network"]) == NET
    history.plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes()[:4] == b"\x89PNG"
    # infinities and what is not a number have words in JSON
    assert math.isnan(history.series(0, "gradient", "dead")[1][0])


def test_without_test_rows_training_rows_count() -> None:
    pytest.importorskip("matplotlib")
    line = pi.data.Dataset("line", [[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])
    history = pi.train(pi.mlp([1, 4, 1]), line, epochs=2)
    last = history.scores[-1]
    assert last.test is None
    assert history.final_score == last.train
    titles = [axes.get_title() for axes in history.plot().get_axes()]
    assert titles[:2] == ["mse of each batch", "RMSE on training rows"]
    # below the four of the whole network, a panel a layer
    assert titles[4:] == ["layer 0", "layer 1"]


def test_functions_have_no_json_but_their_names() -> None:
    history = pi.train(pi.mlp([2, 4, 2], np.cos), MOONS, steps=1)
    assert "Activation(name='cos'" in json.loads(history.to_json())["network"]


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    pi.train(NET, MOONS, steps=3, progress=lambda done, steps: told.append((done, steps)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"network": "mlp"}, pi.RecipeError, "a network or a list of layers is needed; got str"),
        ({"data": (1, 2)}, pi.DataError, r"training needs a Dataset; got tuple. Use pyinit.data.abalone\(\)"),
        (
            {"data": ABALONE},
            pi.ShapeError,
            "abalone has 8 features; got a network of 2 inputs. Make the first",
        ),
        ({"epochs": 1, "steps": 1}, pi.RecipeError, "a training takes either epochs or steps; got both"),
        ({"epochs": 0}, pi.DataError, "epochs must be a positive integer; got 0"),
        ({"steps": 1.5}, pi.DataError, "steps must be a positive integer; got 1.5"),
        ({"batch_size": 0}, pi.DataError, "batch_size must be a positive integer; got 0"),
        ({"record": 0}, pi.RecipeError, "record is a number of steps, 'step', 'epoch' or None; got 0"),
        ({"record": "always"}, pi.RecipeError, "record is a number of steps"),
        ({"score": "never"}, pi.RecipeError, "score is 'epoch' or 'end'; got 'never'"),
        ({"bins": 0}, pi.RecipeError, "bins must be an integer in"),
        ({"threads": 0}, pi.ArgumentError, "threads must be a positive integer; got 0"),
        ({"learning_rate": -1.0}, pi.RecipeError, "learning_rate must be above 0; got -1.0"),
        (
            {"network": pi.mlp([2, 4, 2], norm="batch"), "batch_size": 159},
            pi.DataError,
            "batch normalization needs at least 2 rows in a batch; 160 rows in batches of 159 leave 1",
        ),
    ],
)
def test_refusals(options: dict[str, Any], kind: type[Exception], message: str) -> None:
    given = {"network": NET, "data": MOONS} | options
    with pytest.raises(kind, match=message):
        pi.train(given.pop("network"), given.pop("data"), **given)


def test_series_refuse_what_is_not_there() -> None:
    history = pi.train(NET, MOONS, steps=1)
    with pytest.raises(
        pi.ArgumentError, match=r"series are of pre-activation, activation, .* got 'bias' of layer 0"
    ):
        history.series(0, "bias")
    with pytest.raises(pi.ArgumentError, match="moments have no 'median'"):
        history.series(0, "activation", "median")
    with pytest.raises(pi.ArgumentError, match="moments have no 'histogram'"):
        history.series(0, "activation", "histogram")
