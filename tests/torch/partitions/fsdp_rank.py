"""What each rank of test_fsdp runs: fill what the first FSDP has flattened, and save it whole.

python -m torch.distributed.run --nproc-per-node N fsdp_rank.py STEM
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.nn import init as torch_init

import pyinit as pi
from pyinit.torch import accelerate, fill, init, materialize

Whole = dict[str, torch.Tensor]


class Block(nn.Module):
    """Has tensors of several numbers of dimensions, which no rank holds whole, and a bias that is tied."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(5, 13)
        self.down = nn.Linear(13, 5)
        self.down.extra = nn.Parameter(torch.zeros(3))
        self.other = nn.Module()
        self.other.tied = self.down.extra

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's output."""
        return x + self.down(torch.relu(self.up(x))) + self.other.tied.sum()

    def reset_parameters(self) -> None:
        """Initialize what no layer does."""
        torch_init.ones_(self.down.extra)


class Net(nn.Module):
    """Blocks, a convolution in an order of memory of its own, and a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())
        self.convolution = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        self.norm = nn.LayerNorm(5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the network's output; the convolution is not needed for it."""
        return self.norm(self.blocks(x)) + self.convolution.weight.sum()


def wrapped(net: nn.Module, *, use_orig_params: bool, **options: object) -> FullyShardedDataParallel:
    """Wrap every block, and then the network."""
    return FullyShardedDataParallel(
        net,
        auto_wrap_policy=ModuleWrapPolicy({Block}),
        use_orig_params=use_orig_params,
        device_id=torch.device("cpu"),
        sync_module_states=False,
        **options,  # type: ignore[arg-type]
    )


def together(net: FullyShardedDataParallel) -> Whole:
    """Return all parameters, whole, by their names in the state dict."""
    with FullyShardedDataParallel.summon_full_params(net, writeback=False):
        return {
            name.replace("_fsdp_wrapped_module.", ""): parameter.detach().clone()
            for name, parameter in net.named_parameters()
        }


def materialized(*, use_orig_params: bool) -> Whole:
    """Build on the meta device, and let FSDP materialize every module by its name."""
    with torch.device("meta"):
        net = Net()
    names = {module: name for name, module in net.named_modules()}

    def param_init(module: nn.Module) -> None:
        with warnings.catch_warnings():
            # FSDP also names modules below one that is made already
            warnings.filterwarnings("ignore", "materialize needs a module on the meta device; all tensors")
            materialize(module, key=5, prefix=names[module])

    return together(wrapped(net, use_orig_params=use_orig_params, param_init_fn=param_init))


def by(write: Callable[[str, nn.Parameter], object], **options: object) -> Whole:
    """Write to every parameter while this rank holds a part of it."""
    net = wrapped(Net(), use_orig_params=True, **options)
    for name, parameter in net.named_parameters():
        write(name.replace("_fsdp_wrapped_module.", ""), parameter)
    return together(net)


def alone(write: Callable[[str, nn.Parameter], object]) -> Whole:
    """Write to every parameter of a module that is on one rank."""
    net = Net()
    for name, parameter in net.named_parameters():
        write(name, parameter)
    return {name: parameter.detach() for name, parameter in net.named_parameters()}


def filling(name: str, parameter: nn.Parameter) -> None:
    """Fill by recipes that count fans, and by orthogonal ones."""
    recipe = pi.he_normal(layout="torch") if "up" in name or "conv" in name else pi.orthogonal(layout="torch")
    is_vector = "bias" in name or "norm" in name or "extra" in name
    fill(parameter, pi.normal() if is_vector else recipe, key=pi.key(3).fold_in(name))


def drawing(module: object, name: str, parameter: nn.Parameter) -> None:
    """Call torch.nn.init, or the functions of pyinit.torch.init that have its names."""
    if "bias" in name or "norm" in name or "extra" in name:
        module.constant_(parameter, 3.0) if "extra" in name else module.uniform_(parameter)  # type: ignore[attr-defined]
    elif "up" in name:
        module.kaiming_normal_(parameter)  # type: ignore[attr-defined]
    else:
        module.xavier_uniform_(parameter)  # type: ignore[attr-defined]


def initialized(run: Callable[[Callable[[str, nn.Parameter], object]], Whole]) -> Whole:
    """Draw by pyinit.torch.init, under torch's generator."""
    torch.manual_seed(7)
    return run(partial(drawing, init))


def accelerated(run: Callable[[Callable[[str, nn.Parameter], object]], Whole]) -> Whole:
    """Draw by torch.nn.init in a block."""
    with accelerate(key=7):
        return run(partial(drawing, torch_init))


def summoned(*, use_orig_params: bool) -> Whole:
    """Fill whole parameters, of which each rank keeps its part."""
    net = wrapped(Net(), use_orig_params=use_orig_params)
    with FullyShardedDataParallel.summon_full_params(net):
        for name, parameter in net.named_parameters():
            filling(name.replace("_fsdp_wrapped_module.", ""), parameter)
    return together(net)


def refused() -> dict[str, str]:
    """Return what is said about tensors that cannot be filled alone."""
    said = {}
    flat = wrapped(Net(), use_orig_params=False)
    net = wrapped(Net(), use_orig_params=True)
    recipe = pi.normal()
    parameters = dict(net.named_parameters())
    cases: dict[str, Callable[[], object]] = {
        "a flat parameter": lambda: fill(next(flat.parameters()), recipe, key=3),
        "a flat parameter in a block": lambda: within(lambda: next(flat.parameters()).data.normal_()),
        "a stale view": lambda: fill(flat.module.norm.weight, recipe, key=3),
        "a flat module": lambda: materialize(flat, key=3),
        "a module": lambda: materialize(net, key=3),
        "a generator": lambda: within(
            lambda: torch_init.normal_(
                parameters["_fsdp_wrapped_module.convolution.weight"], generator=torch.Generator()
            )
        ),
    }
    for name, case in cases.items():
        said[name] = error_of(case)
    return said


def error_of(case: Callable[[], object]) -> str:
    """Return what pyinit says about a call."""
    try:
        case()
    except pi.PyinitError as error:
        return str(error)
    return ""


def within(write: Callable[[], object]) -> None:
    """Run in an accelerate block."""
    with accelerate(key=3):
        write()


def main() -> None:
    """Run every case, and save what this rank then sees."""
    dist.init_process_group("gloo")
    with torch.device("meta"):
        whole = materialize(Net(), key=5)
    expected = {
        "materialized": {name: tensor.detach() for name, tensor in whole.named_parameters()},
        "filled": alone(filling),
        "initialized": initialized(alone),
        "accelerated": accelerated(alone),
    }
    got = {
        ("materialized", "flat"): materialized(use_orig_params=False),
        ("materialized", "original"): materialized(use_orig_params=True),
        ("filled", "original"): by(filling),
        ("filled", "not cut"): by(filling, sharding_strategy=ShardingStrategy.NO_SHARD),
        ("filled", "summoned, flat"): summoned(use_orig_params=False),
        ("filled", "summoned, original"): summoned(use_orig_params=True),
        ("initialized", "original"): initialized(by),
        ("accelerated", "original"): accelerated(by),
    }
    saved = {"expected": expected, "got": got, "refused": refused()}
    torch.save(saved, f"{sys.argv[1]}{dist.get_rank()}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
