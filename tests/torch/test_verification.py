"""A live module is compared with its receipt: whole, or the part of it that a rank holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.device_mesh import DeviceMesh  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.distributed.tensor import DTensor, Shard, distribute_tensor  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402
from pyinit.errors import LayoutError, RecipeError  # noqa: E402

from ..older import older  # noqa: E402
from .sharding_cache import forget_meshes  # noqa: E402

pytestmark = pytest.mark.interop


class Model(nn.Module):
    """A tied embedding, a norm, a buffer that is kept and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(60, 32)
        self.body = nn.Sequential(nn.Linear(32, 48), nn.LayerNorm(48), nn.Linear(48, 32))
        self.head = nn.Linear(32, 60, bias=False)
        self.head.weight = self.emb.weight
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("cache", torch.ones(3), persistent=False)


SHAPES: dict[str, Any] = {
    "emb.weight": [60, 32],
    "body.0.weight": [48, 32],
    "body.0.bias": [48],
    "body.1.weight": [48],
    "body.1.bias": [48],
    "body.2.weight": [32, 48],
    "body.2.bias": [32],
    "steps": {"shape": [], "dtype": "int64"},
}
RECIPES = [
    ("steps", "zeros"),
    ("body.1.weight", "ones"),
    ("*.bias", pi.uniform(-0.1, 0.1)),
    ("body.2.weight", pi.orthogonal(layout="torch")),
    ("*", pi.normal(std=0.02)),
]


@pytest.fixture(scope="module")
def receipt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("receipt")
    content = {"tensors": SHAPES, "ties": {"head.weight": "emb.weight"}}
    (folder / "spec.json").write_text(json.dumps(content))
    pi.write_checkpoint(pi.find_spec(folder / "spec.json"), RECIPES, key=5, path=folder / "m", digest=True)
    return folder / "m"


def loaded(folder: Path) -> Model:
    safetensors = pytest.importorskip("safetensors.torch")
    module = Model()
    module.load_state_dict(safetensors.load_file(folder / "model.safetensors"), strict=False)
    return module


def test_a_module_that_was_loaded_is_the_same(receipt: Path) -> None:
    module = loaded(receipt)
    found = pit.verify(module, receipt)
    assert found.is_same
    assert (found.compared, found.compared_bytes) == (found.tensors, found.nbytes) == (8, found.nbytes)
    assert str(found).startswith("Model: as written")
    assert pit.verify(nn.DataParallel(module), receipt, sample=0.3).is_same
    assert pit.verify(torch.compile(module, backend="eager"), receipt / "init.json").is_same


def test_every_difference_is_named(receipt: Path) -> None:
    module = loaded(receipt)
    with torch.no_grad():
        module.body[0].weight[3, 5] += 1
        module.body[0].bias.zero_()
        module.body[2].reset_parameters()
        module.head.weight = nn.Parameter(module.emb.weight.clone())
    module.body[1].bias = None
    module.body[1].register_parameter("extra", nn.Parameter(torch.ones(2)))
    module.steps = torch.zeros((), dtype=torch.int32)
    found = {each.tensor: each for each in pit.verify(module, receipt).findings}
    assert {name: each.kind for name, each in found.items()} == {
        "body.0.weight": "corrupt",
        "body.0.bias": "zeros",
        "body.1.bias": "missing",
        "body.2.weight": found["body.2.weight"].kind,
        "body.2.bias": found["body.2.bias"].kind,
        "steps": "dtype",
        "body.1.extra": "unexpected",
        "head.weight": "untied",
    }
    assert found["body.0.weight"].facts["first"] // 4 == 3 * 32 + 5
    assert found["body.2.weight"].kind in ("reinitialized", "values")


def test_what_is_untied_is_compared_with_its_owner(receipt: Path) -> None:
    module = loaded(receipt)
    module.head.weight = nn.Parameter(torch.zeros(60, 32))
    found = [(each.tensor, each.kind) for each in pit.verify(module, receipt).findings]
    assert found == [("head.weight", "untied"), ("head.weight", "zeros")]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_module_of_another_dtype(receipt: Path, dtype: torch.dtype) -> None:
    module = loaded(receipt).to(dtype)
    kinds = {(each.kind, each.facts["rounded"]) for each in pit.verify(module, receipt).findings}
    assert kinds == {("dtype", True)}
    with torch.no_grad():
        module.emb.weight.mul_(2)
    (first, *_) = pit.verify(module, receipt).findings
    assert (first.tensor, first.facts["rounded"]) == ("emb.weight", False)


def test_what_cannot_be_looked_at_is_said(receipt: Path) -> None:
    with torch.device("meta"):
        module = Model()
    found = pit.verify(module, receipt)
    assert {each.kind for each in found.findings} == {"unchecked"}
    assert (found.compared, found.is_same, found.differing) == (0, False, ())
    with pytest.raises(RecipeError, match=r"verify needs a torch\.nn\.Module; got dict"):
        pit.verify({}, receipt)
    flat = nn.Linear(2, 2)
    flat.weight._is_flat_param = True
    with pytest.raises(LayoutError, match="has a flat parameter"):
        pit.verify(flat, receipt)


@contextmanager
def one_of(world_size: int, rank: int) -> Iterator[DeviceMesh]:
    """Be one rank of a mesh of so many; nobody answers, so that a collective would not go unnoticed."""
    dist.init_process_group("fake", rank=rank, world_size=world_size, store=FakeStore())
    try:
        yield DeviceMesh("cpu", torch.arange(world_size), mesh_dim_names=("dp",))
    finally:
        dist.destroy_process_group()
        forget_meshes()


