"""``pyinit init`` in parts, and with a plan that goes to other machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyinit.cli import main

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    return str(path)


PARTS = ["--shard-size", "1kB", "--digest"]


def test_parts_make_the_files_of_one_process(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init", config, "--out", str(tmp_path / "one"), *PARTS]) == 0
    parts = ["init", config, "--out", str(tmp_path / "parts"), *PARTS]
    assert main([*parts, "--part", "2/3"]) == 0
    assert "other parts are missing" in capsys.readouterr().out
    assert main([*parts, "--finish"]) == 2
    assert "pyinit: error: parts 0/3, 1/3 are missing: model-" in capsys.readouterr().err
    assert main([*parts, "--part", "0/3", "--seed", "1"]) == 2
    assert "an unfinished checkpoint there differs: key is [0, 0], not [1, 0]" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main([*parts, "--part", "auto"]) == 0
    assert main([*parts, "--part", "1/3"]) == 0
    assert "all parts are there: the checkpoint is complete" in capsys.readouterr().out
    one, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "parts")
    )
    assert one == other
    for again in (["--part", "1/3"], ["--finish"]):
        assert main([*parts, *again]) == 0
        assert "nothing to do: the checkpoint in" in capsys.readouterr().out


def test_later_parts_have_nothing_to_do_where_files_are_few(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["init", config, "--out", str(tmp_path / "out")]
    assert main([*command, "--part", "3/4"]) == 0
    assert capsys.readouterr().out == "nothing to do for part 3/4: the checkpoint has 1 file\n"
    assert not (tmp_path / "out").exists()
    assert main([*command, "--part", "0/4"]) == 0
    # files of a checkpoint in parts have at most 5 GB
    assert main(["init", "llama-70b", "--dry-run", "--dtype", "bfloat16", "--part", "0/4"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("model-")]
    assert len(lines) == 29
    assert sum(line[-2:] == ["part", "0/4"] for line in lines) in (7, 8)
    assert {line[2] for line in lines} == {"GB"}
    assert max(float(line[1]) for line in lines) <= 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--part", "4/4"], "a part i/n counts from 0: 0/4 to 3/4; got 4/4"),
        (["--part", "first"], "a part is i/n, such as 0/4 for the first of four; got 'first'"),
        (["--part", "0/2", "--finish"], "init takes --part or --finish, not both"),
        (
            ["--finish"],
            "model.safetensors in OUT: not complete; run what is missing, then finish",
        ),
    ],
)
def test_parts_that_cannot_be_are_refused(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    out = str(tmp_path / "out")
    assert main(["init", config, "--out", out, *arguments]) == 2
    assert message.replace("OUT", out) in capsys.readouterr().err.splitlines()[-1]
    assert not Path(out).exists()


def test_a_plan_is_a_spec_for_other_machines(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.json"
    command = ["init", config, "--out", str(tmp_path / "out"), "--seed", "4", "--shard-size", "1kB"]
    assert main([*command, "--plan", str(plan)]) == 0
    assert not (tmp_path / "out").exists()
    assert main([*command, "--plan", str(plan)]) == 2
    assert main([*command, "--plan", "-"]) == 0
    assert capsys.readouterr().out == plan.read_text()
    assert main(["init", str(plan), "--part", "0/2"]) == 0
    assert main([*command, "--part", "1/2"]) == 0
    assert main([*command[:3], str(tmp_path / "whole"), *command[4:]]) == 0
    assert main(["init", str(plan), "--out", str(tmp_path / "again")]) == 0
    found = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("out", "whole", "again")
    ]
    assert found[0] == found[1] == found[2]
    capsys.readouterr()
    assert main(["init", str(plan), "--seed", "5"]) == 2
    assert "is a plan, which decides --seed already; leave it out" in capsys.readouterr().err
