"""Parameters that Megatron has cut: each rank fills its part, with the bits of the whole parameter.

Most tests run on parameters with Megatron's attributes and a stand-in for its ``parallel_state``; the last
ones run the layers of megatron-core, where it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import init as torch_init  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402

pytestmark = pytest.mark.interop

STATE = "megatron.core.parallel_state"


class Rank:
    """Which rank of tensor parallelism this is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dense, self.expert, self.experts = (0, 1), (0, 1), 1
        state = SimpleNamespace(
            get_tensor_model_parallel_rank=lambda: self.dense[0],
            get_tensor_model_parallel_world_size=lambda: self.dense[1],
            get_expert_tensor_parallel_rank=lambda: self.expert[0],
            get_expert_tensor_parallel_world_size=lambda: self.expert[1],
            get_expert_model_parallel_world_size=lambda: self.experts,
        )
        monkeypatch.setitem(sys.modules, STATE, state)

    def be(self, rank: int, ranks: int) -> None:
        """Be one of so many ranks, for dense layers and for experts."""
        self.dense = self.expert = rank, ranks


@pytest.fixture
def rank(monkeypatch: pytest.MonkeyPatch) -> Rank:
    """Be a rank of Megatron's."""
    return Rank(monkeypatch)


def marked(tensor: Any, axis: int, stride: int) -> Any:
    """Mark a parameter as ``set_tensor_model_parallel_attributes`` does."""
    tensor.tensor_model_parallel, tensor.partition_dim, tensor.partition_stride = True, axis, stride
    return tensor


