"""Modules of the meta device become real: by name, in place and completely."""

from __future__ import annotations

import copy
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

pytestmark = [
    pytest.mark.interop,
    # heads that are tied to embeddings, which begin in another way
    pytest.mark.filterwarnings("ignore:.* is one tensor with"),
]

torch = pytest.importorskip("torch")
materialize = pytest.importorskip("pyinit.torch.materialization.materialization").materialize
nn = torch.nn


def on_meta(build: Callable[[], Any]) -> Any:
    """Build a module under torch's meta device."""
    with torch.device("meta"):
        return build()


def net(depth: int = 1, dtype: Any = None) -> Any:
    """A few layers, tied, with a padding row, norms and running statistics."""

    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(50, 16, padding_idx=3, dtype=dtype)
            self.layers = nn.ModuleList(nn.Linear(16, 16, dtype=dtype) for _ in range(depth))
            self.attention = nn.MultiheadAttention(16, 2, dtype=dtype)
            self.norm = nn.BatchNorm1d(16, dtype=dtype)
            self.head = nn.Linear(16, 50, bias=False, dtype=dtype)
            self.head.weight = self.embed.weight

    return Net()


def tensors(module: Any) -> dict[str, Any]:
    """Every parameter and buffer, tied ones once."""
    return dict([*module.named_parameters(), *module.named_buffers()])


def same(left: Any, right: Any) -> bool:
    """Whether two tensors hold the same bits."""
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    kind = bits[left.itemsize]
    return left.dtype == right.dtype and torch.equal(left.detach().view(kind), right.detach().view(kind))


def by_hand(recipe: pi.Recipe, like: Any, key: pi.Key) -> Any:
    """What a recipe makes in a tensor of the same shape and dtype."""
    return pi.fill(torch.empty_like(like, requires_grad=False), recipe, key=key)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_every_tensor_is_what_filling_it_by_hand_under_its_name_makes(dtype: str) -> None:
    made = materialize(on_meta(lambda: net(dtype=getattr(torch, dtype))), key=11)
    bound = 1 / math.sqrt(16)
    xavier = math.sqrt(3.0) * math.sqrt(2.0 / float(16 + 48))
    kaiming = math.sqrt(3.0) * (math.sqrt(2.0 / (1 + math.sqrt(5) ** 2)) / math.sqrt(16))
    recipes = {
        "embed.weight": pi.normal(),
        "layers.0.weight": pi.uniform(-kaiming, kaiming),
        "layers.0.bias": pi.uniform(-bound, bound),
        "attention.in_proj_weight": pi.uniform(-xavier, xavier),
        "attention.in_proj_bias": pi.zeros(),
        "attention.out_proj.weight": pi.uniform(-kaiming, kaiming),
        "attention.out_proj.bias": pi.zeros(),
        "norm.weight": pi.ones(),
        "norm.bias": pi.zeros(),
        "norm.running_mean": pi.zeros(),
        "norm.running_var": pi.ones(),
    }
    found = tensors(made)
    assert found.pop("norm.num_batches_tracked").item() == 0
    assert found.keys() == recipes.keys()
    for name, tensor in found.items():
        expected = by_hand(recipes[name], tensor, pi.key(11).fold_in(name))
        if name == "embed.weight":
            expected[3] = 0
        assert tensor.dtype == getattr(torch, dtype)
        assert same(tensor.detach(), expected), name


def test_bits_do_not_depend_on_threads_or_on_the_time_and_do_on_the_seed() -> None:
    def build() -> Any:
        return nn.Sequential(nn.Linear(1100, 1100), *(nn.Linear(300, 200) for _ in range(20)))

    first = tensors(materialize(on_meta(build), key=0))
    for threads in (1, 2, 7, None):
        again = tensors(materialize(on_meta(build), key=pi.key(0), threads=threads))
        assert all(same(first[name], again[name]) for name in first)
    other = tensors(materialize(on_meta(build), key=1))
    assert not any(same(first[name], other[name]) for name in first)


def test_adding_a_layer_changes_no_other() -> None:
    small, large = (tensors(materialize(on_meta(lambda d=d: net(d)), key=0)) for d in (1, 3))
    assert len(large) == len(small) + 4
    assert all(same(small[name], large[name]) for name in small)


def test_a_real_module_stays_as_it_is() -> None:
    module = materialize(on_meta(net), key=0)
    before = copy.deepcopy(tensors(module))
    with pytest.warns(UserWarning, match=r"all tensors of Net are real, and stay as they are"):
        assert materialize(module, key=1) is module
    assert all(same(before[name], tensor) for name, tensor in tensors(module).items())


def test_a_module_without_parameters_needs_nothing() -> None:
    assert isinstance(materialize(nn.ReLU(), "he_normal", key=0), nn.ReLU)
    assert len(materialize(nn.Sequential(), key=0)) == 0


