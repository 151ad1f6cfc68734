"""What a block leaves to torch: it answers, warns and refuses as it does without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

# imported early on purpose: this is how most code has them
from torch.nn import Parameter, init  # noqa: E402
from torch.nn.init import (  # noqa: E402
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    xavier_normal_,
)

from pyinit.torch import accelerate  # noqa: E402

pytestmark = pytest.mark.interop


def low_precision() -> Any:
    return torch.empty(4, dtype=torch.float8_e4m3fn).normal_()


def fake() -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode() as mode:
        inside = torch.randn(3)
    outside = mode.from_tensor(torch.ones(3))
    return type(inside), type(outside.normal_()), type(torch.randn_like(outside))


class Renamed(torch.Tensor):  # type: ignore[misc]
    """A subclass that gives an operation another meaning."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.normal_:
            return "another meaning"
        return super().__torch_function__(func, types, args, kwargs or {})


class Counting(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]
    """A mode that is to see each operation."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


def counted() -> Any:
    with Counting() as mode:
        init.kaiming_uniform_(torch.empty(3, 3))
        orthogonal_(torch.empty(3, 3))
    return mode.seen


def traced() -> str:
    traced = torch.jit.trace(lambda x: x + torch.zeros(3).uniform_(), torch.ones(3), check_trace=False)
    # but for the places in the sources
    return re.sub(" #.*", "", str(traced.graph))


def tangent() -> Any:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.ones(3), torch.ones(3))
        return torch.autograd.forward_ad.unpack_dual(dual.normal_()).tangent


def namesake() -> Any:
    def kaiming_uniform_(tensor: Any, scale: float) -> Any:
        if torch.overrides.has_torch_function_variadic(tensor):
            return torch.overrides.handle_torch_function(kaiming_uniform_, (tensor,), tensor, scale)
        return tensor.fill_(scale)

    return kaiming_uniform_(torch.empty(3, 3), 5.0)


def with_generator(call: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: call(torch.Generator().manual_seed(5))


LEFT: dict[str, Callable[[], Any]] = {
    "generator of a method": with_generator(lambda g: torch.empty(9).normal_(generator=g)),
    "generator of a function": with_generator(lambda g: kaiming_uniform_(torch.empty(3, 3), generator=g)),
    "generator by place": with_generator(lambda g: normal_(torch.empty(9), 0.0, 1.0, g)),
    "generator of trunc_normal_": with_generator(lambda g: trunc_normal_(torch.empty(9), generator=g)),
    "generator of orthogonal_": with_generator(lambda g: orthogonal_(torch.empty(3, 3), generator=g)),
    "generator of sparse_": with_generator(lambda g: sparse_(torch.empty(3, 3), 0.5, generator=g)),
    "generator of randn": with_generator(lambda g: torch.randn(9, generator=g)),
    "out": lambda: torch.rand(9, out=torch.empty(9)),
    "integers": lambda: torch.empty(9, dtype=torch.int64).random_(100),
    "complex": lambda: torch.randn(9, dtype=torch.complex64),
    "complex in place": lambda: torch.empty(9, dtype=torch.complex64).normal_(),
    "meta": lambda: torch.randn(9, device="meta").normal_().uniform_().shape,
    "meta, computing": lambda: orthogonal_(torch.empty(3, 3, device="meta")).shape,
    "fp8": low_precision,
    "sparse": lambda: torch.randn(9, layout=torch.sparse_coo),
    "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8).normal_(),
    "fake": fake,
    "subclass": lambda: torch.ones(3).as_subclass(Renamed).normal_(),
    "dispatch mode": counted,
    "tracer": traced,
    "vmap": lambda: torch.func.vmap(lambda x: x + torch.randn(3), randomness="different")(torch.ones(2, 3)),
    "vmap, refused": lambda: torch.func.vmap(lambda x: x + torch.randn(3))(torch.ones(2, 3)),
    "tangents": tangent,
    "another function of a name": namesake,
    "no interval": lambda: torch.empty(9).uniform_(2.0, 1.0),
    "negative std": lambda: torch.empty(9).normal_(0.0, -1.0),
    "text for a number": lambda: torch.empty(9).normal_("0.5"),
    "unknown argument": lambda: torch.empty(9).normal_(scale=2.0),
    "std of zero": lambda: trunc_normal_(torch.empty(9), std=0.0),
    "vectors have no fans": lambda: xavier_normal_(torch.empty(9)),
    "unknown mode": lambda: kaiming_uniform_(torch.empty(3, 3), mode="fan"),
    "vectors are not orthogonal": lambda: orthogonal_(torch.empty(9)),
    "cubes are not sparse": lambda: sparse_(torch.empty(2, 2, 2), 0.5),
    "no elements": lambda: torch.empty(0, 3).normal_(),
    "leaf": lambda: Parameter(torch.empty(9)).normal_(),
    "expanded": lambda: torch.empty(1).expand(9).normal_(),
    "recorded": lambda: (torch.ones(9, requires_grad=True) * 1).normal_().grad_fn,
    "std of each element": lambda: torch.normal(0.0, torch.ones(9)),
    "bernoulli": lambda: torch.empty(9).bernoulli_(0.5),
    "exponential": lambda: torch.empty(9).exponential_(),
    "permutation": lambda: torch.randperm(9),
    "dropout": lambda: torch.nn.functional.dropout(torch.ones(9)),
}


def outcome(call: Callable[[], Any]) -> str:
    """Return what a call gives under torch's seed 11, or what it raises, as text."""
    torch.manual_seed(11)
    try:
        given = call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(given, torch.Tensor):
        return f"{given.dtype} {given.layout} {given.tolist()}"
    return str(given) if not hasattr(given, "name") else str(given.name())


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:torch.quantize_per_tensor:UserWarning")
def test_the_rest_is_left_to_torch(name: str) -> None:
    expected = outcome(LEFT[name])
    with accelerate(key=7) as block:
        given = outcome(LEFT[name])
        filled = block.fills
    assert given == expected
    assert filled == 0


