"""Parameters of DeepSpeed's ZeRO-3: each rank fills its piece, with the bits of the whole parameter.

Most tests run on parameters with the attributes that DeepSpeed 0.19 sets; the last one runs DeepSpeed itself
on two processes, where it is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from enum import Enum
from math import prod
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import init as torch_init  # noqa: E402

import pyinit as pi  # noqa: E402
import pyinit.torch as pit  # noqa: E402

pytestmark = pytest.mark.interop

PADDING = -9.0


class Status(Enum):
    """The names of DeepSpeed's states of a parameter and of a piece."""

    AVAILABLE = 1
    NOT_AVAILABLE = 2
    INFLIGHT = 3


def piece_of(total: int, ranks: int, dtype: torch.dtype) -> Any:
    """Return the memory of one rank's piece."""
    piece: Any = torch.full((-(-total // ranks),), PADDING, dtype=dtype)
    piece.ds_numel, piece.status = piece.numel(), Status.AVAILABLE
    return piece


def zero(
    shape: tuple[int, ...], rank: int, ranks: int, dtype: Any = torch.float32, *, gathered: bool = False
) -> Any:
    """Return a parameter as ``deepspeed.zero.Init`` leaves it."""
    parameter: Any = nn.Parameter(torch.zeros(shape if gathered else (0,), dtype=dtype))
    parameter.ds_id, parameter.ds_shape, parameter.ds_numel = 3, torch.Size(shape), prod(shape)
    parameter.ds_status = Status.AVAILABLE if gathered else Status.NOT_AVAILABLE
    parameter.ds_tensor = piece_of(prod(shape), ranks, dtype)
    parameter.ds_secondary_tensor = None
    parameter.ds_zero_partition_rank, parameter.ds_zero_partition_world_size = rank, ranks
    return parameter


def assert_pieces(pieces: list[Any], whole: Any) -> None:
    """Compare what ranks hold with the whole tensor; the padding is unchanged."""
    together = torch.cat([piece.detach() for piece in pieces])
    assert torch.equal(together[: whole.numel()], whole.detach().reshape(-1))
    assert (together[whole.numel() :] == PADDING).all()


RECIPES = {
    "normal": pi.normal(std=0.02),
    "he_normal": pi.he_normal(layout="torch"),
    "orthogonal": pi.orthogonal(layout="torch"),
    "constant": pi.constant(2.0),
}


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("shape", [(5, 7), (1, 6), (3, 4, 5), (2, 3, 2, 5)])
@pytest.mark.parametrize("name", RECIPES)
def test_ranks_fill_the_whole_parameter(name: str, shape: tuple[int, ...], ranks: int) -> None:
    whole = pit.fill(torch.empty(shape, dtype=torch.bfloat16), RECIPES[name], key=5)
    parts = [zero(shape, rank, ranks, torch.bfloat16) for rank in range(ranks)]
    for part in parts:
        assert pit.fill(part, RECIPES[name], key=5) is part
    assert_pieces([part.ds_tensor for part in parts], whole)


def test_a_window_places_the_whole_parameter() -> None:
    window = pi.Window((4, 0), (9, 7))
    whole = pit.fill(torch.empty(5, 7), pi.normal(), key=5, window=window)
    parts = [pit.fill(zero((5, 7), rank, 3), pi.normal(), key=5, window=window) for rank in range(3)]
    assert_pieces([part.ds_tensor for part in parts], whole)


def test_a_gathered_parameter_and_its_piece_are_both_filled() -> None:
    """Whether DeepSpeed keeps what is written to the former depends on ``modifier_rank``."""
    whole = pit.fill(torch.empty(5, 7), pi.normal(), key=5)
    parts = [pit.fill(zero((5, 7), rank, 3, gathered=True), pi.normal(), key=5) for rank in range(3)]
    assert_pieces([part.ds_tensor for part in parts], whole)
    for part in parts:
        assert torch.equal(part.detach(), whole)


def test_a_secondary_piece_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "get_rank", lambda group: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group: 2)
    whole = pit.fill(torch.empty(5, 7), pi.normal(), key=5).view(-1)
    part = zero((5, 7), 2, 4)
    part.ds_secondary_tensor, part.ds_zero_param_process_group = piece_of(35, 2, torch.float32), object()
    pit.fill(part, pi.normal(), key=5)
    assert torch.equal(part.ds_tensor, whole[18:27])
    assert torch.equal(part.ds_secondary_tensor[:17], whole[18:])


CALLS: dict[str, Callable[[Any, Any], object]] = {
    "normal_": lambda module, p: module.normal_(p, std=2.0),
    "uniform_": lambda module, p: module.uniform_(p),
    "trunc_normal_": lambda module, p: module.trunc_normal_(p, std=0.02),
    "kaiming_uniform_": lambda module, p: module.kaiming_uniform_(p, a=5**0.5),
    "kaiming_normal_": lambda module, p: module.kaiming_normal_(p, mode="fan_out"),
    "xavier_uniform_": lambda module, p: module.xavier_uniform_(p),
    "xavier_normal_": lambda module, p: module.xavier_normal_(p),
    "orthogonal_": lambda module, p: module.orthogonal_(p),
    "sparse_": lambda module, p: module.sparse_(p, 0.5),
    "constant_": lambda module, p: module.constant_(p, 3.0),
    "ones_": lambda module, p: module.ones_(p),
    "zeros_": lambda module, p: module.zeros_(p),
}


@pytest.mark.parametrize("gathered", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_torchs_initializers_see_the_whole_parameter(name: str, gathered: bool) -> None:
    def ours(parameter: Any) -> Any:
        torch.manual_seed(7)
        CALLS[name](pit.init, parameter)
        # every rank takes as much from its generator
        return parameter, torch.rand(1)

    whole, then = ours(nn.Parameter(torch.empty(4, 6)))
    parts = [ours(zero((4, 6), rank, 5, gathered=gathered)) for rank in range(5)]
    assert_pieces([part.ds_tensor for part, _ in parts], whole)
    assert all(torch.equal(each, then) for _, each in parts)


@pytest.mark.parametrize("name", ["eye_", "dirac_"])
def test_patterns_are_of_the_whole_parameter(name: str) -> None:
    shape = (4, 6) if name == "eye_" else (4, 6, 3)
    whole = getattr(pit.init, name)(torch.empty(shape))
    parts = [getattr(pit.init, name)(zero(shape, rank, 5)) for rank in range(5)]
    assert_pieces([part.ds_tensor for part in parts], whole)


IN_BLOCKS = {
    **CALLS,
    "a method of data": lambda module, p: p.data.normal_(0, 0.02),
    "an initializer of data": lambda module, p: module.kaiming_normal_(p.data),
    "a constant of data": lambda module, p: p.data.fill_(2.0),
    "a detached one": lambda module, p: p.detach().zero_(),
}


@pytest.mark.parametrize("name", IN_BLOCKS)
def test_a_block_draws_the_whole_parameter(name: str) -> None:
    whole = nn.Parameter(torch.empty(4, 6))
    with pit.accelerate(key=7) as block:
        IN_BLOCKS[name](torch_init, whole)
    parts = [zero((4, 6), rank, 5) for rank in range(5)]
    for part in parts:
        with pit.accelerate(key=7) as of_part:
            IN_BLOCKS[name](torch_init, part)
        assert of_part.fills == block.fills
    assert_pieces([part.ds_tensor for part in parts], whole)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda p: torch_init.normal_(p, generator=torch.Generator()), "left to torch needs a whole tensor"),
        (lambda p: p.data.exponential_(), "left to torch needs a whole tensor"),
        (torch_init.eye_, r"eye_ calls, needs a whole tensor; got this rank's part of one of \(4, 6\)"),
    ],
)
def test_a_block_refuses_what_torch_would_draw_alone(call: Callable[[Any], object], text: str) -> None:
    part = zero((4, 6), 1, 5)
    with pit.accelerate(key=7), pytest.raises(pi.LayoutError, match=text):
        call(part)
    assert (part.ds_tensor == PADDING).all()


