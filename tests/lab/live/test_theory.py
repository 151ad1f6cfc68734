"""Theory over the histograms, the phase diagram, and verdicts in both languages."""

from __future__ import annotations

import math
import re
import time
from typing import Any, get_args

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import ArgumentError
from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.live import run, verdicts
from pyinit.lab.live.frames import decoded
from pyinit.lab.live.overlays import laws_of
from pyinit.lab.live.phase import phase_frame, phase_of
from pyinit.lab.live.run import SEEN
from pyinit.lab.live.session import Session
from pyinit.lab.probe.measure.axes import spanning
from pyinit.lab.probe.prediction.prediction import Prediction
from pyinit.lab.probe.verdict.verdict import Cause, Kind, Other, Why
from pyinit.linalg.statistics import LinearAxis
from pyinit.theory import critical, fixed_point
from pyinit.theory.activation import NAMES

DRAWS = 400_000


def counted(values: Any, axis: LinearAxis) -> Any:
    counts = np.histogram(values, axis.bins, (axis.low, axis.high))[0]
    return counts / len(values) * axis.bins / (axis.high - axis.low)


def far(density: Any, values: Any, axis: LinearAxis) -> float:
    """Return the largest difference between two cumulative shares, as Kolmogorov and Smirnov have it."""
    width = (axis.high - axis.low) / axis.bins
    return float(abs(np.cumsum(density - counted(values, axis)) * width).max())


# 0.1 % of all is missed in at most one of a million: exp(-2 n 0.0027^2) of n draws
LIMIT = 0.0035


@pytest.mark.parametrize("activation", NAMES)
def test_the_law_of_an_activation_is_that_of_draws(activation: str) -> None:
    layer = pi.Dense(10, 20, activation, pi.he_normal())
    predicted = Prediction(0.2, 2.25, 2.29, None, None)
    laws = laws_of(layer, [{"pre-activation": predicted}])
    z = 0.2 + 1.5 * np.random.default_rng(0).standard_normal(DRAWS)
    y = layer.activation(z)
    for kind, values in (("pre-activation", z), ("activation", y)):
        axis = spanning(float(values.min()), float(values.max()), 64)
        assert far(laws[kind].density(axis), values, axis) < LIMIT
    # a mutant: a standard deviation that is off by 2 %
    axis = spanning(float(y.min()), float(y.max()), 64)
    wrong = laws_of(layer, [{"pre-activation": Prediction(0.2, 2.25 * 1.04, 2.4, None, None)}])
    assert far(wrong["activation"].density(axis), y, axis) > 0.003 or layer.activation.name == "sin"


@pytest.mark.parametrize(
    "recipe",
    [
        pi.normal(mean=0.3, std=0.5),
        pi.he_normal(),
        pi.he_uniform(),
        pi.uniform(-1.0, 0.25),
        pi.truncated_normal(std=0.5),
        pi.truncated_normal(mean=0.2, std=0.5, low=-0.4, high=2.0, unit="absolute"),
        pi.he_normal(truncated=True),
    ],
    ids=repr,
)
def test_the_law_of_weights_is_that_of_draws(recipe: pi.Recipe) -> None:
    layer = pi.Dense(500, 800, "tanh", recipe)
    values = recipe((500, 800), key=0).ravel()
    axis = spanning(float(values.min()), float(values.max()), 64)
    assert far(laws_of(layer, [{}])["weight"].density(axis), values, axis) < LIMIT


@pytest.mark.parametrize("recipe", ["zeros", "identity", "sparse", "orthogonal", "constant"])
def test_theory_is_silent_where_it_knows_no_law(recipe: str) -> None:
    one = Session(Experiment.from_dict({"data": "moons", "depth": 3, "width": 8, "runs": [recipe]}))
    _, arrays = decoded(one.frame())
    assert np.isnan(arrays["r0.theory"][1, SEEN.index("weight")]).all()
    assert np.isnan(arrays["r0.theory"][:, SEEN.index("gradient")]).all()


def test_a_wide_layer_of_digits_lies_on_theorys_curve() -> None:
    # 256 rows x 256 units of digits, whose rows differ in length: no closer than a few percent
    settings = {"data": "mnist", "depth": 3, "width": 256, "batch_size": 256, "runs": ["critical_normal"]}
    header, arrays = decoded(Session(Experiment.from_dict(settings)).frame())
    for kind in ("pre-activation", "activation", "weight"):
        place = header["kinds"].index(kind)
        counts, (low, high) = arrays["r0.counts"][1, place], arrays["r0.edges"][1, place]
        found = counts / counts.sum()
        theory = arrays["r0.theory"][1, place] * (high - low) / 64
        assert abs(np.cumsum(found - theory)).max() < 0.05
        moments, predicted = arrays["r0.moments"][1, place], arrays["r0.predicted"][1, place]
        assert moments[2] == pytest.approx(predicted, rel=0.15)