def test_zero_elements_warn_as_in_torch() -> None:
    for call in (kaiming_uniform_, kaiming_normal_):
        with accelerate() as block, pytest.warns(UserWarning, match="zero-element tensors is a no-op"):
            call(torch.empty(0, 3))
        assert block.fills == 0


def test_on_meta_nothing_is_drawn() -> None:
    with torch.device("meta"), accelerate() as block:
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LSTM(3, 3))
        drawn = torch.randn(3)
    assert block.fills == 0
    assert drawn.is_meta
    assert all(parameter.is_meta for parameter in model.parameters())


def test_compiled_functions_draw_with_torch() -> None:
    def double() -> Any:
        return torch.empty(9).uniform_() * 2 + torch.randn(9)

    compiled = torch.compile(double, backend="aot_eager", fullgraph=True)
    torch.manual_seed(11)
    expected = double()
    with accelerate() as block:
        torch.manual_seed(11)
        assert torch.equal(compiled(), expected)
    assert block.fills == 0
    torch.compiler.reset()


def test_a_compiled_function_may_build_a_layer_that_the_mode_sees() -> None:
    class Own(torch.nn.Linear):  # type: ignore[misc]
        pass

    compiled = torch.compile(lambda x: Own(8, 4)(x), backend="eager")
    with accelerate() as block:
        assert compiled(torch.ones(2, 8)).shape == (2, 4)
        fills = block.fills
        Own(8, 4)
    assert block.fills == fills + 2
    torch.compiler.reset()


def test_compiled_functions_build_layers_with_torch() -> None:
    compiled = torch.compile(lambda x: torch.nn.Linear(8, 4)(x), backend="eager")
    with accelerate() as block:
        assert compiled(torch.ones(2, 8)).shape == (2, 4)
        torch.nn.Linear(8, 4)
    assert block.fills == 2
    torch.compiler.reset()
