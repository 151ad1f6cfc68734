"""Every function of torch.nn.init has the signature and the numbers of the original."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable
from typing import Any

import pytest

from pyinit.recipes.sparse import Sparse

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
init = pytest.importorskip("pyinit.torch.init")
drawing = pytest.importorskip("pyinit.torch.init.drawing")
dispatch = pytest.importorskip("torch.utils._python_dispatch")
theirs = torch.nn.init


def shape_of(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of a function's parameters."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_every_public_name_of_torch_is_here_and_no_other() -> None:
    assert set(init.__all__) == set(theirs.__all__)
    functions = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    assert functions <= set(init.__all__), "torch's list may lack one"


@pytest.mark.parametrize("name", theirs.__all__)
def test_signatures_are_torchs(name: str) -> None:
    ours, peer = getattr(init, name), getattr(theirs, name)
    assert shape_of(ours) == shape_of(peer)
    assert ours.__name__ == peer.__name__
    if name.endswith("_"):
        assert typing.get_type_hints(ours) == typing.get_type_hints(peer)


def test_a_changed_default_would_be_seen() -> None:
    def normal_(tensor: Any, mean: float = 0.0, std: float = 0.9, generator: Any = None) -> Any:
        return tensor

    assert shape_of(normal_) != shape_of(theirs.normal_)


def test_what_is_not_drawn_is_torchs_own() -> None:
    for name in ("calculate_gain", "constant_", "eye_", "ones_", "zeros_"):
        assert inspect.unwrap(getattr(init, name)) is getattr(theirs, name)


class Recorder(dispatch.TorchDispatchMode):  # type: ignore[misc,name-defined]
    """Keeps the numbers that torch's initializers give to normal_ and uniform_ of aten."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[str, float, float]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = {
            torch.ops.aten.normal_.default: "normal",
            torch.ops.aten.uniform_.default: "uniform",
        }.get(function)
        if name is not None:
            # the dispatcher leaves out what equals a default
            first, second = (*args[1:], *(0.0, 1.0)[len(args) - 1 :])
            self.drawn.append((name, float(first), float(second)))
        return function(*args, **(kwargs or {}))


def numbers_of_torch(name: str, tensor: Any, **arguments: Any) -> list[tuple[str, float, float]]:
    with Recorder() as recorder:
        getattr(theirs, name)(tensor, **arguments)
    return recorder.drawn


@pytest.fixture
def our_numbers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, float, float]]]:
    """Return a function that records the recipes our initializers draw."""
    drawn: list[tuple[str, float, float]] = []

    def record(tensor: Any, recipe: Any, *rest: Any) -> Any:
        numbers = (recipe.low, recipe.high) if recipe.verb == "uniform" else (recipe.mean, recipe.std)
        drawn.append((recipe.verb, *numbers))
        return tensor

    monkeypatch.setattr(drawing, "fill_under", record)
    # small tensors go the general way, too
    monkeypatch.setattr(drawing, "draw_small", lambda *given: False)

    def run(name: str, tensor: Any, **arguments: Any) -> list[tuple[str, float, float]]:
        drawn.clear()
        getattr(init, name)(tensor, **arguments)
        return list(drawn)

    return run


SHAPES = [(3, 5), (64, 3, 7, 7), (8, 1, 3, 3), (6, 4, 5), (2, 3, 2, 2, 2), (1, 1), (1000, 3)]
NONLINEARITIES = [
    *("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    *("sigmoid", "tanh", "relu", "leaky_relu", "selu"),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_"])
def test_xaviers_numbers_are_torchs_to_the_last_bit(
    name: str, shape: tuple[int, ...], our_numbers: Callable[..., Any]
) -> None:
    tensor = torch.empty(shape)
    for gain in (1.0, 0.3, theirs.calculate_gain("relu"), 2):
        assert our_numbers(name, tensor, gain=gain) == numbers_of_torch(name, tensor, gain=gain)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_kaimings_numbers_are_torchs_to_the_last_bit(
    name: str, shape: tuple[int, ...], our_numbers: Callable[..., Any]
) -> None:
    tensor = torch.empty(shape)
    for mode in ("fan_in", "fan_out", "FAN_IN"):
        for a in (0, 0.2, math.sqrt(5)):
            arguments = {"mode": mode, "a": a}
            assert our_numbers(name, tensor, **arguments) == numbers_of_torch(name, tensor, **arguments)
    for nonlinearity in NONLINEARITIES:
        arguments = {"nonlinearity": nonlinearity}
        assert our_numbers(name, tensor, **arguments) == numbers_of_torch(name, tensor, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normal_", {"mean": 0.5, "std": 0.02}),
        ("normal_", {}),
        ("uniform_", {"a": -0.25, "b": 3.0}),
        ("uniform_", {}),
        ("sparse_", {"sparsity": 0.3, "std": 0.7}),
    ],
)
def test_given_numbers_are_handed_on(
    name: str, arguments: dict[str, float], monkeypatch: pytest.MonkeyPatch, our_numbers: Callable[..., Any]
) -> None:
    # a sparse recipe has no mean of its own
    monkeypatch.setattr(Sparse, "mean", 0.0, raising=False)
    drawn = [
        (verb.replace("sparse", "normal"), *rest)
        for verb, *rest in our_numbers(name, torch.empty(4, 4), **arguments)
    ]
    assert drawn == numbers_of_torch(name, torch.empty(4, 4), **arguments)


def test_a_swapped_fan_would_be_seen(our_numbers: Callable[..., Any]) -> None:
    swapped = our_numbers("kaiming_normal_", torch.empty(3, 5), mode="fan_out")
    assert swapped != numbers_of_torch("kaiming_normal_", torch.empty(3, 5), mode="fan_in")


@pytest.mark.parametrize("shape", SHAPES)
def test_fans_are_torchs_under_the_private_names_that_code_calls(shape: tuple[int, ...]) -> None:
    tensor = torch.empty(shape)
    assert init._calculate_fan_in_and_fan_out(tensor) == theirs._calculate_fan_in_and_fan_out(tensor)
    for mode in ("fan_in", "Fan_Out"):
        assert init._calculate_correct_fan(tensor, mode) == theirs._calculate_correct_fan(tensor, mode)
