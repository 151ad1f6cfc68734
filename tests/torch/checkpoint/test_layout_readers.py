"""Both layouts are read by who the documentation says reads them, and equal what materialize makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyinit.cli import main
from pyinit.stream.safetensors import read_header

from ...older import older

# an older one does not have its way to save, which write_checkpoint follows
of_transformers_5 = pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pit = pytest.importorskip("pyinit.torch")
nn = torch.nn

PROGRAM = Path(__file__).with_name("reading_rank.py")

#: A row of the embedding is larger; the orthogonal matrix, drawn whole, is cut too.
SHARD_SIZE = 150


class Net(nn.Module):  # type: ignore[misc,name-defined]
    """Tensors of all ranks, drawn in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 43, padding_idx=3)
        self.up = nn.Linear(7, 9)
        self.conv = nn.Conv2d(3, 4, 3)
        self.square = nn.Parameter(torch.empty(13, 13))
        self.scale = nn.Parameter(torch.tensor(0.5))
        nn.init.orthogonal_(self.square)
        self.register_buffer("steps", torch.full((50,), 7))


def deferred() -> Any:
    with pit.deferred():
        return Net()


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    module = deferred()
    pit.materialize(module, key=3)
    return {name: tensor.detach() for name, tensor in module.state_dict().items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, Any]) -> Iterator[Path]:
    """Write a module in both layouts, and its tensors as torch saves them."""
    folder = tmp_path_factory.mktemp("written")
    for layout in ("huggingface", "dcp"):
        pit.write_checkpoint(deferred(), folder / layout, key=3, shard_size=SHARD_SIZE, layout=layout)
    pit.write_checkpoint(deferred(), folder / "other key", key=4, shard_size=SHARD_SIZE, layout="dcp")
    torch.save(expected, folder / "expected.pt")
    return folder


def test_a_module_is_cut_into_rectangles_of_rows_and_of_parts_of_rows(written: Path) -> None:
    shapes: dict[str, list[tuple[int, ...]]] = {}
    for path in sorted((written / "dcp").glob("*.safetensors")):
        for name, info in read_header(path).tensors.items():
            shapes.setdefault(name, []).append(info.shape)
    assert shapes["embedding.weight"] == [(1, 37), (1, 6)] * 11
    assert shapes["up.weight"] == [(5, 7), (4, 7)]
    assert shapes["conv.weight"] == [(1, 3, 3, 3)] * 4
    assert shapes["square"] == [(2, 13)] * 6 + [(1, 13)]
    assert shapes["steps"] == [(18,), (18,), (14,)]
    assert shapes["scale"] == [()]


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_read_both_layouts_onto_other_meshes(
    written: Path, expected: dict[str, Any], ranks: int
) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    done = subprocess.run(
        [*command, str(PROGRAM), str(written)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((written / f"found-{ranks}.json").read_text())
    assert found.keys() == {"huggingface", "dcp", "other key"}
    assert found["huggingface"] == found["dcp"] == []
    # what is compared can differ: all but constants depend on the key
    drawn = expected.keys() - {"scale", "steps"}
    assert {name.split(" by ")[0] for name in found["other key"]} == drawn


SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@of_transformers_5
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torchvision_loads")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Llama", {"tie_word_embeddings": True}),
        # save_pretrained writes each expert alone, a distributed checkpoint has them as the module does
        ("Mixtral", {"num_local_experts": 4}),
    ],
)
def test_transformers_reads_rectangles(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(**SIZES, **options)
    kind = getattr(transformers, f"{name}ForCausalLM")
    with pit.deferred():
        module = kind(config)
    receipt = pit.write_checkpoint(module, tmp_path, key=3, shard_size=3000, layout="dcp")
    pit.materialize(module, key=3)
    assert pit.verify(module, receipt).is_same
    read, said = kind.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(said.values()), said
    assert read.state_dict().keys() == module.state_dict().keys()
    for tensor, value in module.state_dict().items():
        assert torch.equal(read.state_dict()[tensor], value), tensor


@of_transformers_5
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torchvision_loads")
def test_transformers_reads_what_the_command_cuts(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    small = {"bos_token_id": 0, "eos_token_id": 0, "vocab_size": 40, "n_positions": 8}
    config = transformers.GPT2Config(n_layer=1, n_embd=8, n_head=2, **small)
    config.save_pretrained(tmp_path)
    command = ["init", str(tmp_path / "config.json"), "--shard-size", "200", "--out"]
    assert main([*command, str(tmp_path / "cut"), "--layout", "dcp"]) == 0
    assert main([*command, str(tmp_path / "whole")]) == 0
    cut, whole = (
        transformers.GPT2LMHeadModel.from_pretrained(tmp_path / each).state_dict()
        for each in ("cut", "whole")
    )
    assert cut.keys() == whole.keys()
    assert all(torch.equal(cut[tensor], whole[tensor]) for tensor in cut)
