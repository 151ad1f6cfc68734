"""Distributed tensors are filled by each rank alone, with the same bits on 1, 2 and 4 ranks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
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
    debug,
    distribute_module,
    distribute_tensor,
)
from torch.distributed.tensor import empty as empty_distributed  # noqa: E402
from torch.distributed.tensor.parallel import ColwiseParallel, parallelize_module  # noqa: E402
from torch.nn.parameter import UninitializedTensorMixin  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402
from pyinit.stream.safetensors import read_header  # noqa: E402
from pyinit.torch.materialization.beginnings import record  # noqa: E402
from pyinit.torch.materialization.construction import deferred as deferred_construction  # noqa: E402
from pyinit.torch.materialization.materialization import materialize  # noqa: E402
from pyinit.torch.placement import shard_rectangles  # noqa: E402

pytestmark = [
    pytest.mark.interop,
    # heads that are tied to embeddings, which begin in another way
    pytest.mark.filterwarnings("ignore:.* is one tensor with"),
]

PROGRAM = Path(__file__).with_name("distributed_rank.py")


def program() -> ModuleType:
    """Return what each rank runs, as a module."""
    spec = importlib.util.spec_from_file_location(PROGRAM.stem, PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=[1, 2, 4])
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Launch so many processes once, and return what each of them saved."""
    n = request.param
    stem = tmp_path_factory.mktemp("ranks") / "rank"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYINIT_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, str(PROGRAM), str(stem)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [torch.load(f"{stem}{rank}.pt") for rank in range(n)]


def bits(tensor: Any) -> tuple[Any, ...]:
    """Return all that two equal tensors have in common."""
    return (
        tensor.dtype,
        tuple(tensor.shape),
        tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes(),
    )


def test_every_placement_on_every_rank_holds_the_same_bits(ranks: list[dict[str, Any]]) -> None:
    plain = {
        name: bits(pit.fill(torch.empty(shape, dtype=dtype), recipe, key=7))
        for name, (recipe, shape, dtype) in program().RECIPES.items()
    }
    seen = set()
    for saved in ranks:
        for (name, mesh, placed), tensor in saved["filled"].items():
            assert bits(tensor) == plain[name], (name, mesh, placed)
            seen.add((name, mesh, placed))
    placements = {1: 4, 2: 4 + 5 + 5, 4: 4 + 5}[len(ranks)]
    assert len(seen) == len(plain) * placements


def test_materialized_modules_hold_the_same_bits(ranks: list[dict[str, Any]]) -> None:
    module = program()
    plain = materialize(module.on_meta(), key=5)
    expected = {name: bits(tensor) for name, tensor in plain.state_dict().items()}
    expected["output"] = bits(plain(module.TOKENS).detach())
    seen = set()
    for saved in ranks:
        for (how, mesh, name), tensor in saved["materialized"].items():
            assert bits(tensor) == expected[name], (how, mesh, name)
            seen.add((how, mesh, name))
    ways = {1: (5, 2), 2: (5 + 2 + 2, 2 + 1 + 1), 4: (5 + 2, 2 + 1)}[len(ranks)]
    assert len(seen) == ways[0] * len(plain.state_dict()) + ways[1]


def test_a_file_of_the_module_holds_the_same_bits(ranks: list[dict[str, Any]], tmp_path: Path) -> None:
    pit.write_checkpoint(program().on_meta(), tmp_path / "whole.safetensors", key=5)
    data = (tmp_path / "whole.safetensors").read_bytes()
    tensors = read_header(tmp_path / "whole.safetensors").tensors
    compared = 0
    for saved in ranks:
        for (how, mesh, name), tensor in saved["materialized"].items():
            if name != "output":
                info = tensors[name]
                assert bits(tensor)[2] == data[info.start : info.stop], (how, mesh, name)
                compared += 1
    assert compared >= 5 * len(tensors)


def test_a_file_is_of_a_whole_module(tmp_path: Path) -> None:
    with one_of(2) as mesh:
        layer = fully_shard(on_meta(lambda: nn.Linear(3, 4)), mesh=mesh)
        with pytest.raises(pi.LayoutError, match="'weight' of FSDPLinear is a DTensor"):
            pit.write_checkpoint(layer, tmp_path / "out", key=0)


def test_ranks_are_heard_when_they_talk(ranks: list[dict[str, Any]]) -> None:
    """The check for collectives sees those of full_tensor(), so that it could see one in a fill."""
    assert all((saved["heard"] > 0) == (len(ranks) > 1) for saved in ranks)


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
        debug._clear_sharding_prop_cache()


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


