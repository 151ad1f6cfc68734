"""``pyinit train`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.cli import main

NETWORK = ["train", "--data", "moons", "--widths", "2,12,12,2"]


def test_recipes_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    picture, numbers = tmp_path / "out.png", tmp_path / "out.json"
    options = ["--activation", "relu", "--init", "normal,xavier", "--init", "he", "--epochs", "2"]
    options += ["--optimizer", "adam", "--learning-rate", "0.01", "--seed", "0x11"]
    assert main([*NETWORK, *options, "--plot", str(picture), "--json", str(numbers)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("moons: Adam(learning_rate=0.01,")
    assert [line.split()[0] for line in lines[2:6]] == ["start", "normal", "xavier", "he"]
    assert f"wrote {picture}" in printed.err
    assert picture.read_bytes()[:4] == b"\x89PNG"
    content = json.loads(numbers.read_text())
    data = pi.data.moons().standardized()
    same = pi.compare(
        {"he": pi.he_normal()},
        data,
        widths=[2, 12, 12, 2],
        activation="relu",
        optimizer=pi.Adam(0.01),
        epochs=2,
        key=17,
    )
    assert content["he"] == same["he"].to_dict()


def test_one_recipe_prints_its_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    options = [
        "--epochs",
        "2",
        "--bias",
        "none",
        "--norm",
        "batch",
        "--record",
        "3",
        "--raw",
        "--threads",
        "1",
    ]
    assert main([*NETWORK, *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "moons, widths 2-12-12-2: SGD(learning_rate=0.1), batches of 128, cross_entropy"
    assert [line.split()[0] for line in lines[1:]] == ["epoch", "0", "1", "2"]


def test_json_takes_the_place_of_tables(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--steps", "3", "--record", "none", "--residual", "scaled", "--loss", "mse", "--json", "-"]
    assert main([*NETWORK, *options]) == 0
    content = json.loads(capsys.readouterr().out)["default"]
    assert content["loss"] == "mse"
    assert len(content["losses"]) == 3
    assert content["snapshots"] == []
    assert content["network"]["layers"][1]["branch"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--widths", "2,x"], "argument --widths: needs widths such as 8,16,16,1; got '2,x'"),
        (["--widths", "2,4,3"], "cross_entropy on moons's 2 classes needs 2 output units; got 3."),
        (["--data", "moon"], "'moon' is neither a data set nor a file."),
        (["--init", "he,he"], "--init names he twice. Name each recipe once."),
        (["--init", "hee"], "unknown recipe 'hee'."),
        (
            ["--activation", "leaky_relu:x"],
            "argument --activation: needs a name such as tanh or leaky_relu:0.2",
        ),
        (["--seed", "x"], "argument --seed: needs an integer in [0, 2**64); got 'x'"),
        (["--record", "x"], "argument --record: needs epoch, none or a number of steps; got 'x'"),
        (["--epochs", "1", "--steps", "1"], "a training takes either epochs or steps; got both."),
        (["--learning-rate", "0"], "learning_rate must be above 0; got 0.0."),
        (["--plot", "out.doc"], "--plot needs a name ending in .png, .svg, .pdf, .jpg, .webp; got 'out.doc'"),
    ],
)
def test_errors_are_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main([*NETWORK, *options])
    except SystemExit as left:
        status = left.code
    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith(f"pyinit: error: {message}")
    assert said.count("\n") == 1


def test_files_are_replaced_only_when_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    path.write_text("mine")
    options = [*NETWORK, "--steps", "1", "--json", str(path)]
    assert main(options) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert path.read_text() == "mine"
    assert main([*options, "--force"]) == 0
    assert "default" in json.loads(path.read_text())
