"""Calls of unusual kinds, under `pyinit.torch.watch`: those that cannot be read are left as they are."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from pyinit.errors import ArgumentError, LayoutError

pytestmark = pytest.mark.interop

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyinit.torch")

from .training import mean, small  # noqa: E402

nn = torch.nn


def rows() -> Any:
    return torch.linspace(-1.0, 1.0, 48).reshape(6, 8)


def by_grad(module: Any) -> None:
    def loss(weights: Any) -> Any:
        return mean(torch.func.functional_call(module, weights, rows()))

    weights = {name: one.detach() for name, one in module.named_parameters()}
    found = torch.func.grad(loss)(weights)
    for name, one in module.named_parameters():
        one.grad = found[name]


def by_sample(module: Any) -> None:
    def loss(weights: Any, row: Any) -> Any:
        return mean(torch.func.functional_call(module, weights, row[None]))

    weights = {name: one.detach() for name, one in module.named_parameters()}
    found = torch.func.vmap(torch.func.grad(loss), (None, 0))(weights, rows())
    for name, one in module.named_parameters():
        one.grad = found[name].mean(0)


def by_jacobian(module: Any) -> None:
    found = torch.func.vmap(torch.func.jacrev(module))(rows())
    (mean(module(rows())) + mean(found)).backward()


def after_fakes(module: Any) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        module(mode.from_tensor(rows()))
        module(rows())
    mean(module(rows())).backward()


def of_ragged(module: Any) -> None:
    ragged = torch.nested.nested_tensor([rows()[:2], rows()[2:5]], layout=torch.jagged)
    mean(module(ragged).values()).backward()


def traced(module: Any) -> None:
    made = torch.jit.trace(module, (rows(),), check_trace=False)
    assert "aminmax" not in str(made.inlined_graph)
    mean(made(rows())).backward()


def empty(module: Any) -> None:
    module(rows()[:0]).sum().backward()


LOOPS: dict[str, tuple[Callable[[Any], None], bool]] = {
    "torch.func.grad": (by_grad, False),
    "torch.func.vmap": (by_sample, False),
    "torch.func.jacrev": (by_jacobian, True),
    "FakeTensorMode": (after_fakes, True),
    "jagged": (of_ragged, False),
    "torch.jit.trace": (traced, False),
    "no rows": (empty, False),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore:The PyTorch API:UserWarning")
@pytest.mark.parametrize("name", LOOPS)
def test_a_call_that_cannot_be_read_is_left_as_it_is(name: str) -> None:
    backward, is_seen = LOOPS[name]
    trained = []
    for watches in (False, True):
        torch.manual_seed(1)
        module = small()
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        watching = pt.watch(module, 1) if watches else nullcontext()
        warned = watches and not is_seen
        with (
            watching,
            pytest.warns(UserWarning, match="a transform of torch.func") if warned else nullcontext(),
        ):
            for _ in range(3):
                optimizer.zero_grad()
                backward(module)
                optimizer.step()
        trained.append(list(module.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(*trained, strict=True))
    assert watching.steps == ((0, 1, 2) if is_seen else ())
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in module.modules())


class Prepared(nn.Module):  # type: ignore[misc, name-defined]
    """A layer behind a function of what the module is given."""

    def __init__(self, prepare: Callable[..., Any]) -> None:
        super().__init__()
        self.layer, self.prepare = nn.Linear(8, 4), prepare

    def forward(self, *given: Any) -> Any:
        return self.layer(self.prepare(*given))


def of_inference() -> Any:
    with torch.inference_mode():
        return rows()


GIVEN: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "a number in a dict": (lambda: {"t": torch.tensor(0.5), "x": rows()}, lambda one: one["x"] * one["t"]),
    "a number": (lambda: torch.tensor(0.5), lambda one: rows() * one),
    "complex": (lambda: torch.complex(rows(), rows()), lambda one: one.imag),
    "sparse": (lambda: torch.eye(6).to_sparse(), lambda one: torch.sparse.mm(one, rows())),
    "compressed": (lambda: torch.eye(6).to_sparse_csr(), lambda one: one @ rows()),
    "quantized": (
        lambda: torch.quantize_per_tensor(rows(), 0.1, 0, torch.qint8),
        lambda one: one.dequantize(),
    ),
    "inference": (of_inference, lambda one: one + torch.zeros(8)),
}


@pytest.mark.parametrize("name", GIVEN)
def test_what_a_module_is_given_need_not_be_a_batch_of_numbers(name: str) -> None:
    make, prepare = GIVEN[name]
    module = Prepared(prepare)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = make()
    with pt.watch(module, 1) as watching:
        for _ in range(2):
            optimizer.zero_grad()
            mean(module(given)).backward()
            optimizer.step()
    assert watching.steps == (0, 1)
    assert watching.layers == ("layer",)


def test_layers_inside_that_cannot_be_read_are_refused_by_name() -> None:
    module = Prepared(lambda x: torch.nested.nested_tensor([x[:2], x[2:5]], layout=torch.jagged))
    with pytest.raises(LayoutError, match="got a NestedTensor inside the module"), pt.watch(module, 1):
        module(rows())
    assert not module.layer._forward_hooks


def test_a_step_outside_of_the_block_is_refused() -> None:
    module = small()
    watching = pt.watch(module, 1)
    with pytest.raises(ArgumentError, match="got a call before it"):
        watching.step()
    with watching:
        watching.step()
    with pytest.raises(ArgumentError, match="got a call after it"):
        watching.step()
    assert not module._forward_pre_hooks
    with pytest.raises(ArgumentError, match="one block"), watching:
        pass


def test_an_optimizer_that_gets_the_module_later_is_seen() -> None:
    module = small()
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1)
    with pt.watch(module, 1) as watching:
        optimizer.step()
        optimizer.add_param_group({"params": list(module.parameters())})
        for _ in range(2):
            optimizer.zero_grad()
            mean(module(rows())).backward()
            optimizer.step()
    assert watching.steps == (0, 1)


def test_what_was_seen_does_not_keep_the_module() -> None:
    module = small()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pt.watch(module, 1) as watching:
        mean(module(rows())).backward()
        optimizer.step()
    alive = [weakref.ref(one) for one in (module, *module.parameters())]
    del module, optimizer
    gc.collect()
    assert [one() for one in alive] == [None] * 5
    assert watching.steps == (0,)
    assert len(watching.report.layers) == 2
