"""One plan for one model, however the name of its file is spelled and whatever zlib packs its tables."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.cli import main

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 32, "n_head": 2, "vocab_size": 50, "n_positions": 16}


def plain(folder: Path) -> str:
    (folder / "m.json").write_text(json.dumps({"tensors": {"w": [40, 3], "b": [3]}}))
    return "m.json"


def config(folder: Path) -> str:
    (folder / "m.json").write_text(json.dumps(GPT2))
    return "m.json"


def checkpoint(folder: Path) -> str:
    """Integers are copied from it."""
    safetensors = pytest.importorskip("safetensors.numpy")
    arrays = {"w": np.zeros((40, 3), np.float32), "ids": np.arange(7)}
    safetensors.save_file(arrays, folder / "m.safetensors")
    return "m.safetensors"


def built(folder: Path) -> str:
    """The magnitude of a convolution is computed from its direction, by torch."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    convolutions = {"conv_dim": (8, 8), "conv_stride": (2, 2), "conv_kernel": (3, 3)}
    convolutions |= {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}
    given = {**sizes, **convolutions, "num_feat_extract_layers": 2, "architectures": ["Wav2Vec2ForCTC"]}
    transformers.Wav2Vec2Config(**given).save_pretrained(folder)
    (folder / "config.json").rename(folder / "m.json")
    return "m.json"


def spellings(folder: Path, name: str) -> list[str]:
    (folder / "below").mkdir()
    (folder / "below" / f"link-{name}").symlink_to(folder / name)
    (folder / "other").symlink_to(folder)
    return [
        name,
        f"./{name}",
        f"below/../{name}",
        str(folder / name),
        f"other/{name}",
        f"below/link-{name}",
        os.path.relpath(folder / name),
    ]


@pytest.mark.parametrize("kind", [plain, config, checkpoint, pytest.param(built, marks=pytest.mark.interop)])
def test_every_spelling_of_a_file_is_one_plan(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    kind: Any,
) -> None:
    if kind is built:
        request.getfixturevalue("torchvision_loads")
    monkeypatch.chdir(tmp_path)
    name = kind(tmp_path)
    found = {}
    for spelling in spellings(tmp_path, name):
        assert main(["init", spelling, "--recipe", "normal", "--out", "out", "--plan", "-"]) == 0
        text = capsys.readouterr().out
        found[spelling] = json.loads(text)["fingerprint"]
    assert len(set(found.values())) == 1, found
    assert main(["init", str(tmp_path / name), "--recipe", "normal", "--out", "out"]) == 0
    receipt = json.loads((tmp_path / "out" / "init.json").read_text())
    assert receipt["plan"] == next(iter(found.values()))
    assert "/" not in receipt["spec"]
    # another model is another plan, though its file has the same name
    if kind is plain:
        (tmp_path / name).write_text(json.dumps({"tensors": {"w": [40, 4], "b": [3]}}))
        assert plan_checkpoint(name, "normal", path="out").fingerprint not in found.values()


def test_a_plan_is_read_where_another_directory_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_checkpoint(checkpoint(tmp_path), "normal", path=tmp_path / "out")
    text = plan.to_json()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert CheckpointPlan.from_json(text).fingerprint == plan.fingerprint


def test_parts_join_though_they_spell_the_file_in_other_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = config(tmp_path)
    for index, spelling in enumerate((name, str(tmp_path / name))):
        plan = plan_checkpoint(spelling, path=tmp_path / "out", shard_size=20_000)
        receipt = write_plan(plan, Part(index, 2))
        assert (receipt is None) == (index == 0)


@pytest.mark.interop
def test_another_zlib_makes_the_same_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As zlib-ng: its output is read by all, and is not that of zlib."""
    torch = pytest.importorskip("torch")

    def text() -> str:
        from pyinit.torch.checkpoint.blueprint import draw_up

        with torch.device("meta"):
            module = torch.nn.Linear(3, 4)
        module.register_buffer("table", torch.arange(100))
        return pi.checkpoint.plan.plan_blueprint(draw_up(module, key=0), tmp_path / "out").to_json()

    one, plain = text(), zlib.compress
    monkeypatch.setattr(zlib, "compress", lambda data, level: plain(data, 1 if level == 9 else level))
    other = text()
    assert one != other
    assert json.loads(one)["fingerprint"] == json.loads(other)["fingerprint"]
    monkeypatch.undo()
    read = CheckpointPlan.from_json(other)
    read.check(CheckpointPlan.from_json(one))
    assert write_plan(read) is not None