@pytest.mark.parametrize("sample", [1.0, 0.4])
def test_each_rank_compares_its_own_part(receipt: Path, sample: float) -> None:
    seen = 0
    for rank in range(3):
        with one_of(3, rank) as mesh:
            module = fully_shard(loaded(receipt), mesh=mesh)
            found = pit.verify(module, receipt, sample=sample)
            assert found.is_same
            assert found.place == f"FSDPModel on rank {rank}"
            if sample == 1:
                seen += found.compared_bytes - 8
                assert found.compared_bytes < found.nbytes
    if sample == 1:
        # each number by one rank
        assert seen == found.nbytes - 8


def test_a_rank_finds_what_is_wrong_in_its_own_part(receipt: Path) -> None:
    for rank in range(3):
        with one_of(3, rank) as mesh:
            module = loaded(receipt)
            # row 17 is the second rank's of 48, and column 17 of 48 the second's of those
            with torch.no_grad():
                module.body[0].weight[17, 1] += 1
                module.body[2].weight[5, 17] += 1
            for name, dim in (("0", 0), ("2", 1)):
                part = module.get_submodule(f"body.{name}")
                part.weight = nn.Parameter(
                    distribute_tensor(part.weight, mesh, [Shard(dim)], src_data_rank=None)
                )
                assert isinstance(part.weight, DTensor)
            found = {each.tensor: each for each in pit.verify(module, receipt).findings}
            assert found.keys() == ({"body.0.weight", "body.2.weight"} if rank == 1 else set())
            if rank == 1:
                assert found["body.0.weight"].facts["first"] // 4 == 17 * 32 + 1
                assert found["body.2.weight"].facts["first"] // 4 == 5 * 48 + 17


def mixture() -> Any:
    """A transformers model that is saved in other tensors than it holds."""
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "vocab_size": 64}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 3}
    with pit.deferred():
        return transformers.MixtralForCausalLM(transformers.MixtralConfig(**sizes, **heads))


@pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")
@pytest.mark.usefixtures("torchvision_loads")
@pytest.mark.filterwarnings("ignore")
def test_a_module_that_is_saved_in_other_tensors(tmp_path: Path) -> None:
    module = mixture()
    pit.write_checkpoint(module, tmp_path, key=3)
    pit.materialize(module, key=3)
    found = pit.verify(module, tmp_path)
    assert (found.is_same, found.compared) == (True, found.tensors)
    experts = module.model.layers[0].mlp.experts
    with torch.no_grad():
        experts.down_proj[1, 5, 7] += 1
    (finding,) = pit.verify(module, tmp_path).findings
    assert (finding.kind, finding.tensor) == (
        "corrupt",
        "model.layers.0.block_sparse_moe.experts.1.w2.weight",
    )
    assert finding.facts["first"] // 4 == 5 * 48 + 7
    # ranks hold parts of what is saved cut in another way: said, not guessed
    with one_of(2, 0) as mesh:
        sharded = pit.verify(fully_shard(module, mesh=mesh), tmp_path)
    assert sharded.differing == ()
    assert not sharded.is_same
    assert "verify the files, or the whole module" in str(sharded.unchecked[0])
    assert (
        sharded.compared + sum("mlp" not in str(each.tensor) for each in sharded.unchecked) == found.tensors
    )


def test_what_deepspeed_cuts_is_compared_in_its_place(receipt: Path) -> None:
    """By the attributes that DeepSpeed sets: each rank holds a run of the flattened parameter."""
    whole = loaded(receipt)
    for rank in range(3):
        module = loaded(receipt)
        weight: Any = module.body[0].weight
        # 48 x 32 numbers in three pieces of 512
        piece: Any = weight.detach().reshape(-1)[512 * rank : 512 * (rank + 1)].clone()
        piece.ds_numel, piece.status = 512, SimpleNamespace(name="AVAILABLE")
        cut: Any = nn.Parameter(torch.empty(0))
        cut.ds_id, cut.ds_shape, cut.ds_numel, cut.ds_tensor = 1, weight.shape, weight.numel(), piece
        cut.ds_status, cut.ds_secondary_tensor = SimpleNamespace(name="NOT_AVAILABLE"), None
        cut.ds_zero_partition_rank, cut.ds_zero_partition_world_size = rank, 3
        module.body[0].weight = cut
        found = pit.verify(module, receipt)
        assert found.is_same
        assert found.compared_bytes == found.nbytes - 4 * 2 * 512
        piece[100] += 1
        (finding,) = pit.verify(module, receipt).findings
        assert (finding.tensor, finding.kind) == ("body.0.weight", "corrupt")
        assert finding.facts["first"] // 4 == 512 * rank + 100
    assert pit.verify(whole, receipt).is_same


@pytest.mark.filterwarnings("ignore")
def test_what_the_first_fsdp_cuts_is_compared_in_its_place(receipt: Path) -> None:
    flattened = pytest.importorskip("torch.distributed.fsdp").FullyShardedDataParallel
    seen = 0
    for rank in range(2):
        with one_of(2, rank):
            module = flattened(loaded(receipt), use_orig_params=True, device_id=torch.device("cpu"))
            found = pit.verify(module, receipt)
            assert found.is_same
            seen += found.compared_bytes - 8
            # the first rank holds the beginning of this one
            weight = dict(module.named_parameters())["_fsdp_wrapped_module.body.0.weight"]
            with torch.no_grad():
                weight.view(-1)[2] += 1
            (finding,) = pit.verify(module, receipt).findings
            assert finding.tensor == "body.0.weight"
            assert (finding.facts["first"] // 4 == 2) == (rank == 0)
    assert seen == found.nbytes - 8
