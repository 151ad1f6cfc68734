"""Each rank makes its own part of a module, with the bits of the whole one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributed.device_mesh import DeviceMesh  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.distributed.tensor import (  # noqa: E402
    DTensor,
    Partial,
    Replicate,
    Shard,
    distribute_module,
    distribute_tensor,
)
from torch.distributed.tensor.parallel import ColwiseParallel, parallelize_module  # noqa: E402
from torch.nn.parameter import UninitializedTensorMixin  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402
from pyinit.torch.materialization.beginnings import record  # noqa: E402
from pyinit.torch.materialization.construction import deferred as deferred_construction  # noqa: E402
from pyinit.torch.materialization.materialization import materialize  # noqa: E402
from pyinit.torch.placement import shard_rectangles  # noqa: E402

from ..older import older  # noqa: E402
from .sharding_cache import forget_meshes  # noqa: E402

pytestmark = [
    pytest.mark.interop,
    # heads that are tied to embeddings, which begin in another way
    pytest.mark.filterwarnings("ignore:.* is one tensor with"),
]


def bits(tensor: Any) -> tuple[Any, ...]:
    """Return all that two equal tensors have in common."""
    return (
        tensor.dtype,
        tuple(tensor.shape),
        tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(),
    )


@contextmanager
def one_of(world_size: int, rank: int = 0, shape: tuple[int, ...] | None = None) -> Iterator[DeviceMesh]:
    """Be one rank of a mesh of so many; nobody answers."""
    dist.init_process_group("fake", rank=rank, world_size=world_size, store=FakeStore())
    try:
        names = ("dp", "tp")[: len(shape or (1,))]
        yield DeviceMesh("cpu", torch.arange(world_size).view(shape or -1), mesh_dim_names=names)
    finally:
        dist.destroy_process_group()
        # it remembers meshes, and with them the coordinate of the rank before
        forget_meshes()


def on_meta(make: Callable[[], nn.Module]) -> nn.Module:
    with torch.device("meta"):
        return make()


def assert_same_parts(module: nn.Module, whole: dict[str, Any]) -> None:
    """Compare what a rank holds of each tensor with the whole one."""
    state = module.state_dict()
    assert set(state) == set(whole)
    for name, tensor in state.items():
        if isinstance(tensor, DTensor):
            for rectangle in shard_rectangles(tensor):
                ends = zip(rectangle.window.start, rectangle.shape, strict=True)
                expected = whole[name][tuple(slice(i, i + n) for i, n in ends)]
                assert bits(tensor.to_local()[rectangle.local]) == bits(expected), name
        else:
            assert bits(tensor) == bits(whole[name]), name


MODULES: dict[str, Callable[[], nn.Module]] = {
    "transposed convolution": lambda: nn.ConvTranspose2d(4, 8, 3, groups=2),
    "attention": lambda: nn.MultiheadAttention(8, 2, kdim=6, vdim=4, add_bias_kv=True),
    "recurrent": lambda: nn.LSTM(5, 7, 2),
    "encoder": lambda: nn.TransformerEncoderLayer(8, 2, 16),
    "batch norm": lambda: nn.BatchNorm2d(5),
    "bilinear": lambda: nn.Bilinear(3, 4, 5),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(6, 5)),
    "bfloat16": lambda: nn.Embedding(9, 5, padding_idx=-2, dtype=torch.bfloat16),
    "float64": lambda: nn.Linear(5, 7, dtype=torch.float64),
}


@pytest.mark.parametrize("recipe", [None, "he_normal"])
@pytest.mark.parametrize("name", MODULES)
def test_every_rank_of_fsdp_makes_its_part_of_a_module(name: str, recipe: str | None) -> None:
    whole = materialize(on_meta(MODULES[name]), recipe, key=5).state_dict()
    for rank in range(3):
        with one_of(3, rank) as mesh:
            module = fully_shard(on_meta(MODULES[name]), mesh=mesh)
            assert_same_parts(materialize(module, recipe, key=5), whole)


def constructions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], nn.Module]]:
    """Yield a module of torch's own tests for every class and set of tensors that has shapes on meta."""
    # its import reads the command line
    monkeypatch.setattr(sys, "argv", sys.argv[:1])
    common = pytest.importorskip("torch.testing._internal.common_modules")
    for info in common.module_db:
        seen: set[tuple[str, ...]] = set()
        for sample in info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
        ):
            args, kwargs = sample.constructor_input.args, {**sample.constructor_input.kwargs}
            kwargs.pop("device", None)
            make = partial(info.module_cls, *args, **kwargs)
            tensors = on_meta(make).state_dict()
            shaped = all(t.is_meta and not isinstance(t, UninitializedTensorMixin) for t in tensors.values())
            if tensors and shaped and tuple(tensors) not in seen:
                seen.add(tuple(tensors))
                yield make


