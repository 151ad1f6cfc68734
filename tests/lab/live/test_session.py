"""A session trains as `pi.train`, looks without touching, rewinds to the same bits, and ends as it must."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.data import Dataset
from pyinit.errors import ArgumentError, DataError
from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.experiment.sets import Source, given, uploaded
from pyinit.lab.live.frames import decoded
from pyinit.lab.live.run import SEEN
from pyinit.lab.live.session import Session


def session(**settings: Any) -> Session:
    return Session(Experiment.from_dict(settings))


def test_rewind_shows_and_trains_the_same_bits() -> None:
    one = session(data="moons", depth=4, width=8, steps=60, runs=["he_normal", "orthogonal"])
    first = one.frame(1)
    one.advance(25)
    after, losses = one.frame(2), [list(run.training.losses) for run in one.runs]
    assert after != first
    one.rewind()
    assert one.step == 0
    assert one.frame(1) == first
    assert one.advance(25) == 25
    assert one.frame(2) == after
    assert [run.training.losses for run in one.runs] == losses


def test_losses_and_scores_of_frames_are_all_of_them_once() -> None:
    one = session(data="moons", depth=2, width=4, steps=60, batch_size=32, runs=["he_normal"])
    losses, scores = [], []
    for number in range(12):
        header, arrays = decoded(one.frame(number))
        losses += arrays["r0.losses"].tolist()
        scores += arrays["r0.scores"].tolist()
        assert header["step"] == len(losses) == one.step
        one.advance(7)
    training = one.runs[0].training
    assert losses == np.float32(training.losses).tolist()
    assert [int(step) for step, _, _ in scores] == [0, 25, 50, 60]
    assert header["finished"]
    assert one.advance(5) == 0


def test_a_run_that_diverges_ends_and_the_others_go_on() -> None:
    settings = {"data": "circles", "depth": 10, "activation": "relu", "optimizer": "sgd", "steps": 40}
    one = session(**settings, runs=[{"recipe": "he_normal", "scale": 4.0}, "he_normal"])
    one.advance(40)
    header, arrays = decoded(one.frame())
    assert header["finished"]
    assert header["diverged"][0].startswith("diverged at step ")
    assert header["diverged"][1] is None
    assert len(arrays["r0.losses"]) < 40 == len(arrays["r1.losses"])
    assert [row["diverged"] for row in one.table()] == [True, False]
    json.dumps([one.table(), one.verdicts(), one.ready()], allow_nan=False)


def test_statistics_are_those_of_the_numbers_themselves() -> None:
    one = session(data="moons", depth=3, width=8, activation="relu", batch_size=64, runs=["he_normal"])
    one.advance(10)
    _, arrays = decoded(one.frame())
    run = one.runs[0]
    x = run._x
    for at in range(3):
        weight = run.training.parameters[f"layers.{at}.weight"]
        z = x @ weight + run.training.parameters[f"layers.{at}.bias"]
        x = np.maximum(z, 0) if at < 2 else z
        for kind, values in (("pre-activation", z), ("activation", x), ("weight", weight)):
            place = SEEN.index(kind)
            mean, std, rms = arrays["r0.moments"][at, place, :3]
            assert mean == pytest.approx(values.mean(), abs=1e-4)
            assert std == pytest.approx(values.std(), rel=1e-3)
            assert rms == pytest.approx(math.sqrt((values**2).mean()), rel=1e-3)
            counts, edges = arrays["r0.counts"][at, place], arrays["r0.edges"][at, place]
            near = np.histogram(values, 64, tuple(edges))[0]
            assert counts.sum() == values.size
            # numbers on an edge may fall on either side of it
            assert abs(counts - near).sum() <= 4
        assert arrays["r0.norms"][at, 0] == pytest.approx(np.linalg.norm(weight), rel=1e-4)
        assert (arrays[f"r0.weights.{at}"] == weight.T).all()
        dead = arrays["r0.moments"][at, SEEN.index("activation"), 4]
        assert dead == pytest.approx((x == 0).all(axis=0).mean(), abs=1e-6)


def test_gradients_are_those_of_the_loss() -> None:
    # central differences of the loss on the rows that are seen; float32 leaves about three digits
    one = session(data="circles", depth=3, width=6, activation="tanh", runs=["lecun_normal"])
    run = one.runs[0]
    run.measured()
    _, arrays = decoded(one.frame())
    training = run.training

    def loss() -> float:
        run._seen = None
        value = run.measured().loss
        assert value is not None
        return value

    for at in range(3):
        weight = training.parameters[f"layers.{at}.weight"]
        start, step = weight[0, 0].copy(), 1e-2
        ends = []
        for value in (start + step, start - step):
            weight[0, 0] = value
            ends.append(loss())
        weight[0, 0] = start
        slope = (ends[0] - ends[1]) / (2 * step)
        assert arrays[f"r0.gradients.{at}"][0, 0] == pytest.approx(slope, rel=2e-2, abs=1e-4)


def test_the_boundary_is_the_networks_answer_on_a_grid() -> None:
    one = session(data="blobs", depth=2, width=8, runs=["he_normal"])
    one.advance(20)
    header, arrays = decoded(one.frame())
    answers = arrays["r0.boundary"]
    side = len(answers)
    assert answers.shape == (side, side, 3)
    assert answers.sum(axis=2) == pytest.approx(1.0, abs=1e-5)
    low, high, bottom, top = header["extent"]
    points = one.source.data.inputs
    assert low < points[:, 0].min()
    assert top > points[:, 1].max()
    parameters = one.runs[0].training.parameters
    corner = np.array([high, bottom])
    hidden = np.tanh(corner @ parameters["layers.0.weight"] + parameters["layers.0.bias"])
    y = hidden @ parameters["layers.1.weight"] + parameters["layers.1.bias"]
    assert answers[0, -1] == pytest.approx(np.exp(y) / np.exp(y).sum(), abs=1e-4)


def test_two_classes_have_one_probability_and_batch_norm_its_own_rows() -> None:
    one = session(data="moons", depth=3, width=8, norm="batch", steps=200, runs=["he_normal"])
    one.advance(200)
    _, arrays = decoded(one.frame())
    answers = arrays["r0.boundary"]
    assert answers.ndim == 2
    assert ((answers >= 0) & (answers <= 1)).all()
    data = one.source.data
    right = (one.runs[0].answers(data.inputs).argmax(axis=1) == data.targets).mean()
    assert right > 0.9


def test_digits_are_shown_with_what_is_said_of_them() -> None:
    one = session(data="mnist", depth=2, width=32, optimizer="sgd", learning_rate=0.1, runs=["he_normal"])
    header, data = decoded(one.data_frame(5))
    assert (header["kind"], header["id"]) == ("data", 5)
    assert data["images"].shape == (40, 28, 28)
    assert data["images"].dtype == np.uint8
    assert (np.bincount(data["labels"]) == 4).all()
    one.advance(125)
    _, arrays = decoded(one.frame())
    assert (arrays["r0.digits"][:, 0] == data["labels"]).mean() > 0.7
    assert arrays["r0.digits"][:, 1].max() <= 1.0
    assert "r0.weights.0" not in arrays


def test_a_regression_has_no_boundary_and_is_scored_in_its_unit() -> None:
    one = session(data="abalone", depth=2, width=8, batch_size=128, steps=50, runs=["he_normal"])
    one.advance(50)
    header, arrays = decoded(one.frame())
    assert header["scored"] == "rmse"
    assert arrays["r0.scores"][-1, 2] < 3.0
    assert not any("boundary" in name or "digits" in name for name in arrays)
    answers = one.runs[0].answers(one.source.data.inputs)
    assert abs(answers.mean() - one.source.data.targets.mean()) < 1.0
    targets = decoded(one.data_frame())[1]["targets"]
    error = math.sqrt(np.square(arrays["r0.answers"] - targets).mean())
    assert error == pytest.approx(arrays["r0.scores"][-1, 2], rel=0.25)
    # a mutant: the answers of other rows
    assert math.sqrt(np.square(arrays["r0.answers"][::-1] - targets).mean()) > 1.25 * error


def test_a_table_of_classes_shows_what_each_row_is_taken_for() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    kind = np.where(x[:, 0] > 0, np.where(x[:, 1] > 0, "c", "b"), "a")
    rows = b"one,two,three,kind\n" + b"".join(
        b"%f,%f,%f,%s\n" % (*row, k.encode()) for row, k in zip(x, kind, strict=True)
    )
    source = uploaded("t.csv", rows, "kind")
    wanted = {"data": "t.csv", "depth": 2, "steps": 300, "runs": ["he_normal"]}
    one = Session(Experiment.from_dict(wanted), {"t.csv": source})
    labels = decoded(one.data_frame())[1]["labels"]
    one.advance(300)
    answers = decoded(one.frame())[1]["r0.answers"]
    assert answers.shape == (len(labels), 2)
    assert (answers[:, 0] == labels).mean() > 0.85
    assert (answers[:, 1] > 1 / 3 - 1e-6).all()


def test_what_a_page_is_told_is_complete() -> None:
    one = session(data="spirals", depth=3, width=8, runs=["critical_normal", {"recipe": "zeros"}])
    ready = one.ready()
    assert Experiment.from_dict(ready["experiment"]) == one.experiment
    assert [layer["units"] for layer in ready["runs"][0]["layers"]] == [8, 8, 1]
    assert ready["runs"][0]["sigma_w"] == pytest.approx(1.0)
    assert ready["runs"][0]["critical_scale"] == pytest.approx(1.0)
    assert ready["data"]["classes"] == ["0", "1"]
    assert [one["kind"] for one in ready["verdicts"]] == ["healthy", "dead"]
    assert "pi.compare" in ready["python"]


def test_the_users_own_networks_and_data_are_trained_as_they_are() -> None:
    data = pi.data.moons(200, noise=0.2)
    networks = {
        "residual": pi.mlp([2, 8, 8, 2], "relu", residual=True),
        "a function": pi.Network((pi.Dense(2, 6, np.sin, "he_normal", None), pi.Dense(6, 1, "linear"))),
    }
    experiment = Experiment(data=data.name, steps=30, optimizer="sgd", learning_rate=0.1, batch_size=16)
    one = Session(experiment, {data.name: given(data)}, networks)
    one.advance(30)
    options = {"optimizer": "sgd", "learning_rate": 0.1, "steps": 30, "batch_size": 16, "key": 0}
    found = pi.compare(networks, data, **options)
    for run, (label, history) in zip(one.runs, found.histories.items(), strict=True):
        assert run.label == label
        assert run.training.losses == history.losses.tolist()
        for name, values in history.parameters.items():
            assert (run.training.parameters[name] == values).all()
    ready = one.ready()
    assert ready["own"]
    assert [run["label"] for run in ready["runs"]] == list(networks)
    json.dumps(ready, allow_nan=False)
    _, arrays = decoded(one.frame())
    assert arrays["r0.boundary"].shape == arrays["r1.boundary"].shape
    with pytest.raises(ArgumentError, match="the lab shows 1 to 4 networks; got 0"):
        Session(experiment, {data.name: given(data)}, {})
    large = {"large": pi.mlp([2, 3000, 3000, 1], "relu")}
    with pytest.raises(ArgumentError, match="weights; the lab takes"):
        Session(experiment, {data.name: given(data)}, large)


def test_a_session_that_cannot_be_trained_is_refused() -> None:
    with pytest.raises(ArgumentError, match="there is no data set"):
        session(data="mine.csv")
    rows = np.arange(10.0)
    data = Dataset("odd", rows[:, None], rows, train=np.arange(9), test=np.array([9]))
    source = Source("odd", "table", {"en": "odd", "zh": "odd"}, "odd", data)
    experiment = Experiment.from_dict({"data": "odd", "norm": "batch", "batch_size": 4})
    with pytest.raises(DataError, match="batch normalization needs at least 2 rows"):
        Session(experiment, {"odd": source})


def test_frames_leave_the_training_most_of_the_time() -> None:
    # 30 frames a second leave 33 ms for each; processor time, the least of several, is free of other load
    one = session(data="moons", depth=10, width=64, batch_size=128, runs=["critical_normal"])
    one.advance(5)
    costs = []
    for _ in range(8):
        one.runs[0]._seen = None
        before = time.process_time()
        one.frame()
        costs.append(time.process_time() - before)
    assert min(costs) < 0.020


def test_threads_and_frames_change_no_bits_of_a_training() -> None:
    one = session(data="moons", depth=3, width=8, steps=40, runs=["he_normal"])
    while one.advance(1):
        one.frame()
        one.verdicts()
    network = pi.mlp([2, 8, 8, 1], "tanh", pi.he_normal())
    data = pi.data.moons().standardized()
    history = pi.train(
        network, data, optimizer="adam", learning_rate=0.01, steps=40, batch_size=32, threads=2
    )
    assert history.losses.tolist() == one.runs[0].training.losses
