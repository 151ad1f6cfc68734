"""Layers and calls that only look like earlier ones are recorded in the general way, as torch makes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from pyinit.torch import deferred  # noqa: E402
from pyinit.torch.materialization import outright, resets  # noqa: E402
from pyinit.torch.materialization.beginnings import record  # noqa: E402

pytestmark = pytest.mark.interop

nn = torch.nn
init = torch.nn.init


def recorded(make: Callable[[], Any], is_deferred: bool = False) -> Any:
    """Return a module's recording as text, with torch's counts of writes; or the error."""
    try:
        with deferred() if is_deferred else torch.device("meta"):
            module = make()
        found = {name: repr((each.view, each.writes)) for name, each in record(module).items()}
    except Exception as error:
        return type(error), str(error)
    return found, [tensor._version for tensor in module.state_dict(keep_vars=True).values()]


def both_ways(make: Callable[[], Any], is_deferred: bool = False) -> tuple[Any, Any]:
    """Return two recordings of a module: as it is recorded, and without the short ways."""
    short = recorded(make, is_deferred)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resets.Resets, "run", lambda *given: False)
        patch.setattr(outright.Outright, "read", lambda *given: None)
        return short, recorded(make, is_deferred)


class Unclear:
    """A value that is neither true nor false, as an array is."""

    def __bool__(self) -> bool:
        raise ValueError("it is unclear")


class Unwritable:
    """A value without a text."""

    def __repr__(self) -> str:
        raise ValueError("it has no text")


def with_alias(layer: Any, number: int) -> None:
    layer.register_buffer("alias", torch.empty(4, 4) if number % 2 else layer.weight.detach())


def with_alias_drawn_again(layer: Any, number: int) -> None:
    layer.register_buffer("alias", layer.weight.detach())
    if number == 2:
        init.normal_(layer.weight)


def with_shared_count(layer: Any, number: int) -> None:
    alias = layer.weight.detach()
    alias.data = torch.empty(4, 4)
    layer.register_buffer("alias", alias)


CHANGES: dict[str, Callable[[Any, int], Any]] = {
    "unclear": lambda layer, number: setattr(layer, "tag", Unclear()),
    "no text": lambda layer, number: setattr(layer, "tag", (Unwritable(),)),
    "list in a tuple": lambda layer, number: setattr(layer, "tag", ([1],)),
    "real tensor": lambda layer, number: setattr(layer, "tag", torch.tensor([0.0, 1.0], device="cpu")),
    "alias": with_alias,
    "alias drawn again": with_alias_drawn_again,
    "shared count": with_shared_count,
    "drawn again": lambda layer, number: number == 2 and init.normal_(layer.weight),
    "transposed": lambda layer, number: setattr(layer, "weight", nn.Parameter(torch.empty(4, 4).t())),
    "hook": lambda layer, number: layer.register_forward_hook(lambda *given: None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_layers_that_somebody_changed(name: str) -> None:
    def made() -> Any:
        layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        for number, layer in enumerate(layers):
            CHANGES[name](layer, number)
        return layers

    short, general = both_ways(made)
    assert short == general
    assert name == "shared count" or "raised" not in str(short)


def test_zero_has_a_sign_and_one_has_a_type() -> None:
    slopes = (0.0, -0.0, 0, True, 1, 1.0, -1)
    short, general = both_ways(lambda: nn.ModuleList(nn.PReLU(init=slope) for slope in slopes))
    assert short == general
    assert "-0.0" in short[0]["1.weight"]


def test_a_kernel_in_another_order_of_memory() -> None:
    def made() -> Any:
        layers = nn.ModuleList(nn.Conv2d(3, 4, 2) for _ in range(3))
        layers[1].to(memory_format=torch.channels_last)
        return layers

    short, general = both_ways(made)
    assert short == general


def test_empty_layers_warn_each_time() -> None:
    with torch.device("meta"), pytest.warns(UserWarning, match="no-op"):
        layers = nn.ModuleList(nn.Linear(4, 0) for _ in range(3))
    with pytest.warns(UserWarning, match="no-op") as warned:
        record(layers)
    assert len(warned) == 3


def test_a_part_of_a_tensor_has_the_fan_of_the_whole() -> None:
    def made() -> Any:
        layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        # a tensor of Megatron's that is not cut
        layers[1].weight.tensor_model_parallel = False
        return layers

    kinds = []
    original = resets.Resets._kind
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resets.Resets, "_kind", lambda *given: kinds.append(original(*given)) or kinds[-1])
        short, general = both_ways(made)
    assert short == general
    assert [kind is None for kind in kinds] == [False, True]


def numbering(original: Any) -> Any:
    """Return somebody's function in the place of torch's: it writes another number each time."""
    numbers = iter(range(1, 1000))

    @functools.wraps(original)
    def write(first: Any, *more: Any, **keywords: Any) -> Any:
        is_module = isinstance(first, nn.Module)
        tensors = [*first._parameters.values(), *first._buffers.values()] if is_module else [first]
        for tensor in tensors:
            if tensor is not None:
                torch._C.TensorBase.fill_(tensor.detach(), float(next(numbers)))
        return first

    return write


class Drawing(nn.Module):
    """A module that draws by three functions of torch.nn.init."""

    def __init__(self) -> None:
        super().__init__()
        self.normal, self.uniform, self.constant = (nn.Parameter(torch.empty(3)) for _ in range(3))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.normal_(self.normal, std=0.1)
        init.uniform_(self.uniform, -1.0, 2.0)
        init.constant_(self.constant, 3.0)


def many() -> Any:
    layers = [make() for make in (lambda: nn.Linear(4, 4), lambda: nn.Embedding(5, 4)) for _ in range(3)]
    norms = [nn.BatchNorm1d(3) for _ in range(3)]
    for norm in norms:
        # it has no recipe, and such a layer is recorded in the general way
        norm.num_batches_tracked = None
    return nn.ModuleList([*layers, *norms, Drawing(), Drawing()])


REPLACED = (
    *((init, name) for name in ("kaiming_uniform_", "uniform_", "normal_", "constant_", "ones_", "zeros_")),
    *((init, name) for name in ("_no_grad_normal_", "_no_grad_uniform_", "_no_grad_fill_", "_no_grad_zero_")),
    *((torch.Tensor, name) for name in ("normal_", "uniform_", "fill_", "zero_")),
    (nn.Linear, "reset_parameters"),
    (nn.Embedding, "_fill_padding_idx_with_zero"),
    (nn.BatchNorm1d, "reset_running_stats"),
)


@pytest.mark.parametrize("is_deferred", [False, True])
@pytest.mark.parametrize(("holder", "name"), REPLACED, ids=[name for _, name in REPLACED])
def test_somebody_elses_functions_are_called_each_time(holder: Any, name: str, is_deferred: bool) -> None:
    original = getattr(holder, name)

    def once(way: Callable[[], Any]) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(holder, name, numbering(original))
            return way()

    with pytest.MonkeyPatch.context() as patch:
        short = once(lambda: recorded(many, is_deferred))
        patch.setattr(resets.Resets, "run", lambda *given: False)
        patch.setattr(outright.Outright, "read", lambda *given: None)
        assert short == once(lambda: recorded(many, is_deferred))
    assert isinstance(short[0], dict)


CALLS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "negative view": (torch.complex64, lambda w: (init.normal_(w), w.conj().imag.uniform_(0.0, 1.0))),
    "conjugate view": (torch.complex64, lambda w: w.conj().fill_(1.0)),
    "no generator": (torch.float32, lambda w: init.normal_(w, generator=3)),
    "large integer": (torch.float32, lambda w: w.fill_(10**30)),
    "largest integer": (torch.float32, lambda w: w.fill_(2**63 - 1)),
    "unknown name": (torch.float32, lambda w: w.normal_(bogus=1)),
    "one name twice": (torch.float32, lambda w: w.normal_(0.0, mean=1.0)),
    "mapped": (torch.float32, lambda w: torch.func.vmap(init.ones_)(w)),
    "expanded": (torch.float32, lambda w: (w.zero_(), w[:1].expand(4, 4).normal_())),
}


@pytest.mark.parametrize("is_deferred", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_calls_that_torch_refuses_or_makes_in_another_way(name: str, is_deferred: bool) -> None:
    dtype, call = CALLS[name]

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("w", torch.empty(4, 4, dtype=dtype))
            if is_deferred:
                self.reset_parameters()

        def reset_parameters(self) -> None:
            call(self.w)

    short, general = both_ways(Module, is_deferred)
    assert short == general


@pytest.mark.parametrize("kind", [nn.Linear, nn.BatchNorm1d])
def test_somebody_elses_reset_may_draw_each_layer_in_another_way(kind: Any) -> None:
    numbers = iter((1.0, 2.0, 3.0))

    @functools.wraps(nn.Linear.reset_parameters)
    def reset(layer: Any) -> None:
        init.constant_(layer.weight, next(numbers))
        init.zeros_(layer.bias)

    def reset_statistics(layer: Any) -> None:
        layer.running_mean.fill_(next(numbers))
        layer.running_var.fill_(1.0)

    with torch.device("meta"):
        layers = nn.Sequential(*(kind(4, 4) if kind is nn.Linear else kind(4) for _ in range(3)))
    name = "weight" if kind is nn.Linear else "running_mean"
    for layer in layers:
        layer.num_batches_tracked = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Linear, "reset_parameters", reset)
        patch.setattr(nn.BatchNorm1d, "reset_running_stats", reset_statistics)
        found = record(layers)
    values = [found[f"{number}.{name}"].writes[0].content.recipe.value for number in range(3)]
    assert values == [1.0, 2.0, 3.0]
