"""What each rank of test_distributed runs: fill distributed tensors, and save them whole.

python -m torch.distributed.run --nproc-per-node N distributed_rank.py STEM
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_module, distribute_tensor
from torch.distributed.tensor import empty as empty_distributed
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.distributed.tensor.placement_types import _StridedShard
from torch.utils._python_dispatch import TorchDispatchMode

import pyinit as pi
from pyinit.torch import fill
from pyinit.torch.materialization.materialization import materialize
from pyinit.versions import numbers

# torch 2.9 gives each rank the whole of what _StridedShard alone should cut, and its full_tensor() puts parts
# of unequal sizes together in another order
KNOWS_STRIDED = numbers(torch.__version__) >= (2, 13)

RECIPES: dict[str, tuple[pi.Recipe, tuple[int, ...], torch.dtype]] = {
    "normal": (pi.normal(std=0.02), (7, 9), torch.float32),
    "normal in bfloat16": (pi.normal(), (9, 8, 3), torch.bfloat16),
    "uniform in float64": (pi.uniform(-1.0, 1.0), (6, 5), torch.float64),
    "truncated normal in float16": (pi.truncated_normal(), (3, 11), torch.float16),
    "he_normal": (pi.he_normal(layout="torch"), (8, 3, 3, 3), torch.float32),
    "orthogonal": (pi.orthogonal(), (13, 10), torch.float32),
    "delta_orthogonal": (pi.delta_orthogonal(layout="torch"), (8, 5, 3), torch.float32),
    "blocks": (
        pi.blocks([pi.orthogonal(), "ones", pi.he_normal()], sizes=(6, 3, 4)),
        (13, 10),
        torch.float32,
    ),
    "sparse": (pi.sparse(0.6, layout="torch"), (12, 7), torch.float32),
    "dirac": (pi.dirac(layout="torch"), (6, 5, 3), torch.float32),
    "one row": (pi.normal(), (1, 6), torch.float32),
    "no rows": (pi.normal(), (0, 6), torch.float32),
}


def meshes() -> dict[str, DeviceMesh]:
    """Return the meshes that this number of ranks can be, by name."""
    n = dist.get_world_size()
    shapes = {1: [(1,)], 2: [(2,), (1, 2), (2, 1)], 4: [(4,), (2, 2)]}[n]
    return {
        "x".join(map(str, shape)): init_device_mesh("cpu", shape, mesh_dim_names=("dp", "tp")[: len(shape)])
        for shape in shapes
    }


def placements(mesh: DeviceMesh) -> list[tuple[Any, ...]]:
    """Return ways to place a matrix on a mesh."""
    plain: list[tuple[Any, ...]]
    if mesh.ndim == 1:
        strided: tuple[Any, ...] = (_StridedShard(0, split_factor=3),)
        plain = [(Shard(0),), (Shard(1),), (Replicate(),)]
    else:
        strided = (_StridedShard(0, split_factor=mesh.shape[1]), Shard(0))
        plain = [(Shard(0), Shard(0)), (Shard(1), Shard(0)), (Replicate(), Shard(1)), (Shard(0), Replicate())]
    return [*plain, strided] if KNOWS_STRIDED else plain


class Ears(TorchDispatchMode):
    """Counts collectives, as CommDebugMode does, whose import takes a second of each rank."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(issubclass(kind, DTensor) for kind in types):
            # what it becomes comes here again
            return NotImplemented
        self.heard += func.namespace in ("c10d", "_c10d_functional", "c10d_functional", "_dtensor")
        return func(*args, **(kwargs or {}))


@contextmanager
def without_collectives() -> Iterator[None]:
    """Insist that the ranks do not talk."""
    with Ears() as ears:
        yield
    assert ears.heard == 0


TOKENS = torch.arange(12).view(3, 4) % 11


class Net(nn.Module):
    """Layers that are initialized in different ways, tied weights, padding, views and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8, padding_idx=3)
        self.up = nn.Linear(8, 13)
        self.norm = nn.LayerNorm(13)
        self.mixed = Mixed(13)
        self.down = nn.Linear(13, 8)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return a score for each token that could follow."""
        hidden = self.norm(self.up(self.embedding(tokens)))
        return self.head(self.down(self.mixed(hidden).relu()))


