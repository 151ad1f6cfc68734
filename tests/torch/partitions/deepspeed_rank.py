"""What each rank of test_deepspeed runs with DeepSpeed: fill parameters of ZeRO-3, and compare them whole.

python -m torch.distributed.run --nproc-per-node N deepspeed_rank.py
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import deepspeed
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import init as torch_init

import pyinit as pi
from pyinit.torch import accelerate, deferred, fill, init, materialize

CONFIG = {
    "train_batch_size": 2,
    "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
    "zero_allow_untested_optimizer": True,
}


class Net(nn.Module):
    """Layers with parameters of several numbers of dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 7)
        self.norm = nn.LayerNorm(7)
        self.convolution = nn.Conv2d(3, 2, 3)
        self.apply(drawn)


def drawn(module: nn.Module) -> None:
    """Initialize a layer as models of transformers do."""
    if isinstance(module, nn.Linear):
        module.weight.data.normal_(0.0, 0.02)
        torch_init.zeros_(module.bias)


def cut(make: Callable[[], nn.Module]) -> nn.Module:
    """Build a module of which each rank keeps pieces."""
    with deepspeed.zero.Init(config_dict_or_path=CONFIG, dtype=torch.float32):
        return make()


def check(parts: nn.Module, whole: nn.Module) -> None:
    """Compare what the ranks hold together with a module on one rank."""
    expected = dict(whole.named_parameters())
    for name, parameter in parts.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter]):
            assert torch.equal(parameter, expected[name]), name


def filled(parameter: Any, name: str, seed: int) -> None:
    """Fill a parameter of either kind."""
    is_vector = len(getattr(parameter, "ds_shape", parameter.shape)) < 2
    recipe = pi.normal() if is_vector else pi.he_normal(layout="torch")
    fill(parameter, recipe, key=pi.key(seed).fold_in(name))


def initialized(module: nn.Module) -> None:
    """Draw every matrix by a function that counts fans."""
    torch.manual_seed(7)
    for parameter in module.parameters():
        is_vector = len(getattr(parameter, "ds_shape", parameter.shape)) < 2
        init.ones_(parameter) if is_vector else init.kaiming_uniform_(parameter)


def main() -> None:
    """Run every case."""
    # DeepSpeed would compile its own collectives
    deepspeed.ops.__compatible_ops__.clear()
    dist.init_process_group("gloo")
    with accelerate(key=3):
        whole = Net()
    with accelerate(key=3):
        parts = cut(Net)
    check(parts, whole)
    with accelerate(key=4):
        whole.apply(drawn)
    with accelerate(key=4):
        # outside of Init no parameter is gathered
        parts.apply(drawn)
    check(parts, whole)
    initialized(whole)
    initialized(parts)
    check(parts, whole)
    for seed, modifier in enumerate([-1, None, 0]):
        for name, parameter in whole.named_parameters():
            filled(parameter, name, seed)
        for name, parameter in parts.named_parameters():
            if modifier == -1:
                filled(parameter, name, seed)
                continue
            with deepspeed.zero.GatheredParameters([parameter], modifier_rank=modifier):
                if modifier is None or dist.get_rank() == modifier:
                    filled(parameter, name, seed)
        check(parts, whole)
    with deferred():
        made = Net()
    before = {name: p.detach().clone() for name, p in materialize(made, key=4).named_parameters()}
    deepspeed.zero.Init(module=made, config_dict_or_path=CONFIG, dtype=torch.float32)
    for name, parameter in made.named_parameters():
        with deepspeed.zero.GatheredParameters([parameter]):
            assert torch.equal(parameter, before[name]), name
    deepspeed.initialize(
        model=parts,
        model_parameters=parts.parameters(),
        config={**CONFIG, "train_batch_size": dist.get_world_size()},
        optimizer=torch.optim.SGD(parts.parameters(), lr=0.1),
    )
    try:
        fill(next(parts.parameters()), pi.normal(), key=3)
    except pi.LayoutError as error:
        said = str(error)
    else:
        said = ""
    assert "before deepspeed.initialize" in said
    # a rank that ends while another still talks to it is aborted
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