def farthest(groups: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return how far the first layer of a wide network on circles is from theory, in cumulative share."""
    monkeypatch.setattr(run, "_GROUPS", groups)
    settings = {"data": "circles", "depth": 3, "width": 512, "batch_size": 256, "activation": "relu"}
    _, arrays = decoded(Session(Experiment.from_dict(settings)).frame())
    counts, (low, high) = arrays["r0.counts"][0, 0], arrays["r0.edges"][0, 0]
    theory = arrays["r0.theory"][0, 0] * (high - low) / 64
    return float(abs(np.cumsum(counts / counts.sum() - theory)).max())


def test_rows_of_other_lengths_have_other_variances(monkeypatch: pytest.MonkeyPatch) -> None:
    # 512 units: a standard error of 0.02 in a row's std moves a cumulative share by 0.005 at most
    assert farthest(5, monkeypatch) < 0.01
    # a mutant: all rows as long as the mean row
    assert farthest(1, monkeypatch) > 0.02


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "sigmoid", "sin", "hardtanh", "leaky_relu"])
def test_the_phase_diagram_is_theorys(activation: str) -> None:
    found = phase_of(activation, 24)
    for row, column in ((0, 12), (3, 2), (6, 20), (20, 8)):
        w, b = float(found.sigma_w[column]), float(found.sigma_b[row])
        point = fixed_point(activation, w, b)
        assert found.chi[row, column] == pytest.approx(float(point.chi_1), rel=3e-4)
        depth, wanted = float(found.depth[row, column]), float(point.xi_c)
        assert (math.isnan(depth) and math.isnan(wanted)) or depth == pytest.approx(wanted, rel=2e-2)
    assert found.critical == pytest.approx(float(critical(activation).sigma_w))


def test_a_diagram_of_48_by_48_takes_less_than_a_second() -> None:
    phase_of.cache_clear()
    before = time.process_time()
    header, arrays = decoded(phase_frame("tanh", 48, 7))
    assert time.process_time() - before < 1.0
    assert (header["kind"], header["id"], header["critical"]) == ("phase", 7, 1.0)
    assert arrays["chi"].shape == arrays["depth"].shape == (48, 48)
    assert (np.diff(arrays["edge"][:, 0]) > 0).all()
    # chi_1 passes 1 where the edge is
    w = np.linspace(*header["sigma_w"], 48)
    for (at, _), row in zip(arrays["edge"], arrays["chi"], strict=True):
        crossed = w[np.argmax(row > 1.0)]
        assert abs(crossed - at) <= 1.01 * (w[1] - w[0]) or at > w[-1]


@pytest.mark.parametrize("activation", NAMES)
def test_every_activation_has_a_diagram(activation: str) -> None:
    found = phase_of(activation, 8)
    assert np.isfinite(found.chi).all()
    phase_frame(activation, 8)


def test_a_diagram_that_is_not_valid_is_refused() -> None:
    for activation, size in (("tan", 8), ("tanh", 1), ("tanh", 1000), ("tanh", True)):
        with pytest.raises(ArgumentError):
            phase_of(activation, size)


def test_every_sentence_is_said_in_chinese() -> None:
    pairs = [
        (Kind, verdicts.KINDS_ZH),
        (Cause, verdicts._REASONS_ZH),
        (Other, verdicts._OTHERS_ZH),
        (Why, verdicts._WHYS_ZH),
    ]
    for names, texts in pairs:
        assert set(get_args(names)) == set(texts)


@pytest.mark.filterwarnings("ignore:x has features that are constant")
def test_verdicts_are_the_probes() -> None:
    settings: dict[str, Any] = {"data": "mnist", "depth": 8, "width": 32, "batch_size": 64}
    runs = [{"recipe": "normal", "scale": 0.01}, "lecun_normal", "normal", "zeros"]
    one = Session(Experiment.from_dict(settings | {"runs": runs}))
    kinds = []
    for watched, found in zip(one.runs, one.verdicts(), strict=True):
        targets = one.source.data.targets[watched._rows]
        report = pi.probe(watched.network, watched._x, key=0, targets=targets)
        # the page numbers layers from 1
        said = re.sub(r"layers\.(\d+)", lambda one: f"layer {int(one[1]) + 1}", str(report.verdict))
        assert found["text"]["en"] == said
        assert [layer["kind"] for layer in found["layers"]] == [layer.verdict.kind for layer in report.layers]
        assert found["text"]["zh"].startswith(verdicts.KINDS_ZH[report.verdict.kind])
        kinds.append(found["kind"])
    assert kinds == ["vanishing", "healthy", "saturated", "dead"]
    zh = one.verdicts()[0]["text"]["zh"]
    assert zh.startswith("消失:8 层中有 8 层;第 ")
    assert "建议:" in zh
