"""Tensors that torch computes, on an engine: workers build the module again, or refuse the tensor by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.cli import main

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("torchvision_loads"),
]

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A model whose weight-normed convolution has a magnitude computed from its direction."""
    transformers.Wav2Vec2Config(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=4,
        conv_dim=(8, 8),
        conv_stride=(2, 2),
        conv_kernel=(3, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=4,
        architectures=["Wav2Vec2ForCTC"],
    ).save_pretrained(tmp_path)
    return tmp_path / "config.json"


def test_workers_build_a_configuration_again(dask_client: Any, config: Path, tmp_path: Path) -> None:
    def let_torchvision_load() -> None:
        """As the fixture of that name does in this process."""
        import torch

        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)

    dask_client.run(let_torchvision_load)
    for folder, engine in (("whole", []), ("out", ["--engine", "dask"])):
        options = ["--seed", "3", "--shard-size", "5GB", *engine]
        with dask_client.as_current():
            assert main(["init", str(config), "--out", str(tmp_path / folder), *options]) == 0
    for name in ("model.safetensors", "config.json", "init.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_module_that_nobody_can_build_again_is_refused(
    dask_client: Any, config: Path, tmp_path: Path
) -> None:
    import pyinit.torch as pit

    with pit.deferred():
        module = transformers.AutoModelForCTC.from_config(transformers.AutoConfig.from_pretrained(config))
    with pytest.raises((pi.RecipeError, ChildProcessError), match="original0' is computed"):
        pit.write_checkpoint(module, tmp_path / "out", key=3, engine=dask_client)
    assert not (tmp_path / "out").exists()


def test_a_module_that_is_only_drawn(dask_client: Any, tmp_path: Path) -> None:
    import pyinit.torch as pit

    for folder, engine in (("whole", None), ("out", dask_client)):
        with pit.deferred():
            module = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.Linear(32, 2))
        pit.write_checkpoint(module, tmp_path / folder, key=3, engine=engine)
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