def test_a_rank_makes_its_own_rectangle_only() -> None:
    """One of 65536 ranks makes its 2 MiB of a tensor of 128 GiB."""
    with one_of(2**16) as mesh:
        tensor = empty_distributed(
            2**18, 2**18, dtype=torch.bfloat16, device_mesh=mesh, placements=[Shard(1)]
        )
        pit.fill(tensor, pi.he_normal(layout="torch"), key=3)
        window = pi.Window((0, 0), (2**18, 2**18))
        alone = pi.he_normal(layout="torch")((2**18, 4), key=3, dtype="uint16", window=window)
        assert (tensor.to_local().view(torch.uint16).numpy() == alone).all()


def test_a_part_of_a_larger_tensor_may_be_distributed() -> None:
    whole = pit.fill(torch.empty(9, 5), pi.normal(), key=1)
    with one_of(2) as mesh:
        tensor = empty_distributed(4, 5, device_mesh=mesh, placements=[Shard(0)])
        assert pit.fill(tensor, pi.normal(), key=1, window=pi.Window((5, 0), (9, 5))) is tensor
        assert torch.equal(tensor.to_local(), whole[5:7])
        with pytest.raises(pi.ShapeError, match="reaches beyond the tensor"):
            pit.fill(tensor, pi.normal(), key=1, window=pi.Window((6, 0), (9, 5)))


def test_gradients_record_nothing_and_versions_rise() -> None:
    with one_of(2) as mesh:
        tensor = empty_distributed(4, 5, device_mesh=mesh, placements=[Shard(0)])
        parameter = torch.nn.Parameter(tensor)
        before = parameter._version, parameter.to_local()._version
        pit.fill(parameter, pi.normal(), key=1)
        assert parameter.grad_fn is None
        assert parameter._version > before[0]
        assert parameter.to_local()._version > before[1]


def test_a_term_of_a_sum_is_refused() -> None:
    with one_of(2) as mesh:
        tensor = DTensor.from_local(torch.zeros(4), mesh, [Partial()])
        with pytest.raises(pi.LayoutError, match=r"got Partial\(sum\) on mesh axis 0: terms of a reduction"):
            pit.fill(tensor, pi.normal(), key=1)
        assert not tensor.to_local().any()


def test_torchs_functions_draw_the_same_for_distributed_tensors() -> None:
    seeds = [torch.Generator().manual_seed(4) for _ in range(4)]
    plain = pit.init.xavier_normal_(torch.empty(7, 6), generator=seeds[3])
    for rank, generator in enumerate(seeds[:3]):
        with one_of(3, rank) as mesh:
            tensor = empty_distributed(7, 6, device_mesh=mesh, placements=[Shard(0)])
            pit.init.xavier_normal_(tensor, generator=generator)
            assert torch.equal(tensor.to_local(), plain[3 * rank : 3 * rank + 3])
    assert len({torch.rand(1, generator=generator).item() for generator in seeds}) == 1


@pytest.mark.parametrize("rows", [2, 0])
def test_a_rank_without_elements_says_what_is_wrong_with_a_recipe(rows: int) -> None:
    with one_of(3, rank=2) as mesh:
        tensor = empty_distributed(rows, device_mesh=mesh, placements=[Shard(0)])
        assert tensor.to_local().numel() == 0
        with pytest.raises(pi.ShapeError, match="needs at least 2 dimensions"):
            pit.fill(tensor, pi.he_normal(), key=1)


def test_meta_tensors_are_refused() -> None:
    with one_of(2) as mesh:
        for placement in (Shard(0), Replicate()):
            tensor = DTensor.from_local(torch.zeros(4, device="meta"), mesh, [placement])
            with pytest.raises(pi.LayoutError, match="got a meta tensor"):
                pit.fill(tensor, pi.normal(), key=1)


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


def test_strides_do_not_matter() -> None:
    plain = pit.fill(torch.empty(6, 5).t(), pi.normal(), key=2)
    with one_of(3, rank=1) as mesh:
        tensor = empty_distributed(6, 5, device_mesh=mesh, placements=[Shard(0)]).t()
        pit.fill(tensor, pi.normal(), key=2)
        assert tensor.placements == (Shard(1),)
        assert torch.equal(tensor.to_local(), plain[:, 2:4])


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
