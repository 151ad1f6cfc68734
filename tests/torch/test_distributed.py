"""Distributed tensors are filled by each rank alone, with the same bits on 1, 2 and 4 ranks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402
from torch.distributed.device_mesh import DeviceMesh  # noqa: E402
from torch.distributed.tensor import (  # noqa: E402
    DTensor,
    Partial,
    Replicate,
    Shard,
)
from torch.distributed.tensor import empty as empty_distributed  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402
from pyinit.stream.safetensors import read_header  # noqa: E402
from pyinit.torch.materialization.materialization import materialize  # noqa: E402

from ..older import older  # noqa: E402
from .sharding_cache import forget_meshes  # noqa: E402

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
    on_a_line, on_a_grid = (4, 5) if program().KNOWS_STRIDED else (3, 4)
    meshes = {1: on_a_line, 2: on_a_line + 2 * on_a_grid, 4: on_a_line + on_a_grid}
    placements = meshes[len(ranks)]
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


def test_ranks_are_heard_when_they_talk(ranks: list[dict[str, Any]]) -> None:
    """The check for collectives sees those of full_tensor(), so that it could see one in a fill."""
    # a rank of torch 2.9 that is alone calls collectives, too
    alone_talks = older("torch", 2, 13)
    assert all((saved["heard"] > 0) == (len(ranks) > 1 or alone_talks) for saved in ranks)


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


def test_strides_do_not_matter() -> None:
    plain = pit.fill(torch.empty(6, 5).t(), pi.normal(), key=2)
    with one_of(3, rank=1) as mesh:
        tensor = empty_distributed(6, 5, device_mesh=mesh, placements=[Shard(0)]).t()
        pit.fill(tensor, pi.normal(), key=2)
        assert tensor.placements == (Shard(1),)
        assert torch.equal(tensor.to_local(), plain[:, 2:4])
