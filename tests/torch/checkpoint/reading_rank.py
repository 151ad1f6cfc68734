"""What each rank of test_layout_readers runs: read checkpoints onto meshes, and compare what it holds.

python -m torch.distributed.run --nproc-per-node N reading_rank.py FOLDER; FOLDER holds the whole tensors,
expected.pt, and the checkpoints. The first rank writes what it finds into found-N.json there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor import zeros as zeros_distributed


def placed() -> dict[str, Any]:
    """Return meshes of this number of ranks, with placements that no file was written in."""
    n = dist.get_world_size()
    line = init_device_mesh("cpu", (n,))
    ways: dict[str, Any] = {"rows": (line, (Shard(0),)), "columns": (line, (Shard(1),))}
    if n == 4:
        square = init_device_mesh("cpu", (2, 2))
        ways |= {
            "both": (square, (Shard(1), Shard(0))),
            "one": (square, (Replicate(), Shard(1))),
        }
    return ways


def differing(directory: Path, expected: dict[str, torch.Tensor]) -> list[str]:
    """Read a checkpoint in every way, and return which whole tensors are other ones."""
    found = []
    for way, (mesh, placements) in placed().items():
        state: dict[str, Any] = {}
        for name, tensor in expected.items():
            # a vector has no columns
            axes = [p if p == Replicate() or p.dim < tensor.dim() else Replicate() for p in placements]
            state[name] = zeros_distributed(
                tensor.shape, dtype=tensor.dtype, device_mesh=mesh, placements=axes
            )
        dcp.load(state, storage_reader=HuggingFaceStorageReader(directory, thread_count=2))
        for name, tensor in expected.items():
            full = state[name].full_tensor()
            if full.dtype != tensor.dtype or not torch.equal(full, tensor):
                found.append(f"{name} by {way}")
    return found


def main() -> None:
    """Read every checkpoint."""
    dist.init_process_group("gloo")
    folder = Path(sys.argv[1])
    expected = torch.load(folder / "expected.pt")
    found = {each.name: differing(each, expected) for each in sorted(folder.iterdir()) if each.is_dir()}
    if dist.get_rank() == 0:
        (folder / f"found-{dist.get_world_size()}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
