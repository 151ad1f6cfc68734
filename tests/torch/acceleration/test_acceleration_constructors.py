"""Layers that are built outside of a block's mode hold what the mode would have made of them."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import pyinit as pi

torch: Any = pytest.importorskip("torch")

from torch.nn import init  # noqa: E402

from pyinit import _core  # noqa: E402
from pyinit.torch import accelerate, small  # noqa: E402
from pyinit.torch.acceleration import constructors, detours  # noqa: E402

pytestmark = pytest.mark.interop


class Seeing(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """Writes down the names of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


class Own(torch.nn.Linear):  # type: ignore[misc]
    """A layer that draws by a method of its tensor."""

    def reset_parameters(self) -> None:
        self.weight.data.normal_(0.0, 0.02)


def torch_drew(before: Any) -> bool:
    """Return whether torch's generator has been drawn from."""
    return not torch.equal(before, torch.get_rng_state())


def test_layers_are_built_outside_of_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer larger than what goes the short way, too; and both hold what the mode makes of them."""
    seen: list[bool] = []

    def noted(*given: Any) -> bool:
        seen.append(_core.is_constructing())
        return small.draw_constructed(*given)

    monkeypatch.setattr(detours, "draw_constructed", noted)
    with accelerate(key=3):
        outside = [torch.nn.Linear(16, 16), torch.nn.Linear(700, 300), torch.nn.Conv2d(4, 6, 3)]
    assert seen == [True] * 6
    seen.clear()
    with accelerate(key=3):
        monkeypatch.setattr(constructors, "_places", {})
        inside = [torch.nn.Linear(16, 16), torch.nn.Linear(700, 300), torch.nn.Conv2d(4, 6, 3)]
    assert seen == [False] * 6
    for one, other in zip(outside, inside, strict=True):
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.bias, other.bias)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_a_layer_that_was_built_before_is_drawn_as_the_first_one(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build() -> list[Any]:
        with accelerate(key=pi.Key(5, 7)) as block:
            layers = [
                torch.nn.Linear(16, 8, dtype=dtype),
                torch.nn.Embedding(32, 5, padding_idx=3, dtype=dtype),
                torch.nn.Conv2d(4, 6, 3, groups=2, dtype=dtype),
                torch.nn.LayerNorm(7, dtype=dtype),
                torch.nn.LSTM(3, 4, dtype=dtype),
                torch.nn.Linear(700, 300, dtype=dtype),
            ]
        assert block.fills == 2 + 1 + 2 + 4 + 2
        return [parameter for layer in layers for parameter in layer.parameters()]

    short: list[bool] = []

    def noted(call: Any) -> Any:
        def run(*given: Any) -> bool:
            short.append(call(*given))
            return short[-1]

        return run

    for name in ("draw_constructed", "write_constructed"):
        monkeypatch.setattr(detours, name, noted(getattr(small, name)))
    small._kept.clear()
    first = build()
    # the biases of an LSTM are alike
    assert sum(short) == 1
    short.clear()
    again = build()
    # but the large matrix
    assert len(short) - sum(short) == 1
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
        assert one._version == other._version


def test_a_layer_of_inference_mode_is_drawn() -> None:
    with torch.inference_mode(), accelerate(key=3) as block:
        layers = [torch.nn.Linear(16, 16) for _ in range(2)]
    assert block.fills == 4
    with accelerate(key=3):
        assert torch.equal(torch.nn.Linear(16, 16).weight, layers[0].weight)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_layer_on_a_device_is_left_to_it(device: str) -> None:
    with accelerate(key=3) as block:
        for _ in range(2):
            torch.nn.Linear(16, 16, device=device)
        with torch.device(device):
            torch.nn.Linear(16, 16)
    assert block.fills == (6 if device == "cpu" else 0)


def test_another_function_that_makes_a_layers_tensors_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *size, **how: empty(*size, **how).normal_())
    before = torch.get_rng_state()
    with accelerate() as block:
        torch.nn.Linear(4, 4, bias=False)
    assert block.fills == 2
    assert not torch_drew(before)


def test_constants_that_another_library_writes_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with accelerate() as block, monkeypatch.context() as patch:
        torch.nn.LayerNorm(4)
        patch.setattr(init, "ones_", lambda tensor: tensor.data.normal_())
        torch.nn.LayerNorm(4)
    assert block.fills == 1


def test_a_block_that_is_left_lets_no_constructor_draw() -> None:
    with accelerate() as block:
        assert _core.begin_construction(block.draws, (), ())
        assert not _core.begin_construction(block.draws, (), ())
    assert not _core.is_constructing()
    with accelerate() as block:
        assert not _core.begin_construction(block.draws, (torch, "empty", len), ())
        assert not _core.begin_construction(block.draws, (torch, "no such function", None), ())
        assert not _core.begin_construction(block.draws, (), (lambda: 1,))
    with pytest.raises(ValueError, match="incorrect name"):
        _core.draws_made(_core.ready_normal(4, "float32", 0.0, 1.0))


def test_nothing_is_drawn_outside_of_a_constructor() -> None:
    with accelerate(key=3) as block:
        weight = torch.nn.Linear(16, 16).weight
        assert not _core.is_constructing()
        assert not small.draw_constructed(detours._DRAWING["normal_"], (weight,), {})
    assert block.fills == 2


def test_a_subclass_that_draws_by_itself_is_seen() -> None:
    before = torch.get_rng_state()
    with accelerate(key=3) as block:
        layer = Own(16, 8, bias=False)
    assert not torch_drew(before)
    assert block.fills == 1
    expected = pi.fill(torch.empty(8, 16), pi.normal(std=0.02), key=pi.key(3).fold_in(0))
    assert torch.equal(layer.weight, expected)


def test_a_layer_whose_drawing_is_replaced_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    with accelerate(key=3) as block:
        monkeypatch.setattr(torch.nn.Linear, "reset_parameters", Own.reset_parameters)
        torch.nn.Linear(16, 8, bias=False)
    assert not torch_drew(before)
    assert block.fills == 1


def test_a_function_that_another_library_replaces_decides_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As transformers does while it loads a file, inside of the block or around it."""
    original, calls = init.kaiming_uniform_, []

    def theirs(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(tensor)
        return tensor if len(calls) % 2 else original(tensor, *args, **kwargs)

    before = torch.get_rng_state()
    with accelerate(key=3) as block, monkeypatch.context() as patch:
        patch.setattr(init, "kaiming_uniform_", theirs)
        for _ in range(2):
            torch.nn.Linear(16, 8, bias=False)
    assert (len(calls), block.fills) == (2, 1)
    with monkeypatch.context() as patch:
        patch.setattr(init, "kaiming_uniform_", theirs)
        with accelerate(key=3) as block:
            for _ in range(2):
                torch.nn.Linear(16, 8, bias=False)
        assert init.kaiming_uniform_ is theirs
    assert (len(calls), block.fills) == (4, 1)
    assert init.kaiming_uniform_ is original
    assert not torch_drew(before)


def test_another_mode_sees_a_layer_built() -> None:
    for outer in (True, False):
        mode = Seeing()
        with mode if outer else accelerate(), accelerate() if outer else mode:
            torch.nn.Linear(16, 16)
        assert {"empty", "kaiming_uniform_", "uniform_"} <= set(mode.seen) or outer
        assert "empty" in mode.seen


def test_a_class_of_tensors_overrides_the_function_that_it_knows() -> None:
    seen = []

    class Overriding(torch.Tensor):  # type: ignore[misc]
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is kaiming_uniform_:
                seen.append(func)
                return (args or tuple(kwargs.values()))[0]
            return super().__torch_function__(func, types, args, kwargs or {})

    kaiming_uniform_ = init.kaiming_uniform_
    weight = torch.ones(4, 4).as_subclass(Overriding)
    with accelerate() as block:
        assert init.kaiming_uniform_(weight) is weight
        assert kaiming_uniform_(weight) is weight
    assert len(seen) == 2
    assert block.fills == 0


def test_a_hook_on_parameters_is_seen() -> None:
    def hook(module: Any, name: str, parameter: Any) -> None:
        if parameter is not None:
            parameter.data.normal_()

    before = torch.get_rng_state()
    handle = torch.nn.modules.module.register_module_parameter_registration_hook(hook)
    try:
        with accelerate() as block:
            torch.nn.Linear(4, 4, bias=False)
    finally:
        handle.remove()
    assert block.fills == 2
    assert not torch_drew(before)


def test_a_hook_on_buffers_is_seen() -> None:
    def hook(module: Any, name: str, buffer: Any) -> None:
        if buffer is not None and buffer.is_floating_point():
            buffer.normal_()

    before = torch.get_rng_state()
    handle = torch.nn.modules.module.register_module_buffer_registration_hook(hook)
    try:
        with accelerate() as block:
            torch.nn.BatchNorm1d(4)
    finally:
        handle.remove()
    assert block.fills == 2
    assert not torch_drew(before)


@pytest.mark.parametrize("name", ["__setattr__", "register_parameter", "register_buffer"])
def test_a_method_that_takes_tensors_and_is_replaced_is_seen(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(torch.nn.Module, name)

    def drawing(self: Any, key: str, value: Any, *others: Any) -> None:
        original(self, key, value, *others)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            value.data.normal_()

    monkeypatch.setattr(torch.nn.Module, name, drawing)
    before = torch.get_rng_state()
    with accelerate() as block:
        torch.nn.BatchNorm1d(4)
    assert block.fills == 2
    assert not torch_drew(before)


def test_another_thread_builds_with_torch() -> None:
    before = torch.get_rng_state()
    with accelerate() as block:
        thread = threading.Thread(target=torch.nn.Linear, args=(4, 4))
        thread.start()
        thread.join()
    assert block.fills == 0
    assert torch_drew(before)


def test_an_error_in_a_constructor_leaves_the_block_as_it_was() -> None:
    with accelerate() as block:
        with pytest.raises(TypeError):
            torch.nn.Linear("4", 4)
        assert not _core.is_constructing()
        torch.empty(4).normal_()
    assert block.fills == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_constants_of_layers_are_written_as_torch_writes_them(dtype: Any) -> None:
    def build() -> list[Any]:
        given = torch.full((3, 5), 7.0, dtype=dtype)
        return [
            *torch.nn.LayerNorm(16, dtype=dtype).parameters(),
            *torch.nn.BatchNorm2d(5, dtype=dtype).state_dict().values(),
            torch.nn.init.zeros_(given[1:]),
            torch.nn.init.ones_(torch.full((3, 5), 7.0, dtype=dtype)),
            torch.nn.init.zeros_(torch.nn.Parameter(given.clone())),
        ]

    with accelerate(key=0) as block:
        ours = build()
    assert block.fills == 0
    for our, their in zip(ours, build(), strict=True):
        assert torch.equal(our, their)
        assert our.dtype == their.dtype
        assert our._version == their._version
        assert our.requires_grad == their.requires_grad


def test_a_mode_around_the_block_sees_the_constants() -> None:
    with Seeing() as mode, accelerate(key=0):
        torch.nn.init.zeros_(torch.ones(3))
    assert "zero_" in mode.seen
