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

from pyinit.stream.safetensors import read_header

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


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("torchvision_loads")
def test_transformers_does_not_take_rectangles_for_a_model(written: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    for path in (written / "dcp").iterdir():
        (tmp_path / path.name).symlink_to(path)
    config.save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"no file named.* found in directory"):
        transformers.ViTModel.from_pretrained(tmp_path)
