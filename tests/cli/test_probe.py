"""``pyinit probe``: tables, files, progress, and errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit.cli import main
from pyinit.cli.probe import inits_of

WIDTHS = "8,16,16,16,16,16,16,16,1"
SMALL = ["probe", "--data", "moons", "--widths", "2,8,8,1"]


def test_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    plot = tmp_path / "out.png"
    command = ["probe", "--data", "abalone", "--widths", WIDTHS, "--activation", "tanh"]
    assert main([*command, "--init", "normal,xavier,he", "--plot", str(plot)]) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in plot.parent.iterdir()] == ["out.png"]
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == f"wrote {plot}"
    tables = out.split("\n\n")
    assert [table.split(":")[0] for table in tables] == ["normal", "xavier", "he"]
    verdicts = [" ".join(table.splitlines()[10:]).split(":")[0] for table in tables]
    assert verdicts == ["saturated", "healthy", "healthy"]
    network = pi.mlp([8, *[16] * 7, 1], "tanh", pi.normal())
    assert tables[0] == str(pi.probe(network, pi.data.abalone().inputs, title="normal"))


def test_numbers_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.json"
    assert (
        main([*SMALL, "--init", "he", "--init", '{"recipe": "normal", "std": 0.5}', "--json", str(file)]) == 0
    )
    first, second = (pi.Report.from_dict(one) for one in json.loads(file.read_text())["reports"])
    assert (first.title, second.title) == ("he", '{"recipe": "normal", "std": 0.5}')
    assert second.layers[0].recipe == "normal(std=0.5)"
    capsys.readouterr()
    assert main([*SMALL, "--init", "he", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["reports"] == [first.to_dict()]


def test_options_reach_the_probe(capsys: pytest.CaptureFixture[str]) -> None:
    options = (
        "--activation leaky_relu:0.2 --norm layer --residual scaled --bias zeros --forward --standardize"
    )
    settings = "--seed 0x10 --bins 9 --threads 1 --init lecun --json -"
    assert (
        main(["probe", "--data", "abalone", "--widths", "8,6,6,6,1", *options.split(), *settings.split()])
        == 0
    )
    found = pi.Report.from_dict(json.loads(capsys.readouterr().out)["reports"][0])
    network = pi.mlp(
        [8, 6, 6, 6, 1], ("leaky_relu", 0.2), pi.lecun_normal(), pi.zeros(), "layer", residual="scaled"
    )
    x = pi.data.abalone().standardized().inputs
    assert found == pi.probe(network, x, key=16, backward=False, bins=9, title="lecun")
    assert main([*SMALL, "--loss", "mse", "--log", "--json", "-"]) == 0
    found = pi.Report.from_dict(json.loads(capsys.readouterr().out)["reports"][0])
    data = pi.data.moons()
    plain = pi.mlp([2, 8, 8, 1], "tanh")
    assert found == pi.probe(plain, data.inputs, targets=data.targets, loss="mse", log=True, title="default")
    assert found.loss is not None


def test_a_loss_that_is_not_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    command = [*SMALL, "--activation", "relu", "--init", '{"recipe": "normal", "std": 1e30}', "--loss", "mse"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert ", loss nan\n" in out
    assert err == ""
    assert main([*command, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["reports"][0]["loss"] == "nan"


def test_a_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "a.html"
    assert main([*SMALL, "--html", str(page)]) == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert main([*SMALL, "--html", str(page)]) == 2
    assert main([*SMALL, "--html", str(page), "--force"]) == 0


def test_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "a.npz", inputs=np.eye(4, dtype=np.float32), targets=np.arange(4.0))
    assert main(["probe", "--data", str(tmp_path / "a.npz"), "--widths", "4,3,1"]) == 0
    assert "4 rows, input mean 0.25" in capsys.readouterr().out


def test_warnings_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("x,same,y\n1,5,0.5\n2,5,0.7\n3,5,0.1\n4,5,0.2\n")
    assert main(["probe", "--data", str(tmp_path / "a.csv"), "--widths", "2,3,1", "--standardize"]) == 0
    warning, *rest = capsys.readouterr().err.splitlines()
    assert warning.startswith("pyinit: warning: ")
    assert "constant in the training rows and teach nothing: same." in warning
    assert rest == []
    command = ["probe", "--data", str(tmp_path / "a.csv"), "--widths", "2,3,1", "--init", "he,xavier"]
    assert main(command) == 0
    assert capsys.readouterr().err.splitlines() == [
        "pyinit: warning: a has features that are constant and teach nothing: same. Leave them out, unless "
        "all features are of one kind, as pixels are."
    ]


def test_pixels_may_be_constant(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", "--data", "mnist", "--widths", "784,3", "--forward"]) == 0
    assert capsys.readouterr().err == ""


def test_names_of_inits() -> None:
    assert inits_of(None, "relu") == {"default": pi.he_normal()}
    found = inits_of(["normal, critical", "orthogonal"], "tanh")
    assert found == {
        "normal": pi.normal(),
        "critical": pi.critical_normal("tanh"),
        "orthogonal": pi.orthogonal(),
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--widths", "8,x"],
            "argument --widths: needs widths such as 8,16,16,1; got '8,x' (see pyinit probe",
        ),
        (["--widths", "3,1"], "the network has 3 inputs; got x with 2 columns. Make the first width 2."),
        (
            ["--widths", "2"],
            "a network needs the width of its input and of each layer; got [2]. Write [8, 16, 1].",
        ),
        (["--data", "moon"], "'moon' is neither a data set nor a file. Names are abalone"),
        (["--init", "hee"], "unknown recipe 'hee'. Known are"),
        (["--init", "he,he"], "--init names he twice. Name each recipe once."),
        (["--init", '{"recipe":'], "--init is not valid JSON"),
        (["--activation", "tan"], "unknown activation 'tan'. Known are"),
        (
            ["--activation", "leaky_relu:x"],
            "argument --activation: needs a name such as tanh or leaky_relu:0.2",
        ),
        (["--seed", "x"], "argument --seed: needs an integer in [0, 2**64); got 'x'"),
        (["--plot", "a.gif"], "--plot needs a name ending in .png, .svg, .pdf, .jpg, .webp; got 'a.gif'"),
        (["--loss", "cross_entropy"], "a cross entropy over 1 outputs needs classes in [0, 1); got 0 to 1."),
        (["--norm", "group"], "argument --norm: invalid choice: 'group'"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        status = main([*SMALL, *arguments])
    except SystemExit as left:
        status = int(str(left.code))
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert err.startswith(f"pyinit: error: {message}")
    assert err.count("\n") == 1


def test_files_are_refused_before_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").touch()
    assert main([*SMALL, "--plot", str(tmp_path / "a.png")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "a.png exists; use --force" in err


@pytest.mark.parametrize("kind", ["plot", "html", "json"])
def test_files_need_their_directory(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "a.png"
    assert main([*SMALL, f"--{kind}", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    message = f"--{kind} needs a directory that exists; got '{path}'. Make its directory first."
    assert err == f"pyinit: error: {message}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["probe", "train"])
def test_more_than_there_is_memory_for_is_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--data", "abalone", "--widths", "8,99999999999999,1"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pyinit: error: out of memory: Unable to allocate ")
    assert err.endswith("; use smaller widths or less data\n")
    assert err.count("\n") == 1