def cut_last(name: str, module: nn.Module, mesh: DeviceMesh) -> None:
    """Cut every parameter of two dimensions or more along its last."""
    for key, parameter in list(module.named_parameters(recurse=False)):
        placement = Shard(parameter.dim() - 1) if parameter.dim() > 1 else Replicate()
        # not left to distribute_module, which knows nothing of an RNN's list of its weights
        setattr(module, key, nn.Parameter(distribute_tensor(parameter, mesh, [placement])))


@pytest.mark.filterwarnings("ignore")
def test_a_rank_makes_its_part_of_every_module_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    makers = list(constructions(monkeypatch))
    assert len(makers) >= 50
    wholes = [materialize(on_meta(make), key=5).state_dict() for make in makers]
    with one_of(3, rank=1) as mesh:
        for make, whole in zip(makers, wholes, strict=True):
            assert_same_parts(materialize(fully_shard(on_meta(make), mesh=mesh), key=5), whole)
            assert_same_parts(materialize(distribute_module(on_meta(make), mesh, cut_last), key=5), whole)


class Exact(nn.Module):
    """Begins otherwise where it is not of its own class, and lists its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(5, 3))
        self.listed, self.paired = [self.weight], (self.weight, None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.listed[0], std=1.0 if type(self) is Exact else 2.0)
        assert self.listed[0] is self.paired[0] is self.weight


def test_a_module_of_fsdp_begins_as_its_own_class_does() -> None:
    whole = materialize(on_meta(Exact), key=5).state_dict()
    for rank in range(2):
        with one_of(2, rank) as mesh:
            module = fully_shard(on_meta(Exact), mesh=mesh)
            kind = type(module)
            # FSDP has put its parameter in the module's slot alone
            module.listed[0], module.paired = module.weight, (module.weight, None)
            assert_same_parts(materialize(module, key=5), whole)
            assert type(module) is kind
            assert module.listed[0] is module.paired[0] is module.weight


class Drawn(nn.Module):
    """Says in its constructor alone how it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(7, 4) * 0.02)
        self.layer = nn.Linear(4, 5)
        nn.init.orthogonal_(self.layer.weight)
        self.head = nn.Linear(4, 5)
        self.head.weight = self.layer.weight


def test_what_a_recorded_constructor_drew_is_sharded() -> None:
    def deferred() -> nn.Module:
        with deferred_construction():
            return Drawn()

    whole = materialize(deferred(), key=5).state_dict()
    for rank in range(3):
        with one_of(3, rank) as mesh:
            assert_same_parts(materialize(fully_shard(deferred(), mesh=mesh), key=5), whole)
            untied = distribute_module(deferred(), mesh, cut_last)
            assert untied.head.weight is not untied.layer.weight
            assert_same_parts(materialize(untied, key=5), whole)


@pytest.mark.skipif(older("transformers", 5), reason="needs transformers 5")
@pytest.mark.usefixtures("torchvision_loads")
def test_every_rank_of_fsdp_makes_its_part_of_a_transformer() -> None:
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 29, "n_positions": 8, "n_embd": 8, "n_layer": 2, "n_head": 2}

    def gpt2() -> nn.Module:
        config = transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0)
        model: nn.Module = transformers.GPT2LMHeadModel(config)
        return model

    whole = materialize(on_meta(gpt2), key=5).state_dict()
    for rank in range(3):
        with one_of(3, rank) as mesh:
            module = on_meta(gpt2)
            for block in module.transformer.h:
                fully_shard(block, mesh=mesh)
            assert_same_parts(materialize(fully_shard(module, mesh=mesh), key=5), whole)


