"""Histories and comparisons are written and read again: nothing but the parameters is lost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import pyinit as pi

MOONS = pi.data.moons(200)
NET = pi.mlp([2, 6, 6, 2], ("leaky_relu", 0.2), bias="zeros", norm="layer")


@pytest.mark.parametrize("optimizer", ["sgd", pi.Momentum(0.05, 0.8, True), pi.Adam(0.01)], ids=repr)
def test_round_trip(optimizer: Any) -> None:
    history = pi.train(NET, MOONS, optimizer=optimizer, steps=5, batch_size=50, record=2)
    again = pi.History.from_json(history.to_json())
    assert again.to_dict() == history.to_dict()
    assert (again.network, again.optimizer) == (NET, history.optimizer)
    assert (again.scores, again.snapshots) == (history.scores, history.snapshots)
    assert str(again) == str(history)
    np.testing.assert_array_equal(again.losses, history.losses)
    assert again.losses.dtype == np.float64
    assert again.parameters == {}


def test_what_is_not_finite_comes_back() -> None:
    wild = pi.train(pi.mlp([2, 4, 4, 2], "linear", pi.constant(1e20)), MOONS, steps=3)
    assert wild.divergence is not None
    assert not np.isfinite(wild.losses).all()
    content = wild.to_dict()
    assert content["losses"] == ["nan"]
    again = pi.History.from_json(wild.to_json())
    np.testing.assert_array_equal(again.losses, wild.losses)
    assert again.divergence == wild.divergence
    assert again.to_json() == wild.to_json()


def test_a_comparison_comes_back() -> None:
    found = pi.compare(["zeros", "he_normal"], MOONS, widths=[2, 6, 2], steps=3)
    again = pi.Comparison.from_json(found.to_json())
    assert again.to_dict() == found.to_dict()
    assert str(again) == str(found)


def test_refusals() -> None:
    function = pi.train(pi.mlp([2, 4, 2], np.cos), MOONS, steps=1).to_json()
    with pytest.raises(
        pi.FormatError, match="a history needs a network that JSON can hold, without functions"
    ):
        pi.History.from_json(function)
    with pytest.raises(
        pi.FormatError, match=r"^a history is a JSON object; got \[\]. Read what to_json wrote.$"
    ):
        pi.History.from_json("[]")
    content = pi.train(NET, MOONS, steps=1).to_dict()
    for wrong in (
        {"losses": 3},
        {"losses": []},
        {"losses": [[1.0]]},
        {"scores": []},
        {"scores": [{"epoch": 0, "step": 0, "train": None, "test": None}]},
        {"scores": [{"epoch": 0, "step": 0, "train": "good", "test": None}]},
        {"snapshots": [{"step": 0, "layers": []}]},
        {"scores": [{"step": 1}]},
        {"snapshots": [{}]},
        {"optimizer": {"optimizer": "lion"}},
        {"network": {"layers": 3}},
        {"more": 1},
    ):
        with pytest.raises(pi.FormatError, match=r"not a history that to_json wrote: .* Write it again"):
            pi.History.from_json(json.dumps(content | wrong))
    with pytest.raises(pi.FormatError, match="a comparison needs histories by label; got none"):
        pi.Comparison.from_json("{}")
    with pytest.raises(pi.FormatError, match="a history is not valid JSON"):
        pi.History.from_json("{")
