"""Names and paths to specs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_checkpoint
from pyinit.checkpoint.families.builtin import BUILTIN
from pyinit.checkpoint.families.lookup import find_spec
from pyinit.checkpoint.families.registry import spec_from_config
from pyinit.cli import main
from pyinit.errors import FormatError, SpecError

GPT2 = {"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2, "vocab_size": 9, "n_positions": 4}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
        ("llama-1b", 1_100_048_384),
        ("llama-7b", 6_738_415_616),
        ("llama-70b", 68_976_648_192),
        ("bert-base", 109_514_298),
        ("vit-b-16", 86_567_656),
        # torchvision's 25 557 032, and 2 * 26 560 running statistics
        ("resnet50", 25_610_152),
    ],
)
def test_built_in_models_have_their_published_size(name: str, parameters: int) -> None:
    assert name in BUILTIN
    assert find_spec(name).parameters == parameters


def test_a_configuration_or_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(GPT2))
    expected = spec_from_config(GPT2).tensors
    assert find_spec(path).tensors == expected
    assert find_spec(str(tmp_path)).tensors == expected


def test_a_plain_spec(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text('{"tensors": {"a": [2, 3]}}')
    assert find_spec(path).tensors[0].shape == (2, 3)


@pytest.mark.parametrize("shard_size", [None, 1000])
def test_a_checkpoint_beside_its_configuration_brings_the_recipe(
    tmp_path: Path, shard_size: int | None
) -> None:
    write_checkpoint(spec_from_config(GPT2), path=tmp_path, shard_size=shard_size, dtype="float16")
    index = tmp_path / "model.safetensors.index.json"
    found = find_spec(tmp_path / "model.safetensors" if shard_size is None else index)
    family = spec_from_config(GPT2).with_dtype("float16")
    assert {tensor.name: tensor for tensor in found.tensors} == {
        tensor.name: tensor for tensor in family.tensors
    }
    assert (found.rules, found.ties, found.config) == (family.rules, family.ties, family.config)


def test_a_name_or_a_path_is_written_as_the_command_line_writes_it(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(GPT2))
    pi.write_checkpoint(config, path=tmp_path / "python", key=7)
    assert main(["init", str(config), "--out", str(tmp_path / "command"), "--seed", "7"]) == 0
    folders = (tmp_path / "python", tmp_path / "command")
    made, expected = ({path.name: path.read_bytes() for path in one.iterdir()} for one in folders)
    assert set(made) == {"config.json", "init.json", "model.safetensors"}
    assert made == expected
    with pytest.raises(SpecError, match="'gpt3' is neither a built-in model nor a file"):
        pi.write_checkpoint("gpt3", path=tmp_path / "gpt3")
    with pytest.raises(TypeError, match="path"):
        pi.write_checkpoint("gpt2")  # type: ignore[call-arg]


@pytest.mark.parametrize("config", [{**GPT2, "n_layer": 2}, {**GPT2, "n_head": 3}, {"model_type": "other"}])
def test_a_checkpoint_beside_another_configuration_keeps_its_own_tensors(
    tmp_path: Path, config: dict[str, object]
) -> None:
    write_checkpoint(spec_from_config(GPT2), path=tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = find_spec(tmp_path / "model.safetensors")
    assert {tensor.name for tensor in found.tensors} == {
        tensor.name for tensor in spec_from_config(GPT2).tensors
    }
    assert found.rules is None
    assert found.config == config


def test_what_names_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'gpt-2' is neither a built-in model nor a file; built-in are gpt2"):
        find_spec("gpt-2")
    with pytest.raises(SpecError, match=r"holds no config\.json"):
        find_spec(tmp_path)
    path = tmp_path / "config.json"
    for text, message in (
        ("{", "not valid JSON"),
        ('{"tensors": {"a": [2], "a": [3]}}', 'names "a" twice'),
        ('{"model_type": "gpt2", "n_layer": 1, "n_layer": 2}', r'config\.json names "n_layer" twice'),
        ('{"tensors": {"a": [2]}, "config": {"x": NaN}}', "holds NaN, which JSON does not have"),
        ("[1]", "by a JSON object; got list"),
        ("{}", "needs 'model_type'"),
    ):
        path.write_text(text)
        with pytest.raises(SpecError, match=message):
            find_spec(path)
    corrupt = tmp_path / "m.safetensors"
    corrupt.write_bytes(b"\x10")
    with pytest.raises(FormatError, match="begins with an 8-byte header length"):
        find_spec(corrupt)