@pytest.mark.parametrize("rows", [7, 1])
def test_every_rank_of_fsdp_and_tensor_parallelism_where_rows_are_left_over(rows: int) -> None:
    whole = materialize(on_meta(lambda: nn.Linear(3, rows)), key=5).state_dict()
    for rank in range(6):
        with one_of(6, rank, (3, 2)) as mesh:
            layer = parallelize_module(on_meta(lambda: nn.Linear(3, rows)), mesh["tp"], ColwiseParallel())
            assert_same_parts(materialize(fully_shard(layer, mesh=mesh["dp"]), key=5), whole)


def test_a_rank_makes_its_own_part_of_a_module_only() -> None:
    """One of 16384 ranks makes its 8 MiB of 128 GiB."""
    with one_of(2**14, rank=5) as mesh:
        net = nn.Sequential(*(on_meta(lambda: nn.Linear(2**17, 2**17)) for _ in range(2)))
        own = record(net)["0.weight"].writes[0].content.recipe
        materialize(fully_shard(net, mesh=mesh), {"1.weight": pi.he_normal()}, key=5)
        for name, recipe in (("0.weight", own), ("1.weight", pi.he_normal(layout="torch"))):
            held = net.get_parameter(name).to_local().detach()
            window = pi.Window((40, 0), (2**17, 2**17))
            alone = recipe((8, 2**17), key=pi.key(5).fold_in(name), window=window)
            assert bits(held) == bits(torch.from_numpy(alone))


def test_a_distributed_module_keeps_its_parameters_and_what_is_real() -> None:
    with one_of(2) as mesh:
        layer = fully_shard(on_meta(lambda: nn.Linear(3, 4)), mesh=mesh)
        weight, bias = layer.weight, layer.bias
        weight.note = "kept"
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        materialize(layer, key=5)
        assert layer.weight is weight
        assert optimizer.param_groups[0]["params"] == [weight, bias]
        assert weight.note == "kept"
        assert isinstance(weight, nn.Parameter)
        assert weight.requires_grad
        assert weight.device.type == "cpu"
        before = bits(weight.to_local().detach())
        layer.bias = nn.Parameter(DTensor.from_local(torch.empty(2, device="meta"), mesh, [Shard(0)]))
        materialize(layer, key=6)
        assert bits(weight.to_local().detach()) == before
        expected = materialize(on_meta(lambda: nn.Linear(3, 4)), key=6).bias[:2]
        assert bits(layer.bias.to_local().detach()) == bits(expected.detach())


def test_what_cannot_be_made_is_named_and_the_module_left_as_it_was() -> None:
    with one_of(2) as mesh:
        layer = on_meta(lambda: nn.Linear(3, 4))
        layer.bias = nn.Parameter(DTensor.from_local(layer.bias.data, mesh, [Partial()]))
        weight, bias = layer.weight, layer.bias
        with pytest.raises(pi.LayoutError, match=r"'bias': a rank needs to hold values .* Partial\(sum\)"):
            materialize(layer, key=5)
        assert (layer.weight, layer.bias) == (weight, bias)
        layer = on_meta(lambda: nn.Linear(3, 4))
        layer.reset_parameters = lambda: None  # type: ignore[method-assign]
        fully_shard(layer, mesh=mesh)
        weight = layer.weight
        with pytest.raises(pi.RecipeError, match="parameter 'weight': nothing is written to it"):
            materialize(layer, key=5)
        assert layer.weight is weight
        assert weight.is_meta


def test_a_file_is_of_a_whole_module(tmp_path: Path) -> None:
    with one_of(2) as mesh:
        layer = fully_shard(on_meta(lambda: nn.Linear(3, 4)), mesh=mesh)
        with pytest.raises(pi.LayoutError, match="'weight' of FSDPLinear is a DTensor"):
            pit.write_checkpoint(layer, tmp_path / "out", key=0)
