"""`pyinit lint`: exit status, text and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyinit.cli import main

SPEC = {
    "tensors": {"fc.weight": [64, 32], "fc.bias": [64]},
    "rules": [
        {"match": "*.weight", "recipe": {"recipe": "truncated_normal", "std": 0.02, "unit": "absolute"}},
        {"match": "*.bias", "recipe": "zeros"},
    ],
}


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(SPEC))
    return str(path)


def test_a_warning_is_exit_status_1(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", spec]) == 1
    assert capsys.readouterr().out == (
        "warning: truncation: fc.weight\n"
        "    its bounds lie 100 std below and 100 std above the mean 0 (std 0.02): of normal draws less than "
        "one in a hundred million is cut.\n"
        "    Fix: bounds that count std: pi.truncated_normal(std=0.02) cuts at 2 std; in torch, "
        "trunc_normal_(w, std=0.02, a=-0.04, b=0.04).\n"
        f"{spec}: 1 warning in 2 tensors\n"
    )


def test_advice_and_nothing_are_exit_status_0(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "llama-70b"]) == 0
    assert "llama-70b: 1 info in 723 tensors" in capsys.readouterr().out
    assert main(["lint", spec, "--recipe", "he_normal"]) == 0
    assert capsys.readouterr().out == f"{spec}: nothing found in 2 tensors\n"


def test_json_and_another_dtype(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = '{"recipe": "normal", "std": 1e-9}'
    assert main(["lint", spec, "--json", "--dtype", "float16", "--recipe", recipe]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["kind"], found["severity"], found["tensors"]) == ("underflow", "error", ["fc.weight"])


def test_a_checkpoint_and_a_plan(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["init", spec, "--out", out]) == 0
    assert main(["init", spec, "--out", out, "--plan", str(tmp_path / "plan.json")]) == 0
    assert main(["lint", out]) == 1
    assert main(["lint", str(tmp_path / "plan.json")]) == 1
    assert capsys.readouterr().out.count("warning: truncation: fc.weight") == 2
    assert main(["lint", out, "--dtype", "float16"]) == 2
    assert "is a plan or a receipt, which decides --dtype; leave it out" in capsys.readouterr().err


def test_an_error_is_one_line_and_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "nothing"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.interop
def test_a_function_that_returns_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    (tmp_path / "lint_example.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    model = nn.Sequential(nn.Linear(300, 200), nn.Tanh(), nn.Linear(200, 10))\n"
        "    nn.init.normal_(model[0].weight)\n"
        "    return model\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["lint", "lint_example:build"]) == 1
    out, err = capsys.readouterr()
    assert err == "lint_example:build returned a Sequential\n"
    assert out.startswith("warning: saturation: 0.weight\n")
    assert main(["lint", "lint_example:build", "--recipe", "glorot_normal"]) == 0
