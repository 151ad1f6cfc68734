"""What a recorded constructor does by functions that no operator shows; tensors that no registry lists."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
adapter = pytest.importorskip("pyinit.torch")
deferred, materialize = adapter.deferred, adapter.materialize
record = pytest.importorskip("pyinit.torch.materialization.beginnings").record
nn = torch.nn

NUMBERS = [[1.0, 2.0], [3.0, 4.5]]


class Written(nn.Module):  # type: ignore[misc, name-defined]
    """One parameter that a function writes."""

    def __init__(self, write: Callable[[Any], Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2, 2))
        self.weight.data.zero_()
        write(self)


def copied(numbers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda module: module.weight.data.copy_(numbers(module.weight))


def given(numbers: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda module: setattr(module.weight, "data", numbers(module.weight))


WRITES: dict[str, Callable[[Any], Any]] = {
    "tensor": copied(lambda p: torch.tensor(NUMBERS, device=p.device)),
    "tensor of a dtype": copied(lambda p: torch.tensor([[1, 2], [3, 4]], dtype=p.dtype, device=p.device)),
    "as_tensor": copied(lambda p: torch.as_tensor(NUMBERS, device=p.device)),
    "as_tensor of an array": copied(lambda p: torch.as_tensor(np.array(NUMBERS), device=p.device)),
    "asarray": copied(lambda p: torch.asarray(NUMBERS, device=p.device)),
    "new_tensor": copied(lambda p: p.new_tensor(NUMBERS)),
    "new_full": copied(lambda p: p.new_full((2, 2), 3.0)),
    "tensor, moved": copied(lambda p: torch.tensor(NUMBERS).to(p.device)),
    "FloatTensor": copied(lambda p: torch.FloatTensor(NUMBERS)),
    "arange": copied(lambda p: torch.arange(4.0, device=p.device).view(2, 2)),
    "linspace": copied(lambda p: torch.linspace(0, 1, 4, device=p.device).view(2, 2)),
    "scalar": copied(lambda p: torch.tensor(2.5, device=p.device)),
    "sum of a list": copied(lambda p: torch.tensor(NUMBERS, device=p.device) * 2 + 1),
    "data = arange": given(lambda p: torch.arange(4.0).view(2, 2)),
    "data = tensor": given(lambda p: torch.tensor(NUMBERS)),
    "data = from_numpy": given(lambda p: torch.from_numpy(np.array(NUMBERS, dtype=np.float32))),
    "data = zeros": given(lambda p: torch.zeros(2, 2)),
    "data = tensor of a device": given(lambda p: torch.tensor(NUMBERS, device=p.device)),
    "data = another size": given(lambda p: torch.arange(6.0)),
    "a new parameter": lambda m: setattr(m, "weight", nn.Parameter(m.weight.new_tensor(NUMBERS))),
}


@pytest.mark.parametrize("name", WRITES)
def test_known_numbers_are_those_of_eager_torch(name: str) -> None:
    eager = Written(WRITES[name])
    with deferred():
        module = Written(WRITES[name])
    materialize(module, key=0)
    assert module.weight.dtype is eager.weight.dtype
    assert torch.equal(module.weight, eager.weight)


def test_methods_on_the_meta_device_may_use_lists_too() -> None:
    class Reset(Written):
        def reset_parameters(self) -> None:
            self.weight.data.copy_(torch.tensor(NUMBERS, device=self.weight.device))

    with torch.device("meta"):
        module = Reset(lambda m: None)
    module.weight = nn.Parameter(torch.empty(2, 2, device="meta"))
    assert materialize(module, key=0).weight.tolist() == NUMBERS


def test_numbers_that_change_after_they_were_given_are_those_that_were_given() -> None:
    numbers = torch.arange(4.0).view(2, 2)
    with deferred():
        module = Written(given(lambda p: numbers))
    numbers.zero_()
    assert materialize(module, key=0).weight.tolist() == [[0, 1], [2, 3]]


def test_a_draw_without_a_recipe_does_not_advise_deferred() -> None:
    with deferred():
        module = Written(lambda m: m.weight.data.exponential_())
    with pytest.raises(pi.errors.RecipeError) as caught:
        materialize(module, key=0)
    assert "'weight': aten.exponential_.default of torch.float32 has no recipe" in str(caught.value)
    assert "Build it under" not in str(caught.value)


class Attributes(nn.Module):  # type: ignore[misc, name-defined]
    """Holds tensors that nothing lists."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(40, 30) * 0.5)
        self.start = self.weight.detach().clone()
        self.twice = 2 * self.weight.detach()
        self.noise = torch.randn(40, 30)
        self.listed = [torch.zeros(3), self.weight.detach()[0]]
        self.weight.data.mul_(3)


