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
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor import empty as empty_distributed
from torch.distributed.tensor.debug import CommDebugMode
from torch.distributed.tensor.placement_types import _StridedShard

import pyinit as pi
from pyinit.torch import fill

RECIPES: dict[str, tuple[pi.Recipe, tuple[int, ...], torch.dtype]] = {
    "normal": (pi.normal(std=0.02), (7, 9), torch.float32),
    "normal in bfloat16": (pi.normal(), (9, 8, 3), torch.bfloat16),
    "uniform in float64": (pi.uniform(-1.0, 1.0), (6, 5), torch.float64),
    "truncated normal in float16": (pi.truncated_normal(), (3, 11), torch.float16),
    "he_normal": (pi.he_normal(layout="torch"), (8, 3, 3, 3), torch.float32),
    "orthogonal": (pi.orthogonal(), (13, 10), torch.float32),
    "delta_orthogonal": (pi.delta_orthogonal(layout="torch"), (8, 5, 3), torch.float32),
    "sparse": (pi.sparse(0.6), (12, 7), torch.float32),
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
    if mesh.ndim == 1:
        return [(Shard(0),), (Shard(1),), (Replicate(),), (_StridedShard(0, split_factor=3),)]
    return [
        (Shard(0), Shard(0)),
        (Shard(1), Shard(0)),
        (Replicate(), Shard(1)),
        (Shard(0), Replicate()),
        (_StridedShard(0, split_factor=mesh.shape[1]), Shard(0)),
    ]


@contextmanager
def without_collectives() -> Iterator[None]:
    """Insist that the ranks do not talk."""
    with CommDebugMode() as ears:
        yield
    assert ears.get_total_counts() == 0, ears.get_comm_counts()


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
    with CommDebugMode() as ears:
        tensor.full_tensor()
    return ears.get_total_counts()


def main() -> None:
    """Run every case and save what this rank then sees."""
    dist.init_process_group("gloo")
    saved = {"filled": filled(), "heard": heard()}
    torch.save(saved, f"{sys.argv[1]}{dist.get_rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
