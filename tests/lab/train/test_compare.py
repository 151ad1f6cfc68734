"""`pi.compare`: the same rows for all, labels, table, picture, refusals."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.cli import probe as probe_command
from pyinit.cli import train as train_command

MOONS = pi.data.moons(200)
WIDTHS = [2, 12, 12, 2]


def test_each_training_is_the_one_it_would_be_alone() -> None:
    found = pi.compare(["he_normal", "zeros"], MOONS, widths=WIDTHS, steps=5, key=4)
    alone = pi.train(pi.mlp(WIDTHS, recipe="he_normal"), MOONS, steps=5, key=4)
    np.testing.assert_array_equal(found["he_normal"].losses, alone.losses)
    assert list(found) == ["he_normal", "zeros"]
    assert len(found) == 2
    assert found.final_scores() == {label: found[label].final_score for label in found}


def test_recipes_labels_and_networks() -> None:
    network = pi.mlp([2, 5, 2], "tanh")
    found = pi.compare([pi.normal(std=0.1), "orthogonal"], MOONS, widths=WIDTHS, steps=1)
    assert list(found) == ["normal(std=0.1)", "orthogonal"]
    found = pi.compare({"small": pi.normal(std=0.1), "own": network}, MOONS, widths=WIDTHS, steps=1)
    assert found["own"].network == network
    # networks need no widths
    assert len(pi.compare({"own": network}, MOONS, steps=1)) == 1


def test_defaults_agree_at_every_door() -> None:
    made = pi.compare(["he_normal"], MOONS, widths=WIDTHS, steps=1)["he_normal"].network
    assert made == pi.mlp(WIDTHS, recipe="he_normal")
    for command in (probe_command, train_command):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        given = parser.parse_args(["--data", "moons", "--widths", "2,2"])
        assert (given.activation, given.bias, given.norm, given.residual) == ("tanh", "zeros", None, None)
    assert pi.mlp([2, 2], output_activation="tanh") == pi.Network((pi.Dense(2, 2),))
    layer = pi.Dense(3, 4)
    assert (layer.activation.name, layer.bias) == ("tanh", pi.zeros())


def test_a_network_beside_options_is_what_they_say() -> None:
    batch = pi.mlp(WIDTHS, "relu", norm="batch")
    found = pi.compare({"own": batch}, MOONS, widths=WIDTHS, activation="relu", norm="batch", steps=1)
    assert found["own"].network == batch
    for options, message in (
        ({"norm": "layer"}, r"^own is a network without norm='layer', which is for recipes. Leave it out"),
        ({"activation": "gelu"}, r"^own is a network without activation='gelu'"),
        ({"bias": None}, r"^own is a network without bias=None"),
        ({"output_activation": "tanh"}, r"^own is a network without output_activation='tanh'"),
        ({"residual": True}, r"^own is a network without residual=True"),
        ({"widths": [2, 3, 2]}, r"^own is a network of widths .*; got widths=\[2, 3, 2\] for it"),
    ):
        with pytest.raises(pi.RecipeError, match=message):
            pi.compare({"own": batch}, MOONS, steps=1, **options)
    # widths are for the recipe that is compared with it
    found = pi.compare({"own": batch, "he": "he_normal"}, MOONS, widths=[2, 6, 6, 2], steps=1)
    assert found["own"].network.widths != found["he"].network.widths


def test_options_reach_network_and_training() -> None:
    found = pi.compare(
        ["he_normal"],
        MOONS,
        widths=[2, 6, 6, 6, 1],
        activation="silu",
        norm="layer",
        residual="scaled",
        bias=None,
        output_activation="tanh",
        steps=2,
        optimizer=pi.Momentum(0.05),
    )
    history = found["he_normal"]
    assert history.network == pi.mlp(
        [2, 6, 6, 6, 1], "silu", "he_normal", None, "layer", "scaled", output_activation="tanh"
    )
    assert history.optimizer == pi.Momentum(0.05)
    assert history.loss == "logistic"


def test_a_comparison_prints_plots_and_becomes_json(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    wild = pi.normal(std=1e15)
    recipes = {"He": "he_normal", "wild": wild}
    found = pi.compare(
        recipes, MOONS, widths=WIDTHS, activation="relu", bias="zeros", epochs=2, learning_rate=0.5
    )
    lines = str(found).splitlines()
    assert lines[0] == "moons: SGD(learning_rate=0.5), batches of 128, cross_entropy; scores are accuracy"
    assert [line.split()[0] for line in lines[1:4]] == ["start", "He", "wild"]
    assert any(line.startswith("wild: diverged at step") for line in lines)
    assert max(map(len, lines)) <= 100
    assert repr(found).startswith("Comparison(He: 0.")
    content = json.loads(found.to_json())
    assert content["He"]["losses"] == found["He"].losses.tolist()
    found.plot(tmp_path / "both.png")
    assert (tmp_path / "both.png").read_bytes()[:4] == b"\x89PNG"
    pi.compare(["zeros"], MOONS, widths=WIDTHS, steps=1, record=None).plot(tmp_path / "curves.svg")
    assert "<svg" in (tmp_path / "curves.svg").read_text()


def test_progress_counts_all_trainings() -> None:
    told: list[tuple[int, int]] = []
    pi.compare(
        ["zeros", "ones"],
        MOONS,
        widths=WIDTHS,
        steps=2,
        progress=lambda done, steps: told.append((done, steps)),
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("recipes", "options", "message"),
    [
        ([], {"widths": WIDTHS}, "a comparison needs a training; got none. Give at least one recipe."),
        (
            "he_normal",
            {"widths": WIDTHS},
            "several recipes are compared; got 'he_normal'. Write them as a list.",
        ),
        (["zeros", "zeros"], {"widths": WIDTHS}, "two recipes are called zeros. Give a dict with a label"),
        ({1: "zeros", "1": "ones"}, {"widths": WIDTHS}, "two recipes are called 1. Give a dict with a label"),
        (["zeros"], {}, r"zeros is a recipe and needs the network's widths. Give widths=\[8, 16, 1\]."),
        (["zeros", "hee"], {"widths": WIDTHS}, "unknown recipe 'hee'"),
    ],
)
def test_refusals(recipes: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(pi.RecipeError, match=message):
        pi.compare(recipes, MOONS, **options)


def test_a_label_that_is_not_there() -> None:
    found = pi.compare(["zeros"], MOONS, widths=WIDTHS, steps=1)
    with pytest.raises(KeyError, match=r"^there is no training 'he'. Known are zeros.$"):
        found["he"]
