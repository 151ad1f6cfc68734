"""``pyinit init`` to a URL: the files of a directory, also in parts and from a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyinit.cli import main

pytestmark = pytest.mark.interop

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}
OPTIONS = ["--shard-size", "1kB", "--digest"]


@pytest.fixture
def fs() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec")
    fs = fsspec.filesystem("memory")
    yield fs
    for path in fs.find("/cli"):
        fs.rm_file(path)


def test_parts_and_a_plan(tmp_path: Path, fs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "gpt2", "--out", "memory://"]) == 2
    assert "error: a URL names a bucket and a directory" in capsys.readouterr().err
    config = tmp_path / "config.json"
    config.write_text(json.dumps(GPT2))
    assert main(["init", str(config), "--out", str(tmp_path / "one"), *OPTIONS]) == 0
    expected = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    command = ["init", str(config), "--out", "memory://cli/parts", *OPTIONS]
    assert main([*command, "--part", "1/2"]) == 0
    assert main([*command, "--finish"]) == 2
    assert "part 0/2 is missing: model-" in capsys.readouterr().err
    plan = tmp_path / "plan.json"
    assert main([*command, "--plan", str(plan)]) == 0
    assert main(["init", str(plan), "--part", "0/2"]) == 0
    assert main([*command, "--finish"]) == 0
    assert "nothing to do: the checkpoint in memory://cli/parts is complete" in capsys.readouterr().out
    found = {path.rpartition("/")[2]: fs.cat_file(path) for path in fs.find("/cli/parts")}
    assert found == expected