class Mixed(nn.Module):
    """A square weight that is drawn part by part."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(3, n, n))
        self.register_buffer("scale", torch.empty(n))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parts."""
        nn.init.orthogonal_(self.weight[0])
        nn.init.trunc_normal_(self.weight[1], std=0.02)
        with torch.no_grad():
            self.weight[1].mul_(0.5)
            self.weight[2, 5:].normal_()
            self.weight[2, :5].zero_()
        nn.init.ones_(self.scale)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Multiply with the sum of the parts."""
        return hidden @ self.weight.sum(0) * self.scale


def on_meta() -> Net:
    """Return a network without memory."""
    with torch.device("meta"):
        return Net()


def sharded(mesh: DeviceMesh) -> Iterator[tuple[str, Net, bool]]:
    """Yield networks on meta that are distributed in different ways, and whether they can run as they are."""
    if mesh.ndim == 1:
        net = on_meta()
        for part in (net.up, net.mixed, net.down):
            fully_shard(part, mesh=mesh)
        yield "fsdp", fully_shard(net, mesh=mesh), True
        yield "fsdp of last axes", fully_shard(on_meta(), mesh=mesh, shard_placement_fn=last_axis), True
        yield "tensor parallel", tied(tensor_parallel(on_meta(), mesh)), False
        yield "columns", tied(distribute_module(on_meta(), mesh, columns)), False
        yield "replicated", tied(distribute_module(on_meta(), mesh)), False
    else:
        net = tied(tensor_parallel(on_meta(), mesh["tp"]))
        yield "fsdp and tensor parallel", fully_shard(net, mesh=mesh["dp"]), False
        yield "hybrid", fully_shard(on_meta(), mesh=mesh), True


def last_axis(parameter: nn.Parameter) -> Shard:
    """Cut the last axis where FSDP can, which asks for equal parts."""
    return Shard(parameter.dim() - 1 if parameter.shape[-1] % 4 == 0 else 0)


def tensor_parallel(net: Net, mesh: DeviceMesh) -> Net:
    """Cut the matrices as Megatron does."""
    plan = {"up": ColwiseParallel(), "down": RowwiseParallel(), "embedding": RowwiseParallel()}
    return parallelize_module(net, mesh, plan)


def tied(net: Net) -> Net:
    """Tie the weights again that distributing has made two of."""
    net.head.weight = net.embedding.weight
    return net


def columns(name: str, module: nn.Module, mesh: DeviceMesh) -> None:
    """Cut every parameter of two dimensions or more along the second."""
    for key, parameter in list(module.named_parameters(recurse=False)):
        if parameter.dim() > 1:
            whole = distribute_tensor(parameter, mesh, [Shard(1)])
            setattr(module, key, nn.Parameter(whole))


def materialized() -> dict[tuple[str, str, str], torch.Tensor]:
    """Materialize a network in every distribution, and put its tensors together."""
    whole = {}
    for mesh_name, mesh in meshes().items():
        for how, net, runs in sharded(mesh):
            with without_collectives():
                materialize(net, key=5)
            for name, tensor in net.state_dict().items():
                together = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
                whole[how, mesh_name, name] = together
            if runs:
                whole[how, mesh_name, "output"] = net(TOKENS).detach().clone()
    return whole


def filled() -> dict[tuple[str, str, str], torch.Tensor]:
    """Fill tensors of every placement on every mesh and put them together."""
    whole = {}
    for mesh_name, mesh in meshes().items():
        for name, (recipe, shape, dtype) in RECIPES.items():
            for placed in placements(mesh):
                tensor = empty_distributed(*shape, dtype=dtype, device_mesh=mesh, placements=placed)
                with without_collectives():
                    fill(tensor, recipe, key=7)
                whole[name, mesh_name, str(placed)] = tensor.full_tensor()
    return whole


def heard() -> int:
    """Return the number of collectives that `without_collectives` would have heard of full_tensor()."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    tensor = empty_distributed(4, device_mesh=mesh, placements=[Shard(0)])
    with Ears() as ears:
        tensor.full_tensor()
    return ears.heard


def main() -> None:
    """Run every case and save what this rank then sees."""
    dist.init_process_group("gloo")
    saved = {"filled": filled(), "materialized": materialized(), "heard": heard()}
    torch.save(saved, f"{sys.argv[1]}{dist.get_rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
