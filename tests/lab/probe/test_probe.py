"""What `pi.probe` accepts, what it refuses, and where histograms lie."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.lab.probe.measure import measure
from pyinit.lab.probe.measure.axes import axes_of, reached, spanning
from pyinit.linalg.statistics import LinearAxis, LogAxis

NETWORK = pi.mlp([3, 8, 8, 2], "tanh")
X = np.random.default_rng(0).normal(size=(10, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"x": X[:, :2]},
            pi.ShapeError,
            r"the network has 3 inputs; got x with 2 columns\. Make the first wid",
        ),
        ({"x": X[0]}, pi.ShapeError, r"a probe needs x of shape \(rows, 3\), not empty; got \(3,\)"),
        ({"x": X[:0]}, pi.ShapeError, r"a probe needs x of shape \(rows, 3\), not empty; got \(0, 3\)"),
        ({"x": [["a", "b", "c"]]}, pi.DataError, r"x must be an array of numbers; got"),
        ({"x": np.where(X > 1, math.nan, X)}, pi.DataError, r"x must be finite; got nan at \["),
        (
            {"x": np.full((2, 3), 1e300)},
            pi.DataError,
            r"x must be finite; got inf at \[\(0, 0\)\] and 6 such",
        ),
        ({"network": 3}, pi.RecipeError, r"a network or a list of layers is needed; got int"),
        ({"key": -1}, pi.SeedError, r"a seed must be an integer in \[0, 2\*\*64\); got -1"),
        ({"bins": 0}, pi.RecipeError, r"bins must be an integer in \[1, 4096\]; got 0"),
        ({"bins": 2.5}, pi.RecipeError, r"bins must be an integer in \[1, 4096\]; got 2\.5"),
        ({"log": 1}, pi.RecipeError, r"log is True or False; got 1"),
        ({"range": (1, 1)}, pi.RecipeError, r"a range is two finite numbers, low < high; got \(1, 1\)"),
        ({"range": "ab"}, pi.RecipeError, r"a range is two finite numbers, low < high; got 'ab'"),
        ({"range": {"z": (0, 1)}}, pi.RecipeError, r"a range is of pre-activation, activation, .*; got 'z'"),
        ({"threads": 0}, pi.ArgumentError, r"threads must be a positive integer; got 0"),
        ({"dy": np.ones((10, 3))}, pi.ShapeError, r"dy needs shape \(10, 2\), as the output; got \(10, 3\)"),
        ({"dy": "ones"}, pi.RecipeError, r"dy is an array or 'normal'; got 'ones'"),
        ({"dy": np.full((10, 2), math.inf)}, pi.DataError, r"dy must be finite; got inf"),
        (
            {"dy": np.ones((10, 2)), "targets": np.zeros((10, 2))},
            pi.RecipeError,
            r"dy and targets both say what comes back; got both",
        ),
        ({"targets": np.zeros(10)}, pi.DataError, r"a squared error needs targets of shape \(10, 2\)"),
        (
            {"targets": np.full(10, 2)},
            pi.DataError,
            r"a cross entropy over 2 outputs needs classes in \[0, 2\)",
        ),
        (
            {"targets": np.zeros(10, int), "loss": "hinge"},
            pi.ArgumentError,
            r"loss is one of .* 'hinge'",
        ),
        ({"loss": "mse"}, pi.ArgumentError, r"a loss needs targets; got 'mse' without"),
        ({"backward": False, "dy": np.ones((10, 2))}, pi.RecipeError, r"dy and targets are for the way back"),
        (
            {"network": pi.mlp([3, 8, 1], norm="batch"), "x": X[:1]},
            pi.ShapeError,
            r"batch normalization needs at least 2 rows; got 1",
        ),
    ],
)
def test_refusals(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"network": NETWORK, "x": X, **arguments}
    with pytest.raises(error, match=message) as caught:
        pi.probe(given.pop("network"), given.pop("x"), **given)
    assert "\n" not in str(caught.value)


def test_anything_that_is_rows_of_numbers_is_data() -> None:
    expected = pi.probe(NETWORK, X.astype(np.float32))
    for x in (X, X.tolist(), np.asfortranarray(X), X.astype(np.float32)[::-1][::-1]):
        assert pi.probe(NETWORK, x) == expected
    assert pi.probe(list(NETWORK.layers), X) == expected
    assert pi.probe(NETWORK, X, key=pi.key(0)) == expected
    assert pi.probe(NETWORK, X, key=1) != expected
    whole = pi.probe(NETWORK, np.arange(30).reshape(10, 3))
    assert whole.inputs.maximum == 29.0


def test_data_is_left_as_it_is() -> None:
    x = X.astype(np.float32)
    kept = x.copy()
    x.setflags(write=False)
    pi.probe(NETWORK, x, targets=np.zeros(10, int))
    assert (x == kept).all()


def test_gradients_of_normal_numbers_are_keyed() -> None:
    dy = pi.normal()((10, 2), key=pi.key(5).fold_in("dy"))
    assert pi.probe(NETWORK, X, key=5, dy="normal") == pi.probe(NETWORK, X, key=5, dy=dy)


def test_ranges() -> None:
    report = pi.probe(NETWORK, X, bins=10, range=(-2, 2))
    for kind in ("pre-activation", "activation"):
        assert report.layers[0].moments[kind].histogram.axis == LinearAxis(-2.0, 2.0, 10)
    assert report.layers[0].moments["weight"].histogram.axis.high < 2.0
    report = pi.probe(NETWORK, X, range={"gradient": (0, 1), "weight": (-9, 9)})
    assert report.layers[1].moments["gradient"].histogram.axis == LinearAxis(0.0, 1.0, 64)
    assert report.layers[1].moments["weight"].histogram.axis == LinearAxis(-9.0, 9.0, 64)


def test_logarithmic_axes() -> None:
    report = pi.probe(NETWORK, X, log=True)
    for layer in report.layers:
        for moments in layer.moments.values():
            assert moments.histogram.axis == LogAxis(-30, 30, 1)
            assert sum(moments.histogram.counts) == moments.count


@pytest.mark.parametrize(
    "options", [{}, {"norm": "batch"}, {"residual": True}, {"bias": pi.normal()}], ids=str
)
@pytest.mark.parametrize(
    "recipe", [pi.normal(), pi.glorot_normal(), pi.uniform(), pi.zeros(), pi.orthogonal()], ids=str
)
def test_automatic_ranges_hold_nearly_everything(options: dict[str, Any], recipe: pi.Recipe) -> None:
    x = pi.data.abalone().inputs[:500]
    report = pi.probe(pi.mlp([8, 16, 16, 16, 1], "tanh", recipe, **options), x)
    for layer in report.layers:
        for moments in layer.moments.values():
            bars = moments.histogram
            assert bars.below + sum(bars.counts) + bars.above == moments.count
            assert bars.below + bars.above <= 0.01 * moments.count
            filled = np.count_nonzero(bars.counts)
            assert filled >= min(4, moments.count) or moments.std <= 1e-6 * max(1.0, abs(moments.mean))


@given(
    low=st.floats(-(2.0**126), 2.0**126, width=32),
    high=st.floats(-(2.0**126), 2.0**126, width=32),
    bins=st.integers(1, 200),
)
def test_an_axis_spans_what_it_is_given(low: float, high: float, bins: int) -> None:
    low, high = min(low, high), max(low, high)
    axis = spanning(low, high, bins)
    assert axis.low < low or axis.low < 0 == low
    assert high < axis.high or axis.high > 0 == high
    # no wider than twice what it needs, or than the number itself
    assert axis.high - axis.low <= 2.2 * max(high - low, abs(low), abs(high)) + 1.0


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "gelu", "softplus", "relu"])
def test_last_bits_of_numpy_do_not_move_an_axis(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions and sums that NumPy rounds otherwise on another machine."""
    network = pi.mlp([3, 8, 8, 2], activation, pi.uniform())
    report = pi.probe(network, X)

    def other(x: np.ndarray) -> np.ndarray:
        return np.nextafter(phi.value(x), np.inf)

    phi = network.layers[0].activation
    low, high = reached(phi, -3.3, 4.4)
    moved = reached(replace(phi, value=other), -3.3, 4.4)
    # the mutant: these ends differ as they are
    assert moved != (low, high)
    assert spanning(*moved, 64) == spanning(low, high, 64)
    exact = np.ndarray.sum
    monkeypatch.setattr(measure, "_row_sums", lambda x: np.nextafter(exact(x, axis=1, dtype=float), np.inf))
    assert pi.probe(network, X) == report


def test_axes_of_defaults() -> None:
    axes = axes_of(64, None, False)
    assert axes.fixed("weight") is None
    around = axes.around("weight", np.array([1.0, 3.0, math.inf]))
    assert around.edges[0] < 1.0 < 3.0 < around.edges[-1] < 3.1
    nothing = axes.around("weight", np.array([math.nan]))
    assert nothing.edges[0] < 0 < nothing.edges[-1]
