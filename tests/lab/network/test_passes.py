"""A layer's way forward and back, as the probe and the trainer run it: one meaning, memory used again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.network.passes import Inside, Parts, backward, forward, inside, stream_of

MOONS = pi.data.moons(80, key=3)


def drawn(*shape: int, seed: int, scale: float = 1.0) -> np.ndarray:
    return pi.normal(std=scale)(shape, key=seed)


@pytest.mark.parametrize(("inputs", "units"), [(90, 90), (300, 90)])
def test_gradients_may_take_the_memory_of_what_they_come_from(inputs: int, units: int) -> None:
    layer, parts = pi.Dense(inputs, units, "gelu"), Parts(drawn(inputs, units, seed=1, scale=0.1))
    x, dy, places = (
        drawn(70, inputs, seed=0),
        drawn(70, units, seed=2),
        Parts(np.empty((inputs, units), "f4")),
    )
    within = forward(layer, parts, x, None, 3).inside
    apart = backward(layer, parts, x, within, dy.copy(), None, places, 3)
    of_weight = places.weight.copy()
    over = backward(layer, parts, x, within, dy, None, places, 3, over=True)
    assert over.entering is within.z
    assert (over.inputs is dy) == (inputs == units)
    np.testing.assert_array_equal(over.entering, apart.entering)
    np.testing.assert_array_equal(over.inputs, apart.inputs)
    np.testing.assert_array_equal(places.weight, of_weight)


@pytest.mark.parametrize("options", [{}, {"branch": 0.5}, {"norm": "batch", "branch": 2.0}], ids=str)
def test_z_can_be_made_again(options: dict[str, Any]) -> None:
    layer, parts = pi.Dense(20, 20, "silu", **options), Parts(drawn(20, 20, seed=1), drawn(20, seed=2))
    x, stream = drawn(9, 20, seed=3), drawn(9, 20, seed=4)
    made = forward(layer, parts, x, stream, 1)
    np.testing.assert_array_equal(stream_of(layer, parts, x, stream, 1), made.inside.z)
    again = inside(layer, parts, made.inside.z)
    np.testing.assert_array_equal(again.entering, made.inside.entering)
    assert isinstance(again, Inside)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
def test_the_trainer_and_the_probe_mean_the_same(norm: Any, residual: bool) -> None:
    """Every kind at step 0 of a training is what a probe shows, the gradient behind a norm, too."""
    network = pi.mlp([2, 12, 12, 12, 2], "tanh", bias=pi.normal(std=0.1), norm=norm, residual=residual)
    data = pi.data.Dataset("all", MOONS.inputs, MOONS.targets, classes=MOONS.classes)
    rows = data.train
    report = pi.probe(network, data.inputs[rows], key=5, targets=data.targets[rows])
    began = pi.train(network, data, steps=1, batch_size=len(rows), key=5, record="step").snapshots[0]
    for probed, trained in zip(report.layers, began.layers, strict=True):
        assert set(probed.moments) == set(trained)
        for kind, ours in trained.items():
            theirs = probed.moments[kind]
            assert ours.second_moment == pytest.approx(theirs.second_moment, rel=1e-5), kind
            assert ours.maximum == pytest.approx(theirs.maximum, rel=1e-4, abs=1e-7)
            assert (ours.dead, ours.saturated) == (theirs.dead, theirs.saturated)