def test_a_tied_tensor_begins_as_its_first_owner_says() -> None:
    class Last(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.empty(16, 16))

    silent, linear = on_meta(Last), on_meta(lambda: nn.Linear(16, 16))
    linear.weight = silent.weight
    module = materialize(nn.Sequential(silent, linear), key=0)
    assert module[1].weight is module[0].weight
    expected = by_hand(pi.uniform(-0.25, 0.25), silent.weight, pi.key(0).fold_in("0.weight"))
    assert torch.equal(silent.weight, expected)


def test_a_draw_that_two_tensors_copy_is_the_same_in_both() -> None:
    class Copies(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key = (nn.Parameter(torch.empty(4, 4)) for _ in range(2))

        def reset_parameters(self) -> None:
            both = torch.randn(4, 4)
            self.query.data.copy_(both)
            self.key.data.copy_(both * 2)

    module = materialize(on_meta(Copies), key=0)
    assert torch.equal(module.query, by_hand(pi.normal(), module.query, pi.key(0).fold_in("query")))
    assert torch.equal(module.key, module.query * 2)


def test_real_parts_of_a_module_stay_and_the_rest_is_made() -> None:
    with torch.device("meta"):
        module = net(2)
    real = nn.Linear(16, 16)
    kept = real.weight.detach().clone()
    module.layers[0] = real
    materialize(module, key=0)
    assert module.layers[0].weight is real.weight
    assert torch.equal(real.weight, kept)
    assert same(module.layers[1].weight, materialize(on_meta(lambda: net(2)), key=0).layers[1].weight)


def test_objects_ties_flags_attributes_and_hooks_stay() -> None:
    class Special(nn.Parameter):  # type: ignore[misc, name-defined]
        pass

    module = on_meta(net)
    module.layers[0].weight = Special(module.layers[0].weight, requires_grad=False)
    module.layers[0].bias.note = "decay"
    module.layers[0].bias.register_hook(lambda gradient: gradient * 0 + 5)
    before = dict(module.named_parameters())
    optimizer = torch.optim.SGD(module.parameters(), lr=1.0)
    materialize(module, key=0)
    after = dict(module.named_parameters())
    assert all(after[name] is before[name] for name in after)
    assert module.head.weight is module.embed.weight
    assert type(module.layers[0].weight) is Special
    assert not module.layers[0].weight.requires_grad
    assert module.layers[0].bias.note == "decay"
    start = module.layers[0].bias.detach().clone()
    module.layers[0](torch.ones(2, 16)).sum().backward()
    optimizer.step()
    assert torch.equal(module.layers[0].bias.detach(), start - 5)


def test_a_weak_reference_to_a_parameter_costs_its_identity_only() -> None:
    import weakref

    module = on_meta(net)
    held = weakref.ref(module.embed.weight)
    materialize(module, key=0)
    assert held is not None
    assert module.head.weight is module.embed.weight
    assert same(module.embed.weight.detach(), materialize(on_meta(net), key=0).embed.weight.detach())


def test_tensors_that_share_memory_share_it_again() -> None:
    class Views(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            both = torch.empty(6, 4)
            self.top, self.bottom = nn.Parameter(both[:2]), nn.Parameter(both[2:])
            self.register_buffer("turned", both.T, persistent=False)
            self.rows = [both[0]]

        def reset_parameters(self) -> None:
            nn.init.normal_(self.bottom)
            nn.init.uniform_(self.top)

    module = materialize(on_meta(Views), key=3)
    key = pi.key(3).fold_in("top")
    assert torch.equal(module.bottom, by_hand(pi.normal(), module.bottom, key))
    assert torch.equal(module.top, by_hand(pi.uniform(), module.top, key.fold_in(1)))
    assert torch.equal(module.turned.T, torch.cat([module.top, module.bottom]))
    with torch.no_grad():
        module.top[0] = 7
    assert bool((module.turned[:, 0] == 7).all())
    assert bool((module.rows[0] == 7).all())


def test_recurrent_layers_run_and_storages_are_their_own() -> None:
    module = materialize(on_meta(lambda: nn.LSTM(8, 16, num_layers=2, bidirectional=True)), key=0)
    out, _ = module(torch.ones(3, 2, 8))
    assert out.isfinite().all()
    assert all(p.untyped_storage().nbytes() == p.numel() * 4 for p in module.parameters())


def test_memory_formats_stay() -> None:
    module = on_meta(lambda: nn.Conv2d(8, 4, 3)).to(memory_format=torch.channels_last)
    strides = module.weight.stride()
    materialize(module, key=0)
    assert module.weight.stride() == strides
    assert torch.equal(module.weight, materialize(on_meta(lambda: nn.Conv2d(8, 4, 3)), key=0).weight)


class Styled(nn.Module):  # type: ignore[misc, name-defined]
    """Begins as many do: a method for every module below, and its own."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, width))
        self.first, self.last = nn.Linear(width, width), nn.Linear(width, 2)
        table = torch.outer(torch.arange(4.0), torch.arange(float(width))).sin()
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("steps", torch.arange(4))

    def _init_weights(self, module: Any) -> None:
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def init_weights(self, scale: float = 0.5) -> None:
        self.token.data = torch.randn(self.token.shape) * scale
        self.last.weight.data.normal_(0, 0.1).mul_(scale)
        width = self.token.shape[1]
        self.table.copy_(torch.outer(torch.arange(4.0), torch.arange(float(width))).sin())
        self.steps.copy_(torch.arange(4))


def test_a_modules_own_methods_are_run_as_constructors_do() -> None:
    module = materialize(on_meta(Styled), key=0)
    real = Styled()
    assert torch.equal(module.table, real.table)
    assert torch.equal(module.steps, real.steps)
    root = pi.key(0)
    truncated = pi.truncated_normal(std=0.02, unit="absolute")
    assert torch.equal(
        module.first.weight, by_hand(truncated, module.first.weight, root.fold_in("first.weight"))
    )
    assert bool((module.first.bias == 0).all())
    # _init_weights runs last, and its complete draw makes what init_weights drew pointless
    assert torch.equal(
        module.last.weight, by_hand(truncated, module.last.weight, root.fold_in("last.weight"))
    )
    token = by_hand(pi.normal(), module.token, root.fold_in("token")) * 0.5
    assert torch.equal(module.token, token)


def test_weight_norm_makes_the_weight_that_was_drawn() -> None:
    build = nn.utils.parametrizations.weight_norm
    module = materialize(on_meta(lambda: build(nn.Linear(8, 4))), key=0)
    direction = module.parametrizations.weight.original1
    assert torch.allclose(module.weight, direction, atol=1e-6)
    assert 0 < direction.abs().max() < 1 / math.sqrt(8)
    assert torch.allclose(module.parametrizations.weight.original0[:, 0], direction.norm(dim=1))


@pytest.mark.parametrize("recipe", ["he_normal", pi.he_normal(), pi.normal(std=0.02)])
def test_one_recipe_is_for_the_kernels_that_are_drawn(recipe: Any) -> None:
    module = materialize(on_meta(net), recipe, key=0)
    own = materialize(on_meta(net), key=0)
    kernels = {"layers.0.weight", "attention.in_proj_weight", "attention.out_proj.weight", "embed.weight"}
    drawn = pi.he_normal(layout="torch") if "normal(std" not in repr(recipe) else recipe
    for name, parameter in module.named_parameters():
        if name in kernels:
            expected = by_hand(drawn, parameter, pi.key(0).fold_in(name))
            if name == "embed.weight":
                expected[3] = 0
        elif "bias" in name:
            expected = torch.zeros_like(parameter)
        else:
            expected = own.get_parameter(name).detach()
        assert same(parameter, expected), name
    assert module.head.weight is module.embed.weight
    assert bool((module.norm.running_var == 1).all())


def test_rules_come_first_and_the_modules_own_beginning_after_them() -> None:
    rules = {"layers.*.weight": pi.he_normal(), "*.bias": pi.constant(0.5)}
    module = materialize(on_meta(net), rules, key=0)
    weight = module.layers[0].weight
    key = pi.key(0).fold_in("layers.0.weight")
    assert torch.equal(weight, by_hand(pi.he_normal(layout="torch"), weight, key))
    assert bool((module.attention.out_proj.bias == 0.5).all())
    own = materialize(on_meta(net), key=0)
    assert same(module.embed.weight.detach(), own.embed.weight.detach())
    assert same(module.attention.in_proj_weight.detach(), own.attention.in_proj_weight.detach())


def test_groups_and_zero_rows_of_rules_count() -> None:
    module = on_meta(lambda: nn.Conv1d(8, 16, 3, groups=4))
    rule = pi.recipes.rules.Rule("weight", pi.lecun_normal(), zero_rows=(2,))
    materialize(module, [rule], key=0)
    expected = by_hand(pi.lecun_normal(layout="torch", groups=4), module.weight, pi.key(0).fold_in("weight"))
    expected[2] = 0
    assert torch.equal(module.weight, expected)


PEAK = """
import torch
from pyinit.torch import materialize
def peak():
    # getrusage would tell the parent's, which this process began as
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))
def build(width):
    with torch.device("meta"):
        layers = [torch.nn.Linear(width, width, dtype=torch.bfloat16) for _ in range(8)]
        return torch.nn.Sequential(torch.nn.Embedding(4 * width, width, dtype=torch.bfloat16), *layers)
materialize(build(512), key=0)
before = peak()
module = materialize(build(3328), key=0)
print(sum(parameter.nbytes for parameter in module.parameters()), peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_memory_grows_by_the_model_and_hardly_more() -> None:
    run = subprocess.run([sys.executable, "-c", PEAK], check=True, capture_output=True, text=True)
    size, growth = map(int, run.stdout.split())
    assert size > 250 << 20
    # the contract allows 256 MiB more; a temporary of the embedding alone would take 84
    assert 0.9 * size < growth < size + (64 << 20)