REFUSING: dict[str, Callable[[Any], object]] = {
    "fill": lambda part: pit.fill(part, pi.normal(), key=5),
    "init": pit.init.kaiming_normal_,
    "accelerate": pit.accelerate(key=5)(torch_init.kaiming_normal_),
}


def quantized(part: Any) -> None:
    part.ds_tensor.ds_quant_scale = torch.ones(1)


def offloaded(part: Any) -> None:
    part.ds_tensor.status = Status.NOT_AVAILABLE


def optimized(part: Any) -> None:
    part._z3_optimizer = object()


def transferred(part: Any) -> None:
    part.ds_status = Status.INFLIGHT


def otherwise_cut(part: Any) -> None:
    part.ds_zero_partition_world_size = 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (quantized, "is quantized"),
        (offloaded, "is offloaded"),
        (optimized, "before deepspeed.initialize"),
        (transferred, "it is INFLIGHT"),
        (otherwise_cut, "pieces of 12 elements on 2 ranks; got 5"),
    ],
)
@pytest.mark.parametrize("door", REFUSING)
def test_a_piece_that_would_not_last_is_refused_by_name(
    door: str, change: Callable[[Any], None], text: str
) -> None:
    part = zero((4, 6), 1, 5)
    change(part)
    with pytest.raises(pi.LayoutError, match=f"parameter 3 of DeepSpeed's ZeRO-3.*{text}"):
        REFUSING[door](part)
    assert (part.ds_tensor == PADDING).all()


@pytest.mark.parametrize("recipe", [None, "he_normal"])
def test_materialize_refuses_a_module_of_pieces(recipe: str | None) -> None:
    layer = nn.Linear(6, 4)
    layer.weight = zero((4, 6), 1, 5)
    with pytest.raises(pi.RecipeError, match=r"'weight' of Linear is real, and a part .*pyinit\.torch\.fill"):
        pit.materialize(layer, recipe, key=5)
    assert (layer.weight.ds_tensor == PADDING).all()


def test_materialize_leaves_pieces_beside_what_it_makes() -> None:
    layer = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3, device="meta"))
    layer[0].weight = zero((4, 6), 1, 5)
    expected = pit.materialize(nn.Sequential(nn.Identity(), nn.Linear(4, 3, device="meta")), key=5)
    pit.materialize(layer, key=5)
    assert torch.equal(layer[1].weight, expected[1].weight)
    assert (layer[0].weight.ds_tensor == PADDING).all()


def test_a_parameter_before_it_is_cut_is_whole() -> None:
    part = zero((4, 6), 1, 5, gathered=True)
    part.ds_tensor = None
    pit.fill(part, pi.normal(), key=5)
    assert torch.equal(part.detach(), pit.fill(torch.empty(4, 6), pi.normal(), key=5))


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="needs DeepSpeed")
def test_deepspeed_itself_on_two_processes() -> None:
    program = Path(__file__).with_name("deepspeed_rank.py")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