def part_of(shape: tuple[int, ...], axis: int, stride: int, ranks: int) -> Any:
    """Return one rank's part of a parameter."""
    held = tuple(n // ranks if at == axis else n for at, n in enumerate(shape))
    return marked(nn.Parameter(torch.zeros(held)), axis, stride)


def cut(whole: Any, part: Any, rank: int, ranks: int) -> Any:
    """Return the part of a whole tensor that a rank should hold, as Megatron cuts it."""
    axis = part.partition_dim
    blocks = whole.detach().split(part.shape[axis] // part.partition_stride, axis)
    return torch.cat(blocks[rank::ranks], axis)


PARTS = [((8, 5), 0, 1), ((8, 5), 0, 2), ((3, 12), 1, 1), ((3, 12), 1, 3), ((16,), 0, 2), ((2, 8, 3), 1, 1)]
DOORS: dict[str, Callable[[Any], object]] = {
    "fill": lambda p: pit.fill(p, "normal" if p.dim() < 2 else pi.he_normal(layout="torch"), key=5),
    "fill orthogonally": lambda p: pit.fill(
        p, "normal" if p.dim() < 2 else pi.orthogonal(layout="torch"), key=5
    ),
    "init": lambda p: pit.init.uniform_(p) if p.dim() < 2 else pit.init.xavier_normal_(p),
    "init orthogonally": lambda p: pit.init.normal_(p) if p.dim() < 2 else pit.init.orthogonal_(p),
    "init by a constant": lambda p: pit.init.constant_(p, 2.0),
    "accelerate": lambda p: torch_init.uniform_(p) if p.dim() < 2 else torch_init.kaiming_uniform_(p),
    "accelerate data": lambda p: p.data.normal_() if p.dim() < 2 else torch_init.xavier_uniform_(p.data),
    "accelerate orthogonally": lambda p: torch_init.ones_(p) if p.dim() < 2 else torch_init.orthogonal_(p),
}


def drawn(door: str, parameter: Any) -> Any:
    """Initialize a parameter at a door."""
    torch.manual_seed(7)
    if door.startswith("accelerate"):
        with pit.accelerate(key=5):
            DOORS[door](parameter)
    else:
        DOORS[door](parameter)
    return parameter


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize(("shape", "axis", "stride"), PARTS)
@pytest.mark.parametrize("door", DOORS)
def test_ranks_draw_the_whole_parameter(
    rank: Rank, door: str, shape: tuple[int, ...], axis: int, stride: int, ranks: int
) -> None:
    if shape[axis] % (ranks * stride):
        shape = tuple(n * ranks if at == axis else n for at, n in enumerate(shape))
    whole = drawn(door, nn.Parameter(torch.zeros(shape)))
    for number in range(ranks):
        rank.be(number, ranks)
        part = drawn(door, part_of(shape, axis, stride, ranks))
        assert torch.equal(part.detach(), cut(whole, part, number, ranks))


class Layer(nn.Module):
    """Marks its parameters before it draws into them, as Megatron does on a GPU."""

    def __init__(self, rank: Rank) -> None:
        super().__init__()
        ranks = rank.dense[1]
        self.up = part_of((24, 8), 0, 2, ranks)
        self.down = part_of((8, 24), 1, 1, ranks)
        self.gate = part_of((24, 8), 0, 1, ranks)
        self.bias = part_of((24,), 0, 2, ranks)
        self.norm = nn.LayerNorm(8)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw by functions that count fans, by a product, and by an orthogonal matrix."""
        torch_init.kaiming_uniform_(self.up.data, a=5**0.5)
        torch_init.orthogonal_(self.down)
        with torch.no_grad():
            self.down.mul_(2.0)
            self.gate.copy_(torch.randn_like(self.gate) * 0.02)
        torch_init.zeros_(self.bias)


@pytest.mark.parametrize("recipe", [None, "he_normal", {"up": "orthogonal", "bias": pi.normal()}])
@pytest.mark.parametrize("building", ["deferred", "meta"])
def test_materialize_makes_the_part_of_a_module(rank: Rank, building: str, recipe: Any) -> None:
    def made(number: int, ranks: int) -> nn.Module:
        rank.be(number, ranks)
        with pit.deferred() if building == "deferred" else torch.device("meta"):
            layer = Layer(rank)
        return pit.materialize(layer, recipe, key=5)

    whole = dict(made(0, 1).named_parameters())
    assert whole["norm.weight"].eq(1).all()
    for number in range(3):
        layer = made(number, 3)
        for name, part in layer.named_parameters():
            expected = whole[name].detach()
            if hasattr(part, "tensor_model_parallel"):
                expected = cut(expected, part, number, 3)
                assert part.tensor_model_parallel
            assert torch.equal(part.detach(), expected), name


def test_a_recipe_counts_the_fans_of_the_whole_parameter(rank: Rank) -> None:
    """An oracle without a stream: the bounds of a uniform draw tell the fan."""
    rank.be(1, 8)
    part = pit.fill(part_of((64, 4096), 1, 1, 8), pi.he_uniform(layout="torch"), key=5).detach()
    assert 0.999 < float(part.abs().max()) / (6 / 4096) ** 0.5 <= 1
    with pit.accelerate(key=5):
        torch_init.kaiming_uniform_(part := part_of((64, 4096), 1, 1, 8))
    assert 0.999 < float(part.detach().abs().max()) / (6 / 4096) ** 0.5 <= 1


def test_a_parameter_that_is_not_marked_is_whole(rank: Rank) -> None:
    rank.be(1, 4)
    bias = marked(nn.Parameter(torch.zeros(16)), 0, 1)
    bias.tensor_model_parallel = False
    pit.fill(bias, pi.normal(), key=5)
    assert torch.equal(bias.detach(), pit.fill(torch.empty(16), pi.normal(), key=5))


@pytest.mark.parametrize("mark", [{"allreduce": False}, {"expert_tp": True}])
def test_an_expert_is_cut_by_its_own_group(rank: Rank, mark: dict[str, bool]) -> None:
    rank.dense, rank.expert, rank.experts = (3, 4), (1, 2), 2
    part = part_of((8, 5), 0, 1, 2)
    part.__dict__.update(mark)
    whole = pit.fill(torch.empty(8, 5), pi.normal(), key=5)
    assert torch.equal(pit.fill(part, pi.normal(), key=5).detach(), whole[4:])


def test_a_part_of_unknown_place_is_refused_by_name(rank: Rank, monkeypatch: pytest.MonkeyPatch) -> None:
    rank.dense, rank.expert = (3, 4), (1, 2)
    part = part_of((8, 5), 0, 1, 4)
    with pytest.raises(pi.LayoutError, match=r"dense \(4 ranks\) or as an expert's \(2 ranks\).*expert_tp"):
        pit.fill(part, pi.normal(), key=5)
    rank.be(1, 4)
    part.partition_stride = 3
    with pytest.raises(pi.LayoutError, match="partition_stride that divides it; got 0 and 3"):
        pit.fill(part, pi.normal(), key=5)
    part.partition_stride, part.partition_dim = 1, 2
    with pytest.raises(pi.LayoutError, match="partition_dim among its axes"):
        pit.init.kaiming_normal_(part)
    monkeypatch.delitem(sys.modules, STATE)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    with pit.accelerate(key=5), pytest.raises(pi.LayoutError, match="parallel_state is not initialized"):
        torch_init.normal_(part)
    assert not part.any()


def test_materialize_refuses_what_it_cannot_know_by_name(rank: Rank) -> None:
    rank.be(1, 2)
    with torch.device("meta"):
        layer = Layer(rank)
    layer.up.allreduce = False
    with pytest.raises(pi.RecipeError, match="'up' is of an expert that is numbered within its rank"):
        pit.materialize(layer, key=5)
    del layer.up.allreduce

    def reset() -> None:
        Layer.reset_parameters(layer)
        torch_init.normal_(layer.up[:3])

    layer.reset_parameters = reset  # type: ignore[method-assign]
    with pytest.raises(pi.RecipeError, match="whole tensor of which 'up' is a part"):
        pit.materialize(layer, key=5)
    assert layer.up.is_meta
    real = nn.Linear(4, 4)
    marked(real.weight, 0, 1)
    with pytest.raises(pi.RecipeError, match="'weight' of Linear is real, and a part"):
        pit.materialize(real, key=5)


def test_a_checkpoint_of_parts_is_refused_by_name(rank: Rank, tmp_path: Path) -> None:
    rank.be(1, 2)
    with pit.deferred():
        layer = Layer(rank)
    with pytest.raises(
        pi.LayoutError, match=r"write_checkpoint of 'up' needs a whole tensor.*before it is cut"
    ):
        pit.write_checkpoint(layer, tmp_path / "model.safetensors", key=5)
    assert not list(tmp_path.iterdir())


def test_a_part_that_is_cut_again_is_refused(rank: Rank) -> None:
    rank.be(1, 2)
    part = part_of((8, 5), 0, 1, 2)
    piece: Any = torch.zeros(10)
    piece.ds_numel, piece.status = 10, SimpleNamespace(name="AVAILABLE")
    part.ds_id, part.ds_shape, part.ds_numel, part.ds_tensor = 1, part.shape, 20, piece
    part.ds_status = SimpleNamespace(name="NOT_AVAILABLE")
    part.ds_zero_partition_rank, part.ds_zero_partition_world_size = 0, 2
    with pytest.raises(pi.LayoutError, match="DeepSpeed or FSDP has cut again"):
        pit.fill(part, pi.normal(), key=5)


def network(kind: str) -> Any:
    """Build layers of megatron-core at a door."""
    layers = pytest.importorskip("megatron.core.tensor_parallel.layers")
    configs = pytest.importorskip("megatron.core.model_parallel_config")
    config = configs.ModelParallelConfig(use_cpu_initialization=True, params_dtype=torch.float32)
    drawing = partial(torch_init.kaiming_uniform_, a=5**0.5)

    def built() -> nn.Module:
        options = {"config": config, "init_method": drawing, "bias": True, "skip_bias_add": True}
        return nn.ModuleDict(
            {
                "embedding": layers.VocabParallelEmbedding(12, 8, init_method=drawing, config=config),
                "up": layers.ColumnParallelLinear(8, 24, stride=2, **options),
                "down": layers.RowParallelLinear(24, 8, input_is_parallel=True, **options),
            }
        )

    if kind == "deferred":
        with pit.deferred():
            net = built()
        return pit.materialize(net, key=5)
    if kind == "accelerate":
        with pit.accelerate(key=5):
            return built()
    net = built()
    for name, parameter in net.named_parameters():
        recipe = pi.normal() if parameter.dim() < 2 else pi.he_normal(layout="torch")
        pit.fill(parameter, recipe, key=pi.key(5).fold_in(name))
    return net


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["deferred", "accelerate", "fill"])
def test_layers_of_megatron_core(kind: str) -> None:
    state = pytest.importorskip(STATE)

    def of(number: int, ranks: int) -> dict[str, Any]:
        dist.init_process_group("fake", rank=number, world_size=ranks, store=FakeStore())
        try:
            state.initialize_model_parallel(ranks, create_gloo_process_groups=False)
            return dict(network(kind).named_parameters())
        finally:
            state.destroy_model_parallel()
            dist.destroy_process_group()

    whole = of(0, 1)
    for number in range(2):
        for name, part in of(number, 2).items():
            is_part = getattr(part, "tensor_model_parallel", False)
            expected = cut(whole[name], part, number, 2) if is_part else whole[name]
            assert torch.equal(part.detach(), expected.detach()), name