def test_plain_attributes_are_what_their_constructor_made() -> None:
    with deferred():
        module = Attributes()
    materialize(module, key=0)
    # in eager torch `start` is the weight as it was, and a detached row follows it
    assert torch.equal(module.start * 3, module.weight)
    assert torch.equal(module.twice, module.start * 2)
    assert abs(float(module.noise.std()) - 1) < 0.15
    assert (
        abs(float(torch.corrcoef(torch.stack([module.noise.flatten(), module.start.flatten()]))[0, 1])) < 0.2
    )
    assert module.listed[0].tolist() == [0, 0, 0]
    assert torch.equal(module.listed[1], module.weight[0])


def test_attributes_of_a_module_without_parameters_are_known() -> None:
    class Plain(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.noise = torch.randn(50, 50)

    with deferred():
        alone = Plain()
        inside = nn.Sequential(Plain())
    for module in (materialize(alone, key=0), materialize(inside, key=0)[0]):
        assert abs(float(module.noise.std()) - 1) < 0.1


def truncated(tensor: Any, mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0) -> None:
    """Draw a truncated normal as timm and others do: five operations."""
    below, above = ((1 + math.erf((bound - mean) / std / math.sqrt(2))) / 2 for bound in (low, high))
    with torch.no_grad():
        tensor.uniform_(2 * below - 1, 2 * above - 1)
        tensor.erfinv_()
        tensor.mul_(std * math.sqrt(2.0))
        tensor.add_(mean)
        tensor.clamp_(min=low, max=high)


BY_HAND: dict[str, tuple[Callable[[Any], Any], pi.Recipe]] = {
    "values": (
        lambda w: truncated(w, std=0.02),
        pi.truncated_normal(mean=0.0, std=0.02, low=-2.0, high=2.0, unit="absolute"),
    ),
    "shifted": (
        lambda w: truncated(w, 1.0, 0.5, 0.75, 2.0),
        pi.truncated_normal(mean=1.0, std=0.5, low=0.75, high=2.0, unit="absolute"),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_truncated_normal_by_hand_is_recorded_as_one(name: str) -> None:
    """Stock torch has -2.0 once in 2^24 draws: 100 standard deviations."""
    write, recipe = BY_HAND[name]
    with deferred():
        module = Written(lambda m: write(m.weight))
    assert [each.content.recipe for each in record(module)["weight"].writes] == [recipe]
    expected = torch.from_numpy(recipe((2, 2), key=pi.key(0).fold_in("weight")))
    assert torch.equal(materialize(module, key=0).weight, expected)


@pytest.mark.parametrize(
    "write",
    [
        lambda w: (w.uniform_(-0.5, 0.5), w.erfinv_(), w.mul_(1.0), w.add_(0.0), w.clamp_(-2.0, 2.0)),
        lambda w: (w.uniform_(-0.5, 0.5), w.erfinv_(), w.add_(1.0), w.mul_(2.0), w.clamp_(-2.0, 2.0)),
        lambda w: (truncated(w[:1]), w[1:].zero_(), w.clamp_(min=-1.0)),
    ],
)
def test_other_operations_are_not_taken_for_one(write: Callable[[Any], Any]) -> None:
    """Uniforms that reach less far than the bounds, another order, and only one bound."""
    with deferred():
        module = Written(lambda m: write(m.weight.data))
    last = record(module)["weight"].writes[-1].content
    assert not hasattr(last, "recipe")


def test_timms_own_functions_are_recorded_as_truncated_normals(torchvision_loads: None) -> None:
    layers = pytest.importorskip("timm.layers")
    with deferred():
        module = nn.ParameterList([torch.empty(30, 30), torch.empty(30, 30)])
        layers.trunc_normal_(module[0], std=0.02)
        layers.trunc_normal_tf_(module[1], std=0.02)
    first, second = record(module)["0"].writes[0].content, record(module)["1"].writes[0].content
    assert first.recipe == pi.truncated_normal(mean=0.0, std=0.02, low=-2.0, high=2.0, unit="absolute")
    assert second.recipe == pi.truncated_normal(mean=0.0, std=1.0, low=-2.0, high=2.0, unit="absolute")
    materialize(module, key=0)
    assert float(module[1].detach().abs().max()) <= 0.04


class Frozen(nn.Module):  # type: ignore[misc, name-defined]
    """Copies a norm unless it is on the meta device, as detectors of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.BatchNorm2d(4)
        nn.init.zeros_(norm.weight)
        self.register_buffer("weight", torch.ones(4))
        if norm.weight.device != torch.device("meta"):
            self.weight.copy_(norm.weight.detach())
        self.table = nn.Parameter(torch.empty(3, 4, device=norm.weight.device).fill_(2))
        self.steps = nn.Parameter(torch.arange(4.0, device=norm.weight.device))


def test_a_constructor_does_not_learn_that_it_is_recorded() -> None:
    eager = Frozen()
    with deferred():
        module = Frozen()
    assert module.weight.device.type == "meta"
    materialize(module, key=0)
    for name, tensor in eager.state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor), name
