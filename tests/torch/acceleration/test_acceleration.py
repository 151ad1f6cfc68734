"""`accelerate` takes the draws of torch, with the keys that it promises."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyinit as pi

torch: Any = pytest.importorskip("torch")

# imported early on purpose: this is how most code has them
from torch import randn  # noqa: E402
from torch.nn import Parameter, init  # noqa: E402
from torch.nn.init import (  # noqa: E402
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    orthogonal_,
    sparse_,
    trunc_normal_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
)

from pyinit.torch import accelerate  # noqa: E402
from pyinit.torch.acceleration.requests import FACTORIES, METHODS  # noqa: E402

pytestmark = pytest.mark.interop

SHAPE = (24, 40)
FANS = sum(SHAPE)

# what is called on a Parameter, and the recipe whose bytes it has to hold
IN_PLACE: dict[str, tuple[Callable[[Any], Any], pi.Recipe]] = {
    "uniform_": (lambda w: uniform_(w, -1.0, 3.0), pi.uniform(-1, 3)),
    "normal_": (lambda w: normal_(w, 1.0, 0.02), pi.normal(mean=1.0, std=0.02)),
    "trunc_normal_": (
        lambda w: trunc_normal_(w, std=0.02, a=-0.03, b=0.05),
        pi.truncated_normal(std=0.02, low=-0.03, high=0.05, unit="absolute"),
    ),
    "trunc_normal_ in a tail": (
        lambda w: trunc_normal_(w, 0.0, 1.0, 2.5, 6.0),
        pi.truncated_normal(std=1.0, low=2.5, high=6.0, unit="absolute"),
    ),
    "xavier_uniform_": (
        lambda w: xavier_uniform_(w, 1.5),
        pi.uniform(
            -math.sqrt(3.0) * (1.5 * math.sqrt(2 / FANS)), math.sqrt(3.0) * (1.5 * math.sqrt(2 / FANS))
        ),
    ),
    "xavier_normal_": (lambda w: xavier_normal_(w), pi.normal(std=math.sqrt(2 / FANS))),
    "kaiming_uniform_": (
        lambda w: kaiming_uniform_(w, a=math.sqrt(5)),
        pi.uniform(
            -math.sqrt(3.0) * (math.sqrt(2 / 6) / math.sqrt(40)),
            math.sqrt(3.0) * (math.sqrt(2 / 6) / math.sqrt(40)),
        ),
    ),
    "kaiming_normal_": (
        lambda w: kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        pi.normal(std=math.sqrt(2.0) / math.sqrt(24)),
    ),
    "orthogonal_": (lambda w: orthogonal_(w, gain=2.0), pi.orthogonal(2.0, layout="torch")),
    "sparse_": (lambda w: sparse_(w, 0.3, std=0.5), pi.sparse(0.3, 0.5)),
    "Tensor.normal_": (lambda w: w.data.normal_(0, std=2), pi.normal(std=2)),
    "Tensor.uniform_": (lambda w: w.data.uniform_(), pi.uniform()),
    "Tensor.uniform_ by name": (lambda w: w.data.uniform_(**{"from": -2, "to": 2}), pi.uniform(-2, 2)),
    "Tensor.uniform_ of one value": (lambda w: w.data.uniform_(2.0, 2.0), pi.constant(2.0)),
    "Tensor.uniform_ with one": (lambda w: w.detach().uniform_(-1), pi.uniform(-1, 1)),
    "early method": (lambda w: METHOD(w.data), pi.normal()),
    "under no_grad": (lambda w: torch.no_grad()(w.normal_)(), pi.normal()),
    "a view": (lambda w: w.data[:].normal_(std=torch.tensor(3.0)), pi.normal(std=3)),
}
METHOD = torch.Tensor.normal_

MADE: dict[str, tuple[Callable[[], Any], pi.Recipe]] = {
    "randn": (lambda: randn(*SHAPE), pi.normal()),
    "randn of a tuple": (lambda: torch.randn(SHAPE, requires_grad=True), pi.normal()),
    "rand": (lambda: torch.rand(size=SHAPE), pi.uniform()),
    "randn_like": (lambda: torch.randn_like(torch.ones(SHAPE)), pi.normal()),
    "rand_like": (
        lambda: torch.rand_like(torch.ones(SHAPE, dtype=torch.int64), dtype=torch.float32),
        pi.uniform(),
    ),
    "normal": (lambda: torch.normal(1.0, 2.0, SHAPE), pi.normal(mean=1, std=2)),
    "empty().normal_": (lambda: torch.empty(SHAPE).normal_(0, 0.5), pi.normal(std=0.5)),
}


def bits(tensor: Any) -> Any:
    """Return a tensor's values as integers of the same width."""
    return (
        tensor.detach().contiguous().view({2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.itemsize])
    )


def made(recipe: pi.Recipe, k: int, *, seed: int = 7, dtype: str = "float32", shape: Any = SHAPE) -> Any:
    """Return what the k-th fill of a block has to hold."""
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    return pi.fill(tensor, recipe, key=pi.key(seed).fold_in(k))


def torch_drew() -> Callable[[], bool]:
    """Return whether torch's own generator has been drawn from since this call."""
    before = torch.get_rng_state()
    return lambda: not torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64", "float16"])
@pytest.mark.parametrize("name", IN_PLACE)
def test_draws_in_place_are_fills_of_the_recipe(name: str, dtype: str) -> None:
    call, recipe = IN_PLACE[name]
    weights = [Parameter(torch.empty(SHAPE, dtype=getattr(torch, dtype))) for _ in range(2)]
    drew = torch_drew()
    with accelerate(key=7) as block:
        returned = [call(weight) for weight in weights]
    assert block.fills == 2
    assert not drew()
    for k, weight in enumerate(weights):
        assert torch.equal(bits(weight), bits(made(recipe, k, dtype=dtype)))
        assert returned[k].data_ptr() == weight.data_ptr()
        assert returned[k]._version == 1
        assert weight.grad_fn is None


@pytest.mark.parametrize("name", MADE)
def test_draws_into_new_tensors_are_fills_of_the_recipe(name: str) -> None:
    call, recipe = MADE[name]
    drew = torch_drew()
    with accelerate(key=7) as block:
        call()
        tensor = call()
    assert block.fills == 2
    assert not drew()
    assert torch.equal(bits(tensor), bits(made(recipe, 1)))
    assert tensor.requires_grad == (name == "randn of a tuple")
    assert tensor.is_leaf


def test_factories_keep_their_arguments() -> None:
    with accelerate():
        tensor = torch.randn(2, 3, 4, 5, dtype=torch.float64, device="cpu", pin_memory=False)
        like = torch.rand_like(tensor.to(memory_format=torch.channels_last), dtype=torch.bfloat16)
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float64, (2, 3, 4, 5))
    assert like.dtype is torch.bfloat16
    assert like.is_contiguous(memory_format=torch.channels_last)


def test_strided_tensors_get_the_values_of_their_logical_indices() -> None:
    weight = torch.zeros(40, 48)
    with accelerate(key=7):
        orthogonal_(weight.T[::2])
    assert torch.equal(weight.T[::2], made(pi.orthogonal(layout="torch"), 0))
    assert not weight.T[1::2].any()


def test_deprecated_names_are_taken_too() -> None:
    weight = torch.empty(SHAPE)
    with accelerate(key=7), pytest.warns(FutureWarning, match="deprecated"):
        init.kaiming_normal(weight)
    assert torch.equal(weight, made(pi.normal(std=math.sqrt(2.0) / math.sqrt(40)), 0))


@pytest.mark.parametrize("seed", [7, pi.Key(7)])
def test_every_entry_begins_anew(seed: Any) -> None:
    @accelerate(key=seed)
    def build() -> Any:
        return torch.nn.Linear(40, 24).weight

    first, second = build(), build()
    assert torch.equal(first, second)
    assert torch.equal(first, made(IN_PLACE["kaiming_uniform_"][1], 0))


def test_bits_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(threads: int | None = None) -> Any:
        with accelerate(key=3, threads=threads):
            w = torch.nn.Linear(700, 1100).weight.detach()
            return torch.stack([w, torch.empty_like(w).normal_(), orthogonal_(torch.empty_like(w))])

    built = [build(1), build(2), build(3)]
    for count in ("1", "2"):
        monkeypatch.setenv("PYINIT_NUM_THREADS", count)
        assert pi.info()["threads"] == int(count)
        built.append(build())
    assert all(torch.equal(built[0], other) for other in built[1:])


def test_inference_mode() -> None:
    with torch.inference_mode(), accelerate(key=7) as block:
        weight = normal_(torch.empty(SHAPE))
        drawn = torch.randn(SHAPE)
    assert block.fills == 2
    assert torch.equal(weight, made(pi.normal(), 0))
    assert torch.equal(drawn, made(pi.normal(), 1))
    with accelerate(), pytest.raises(RuntimeError, match="InferenceMode"):
        weight.normal_()


def test_a_backward_pass_sees_that_values_have_changed() -> None:
    x = torch.ones(3, requires_grad=True)
    factor = torch.ones(3)
    y = (x * factor).sum()
    with accelerate():
        factor.normal_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_other_function_modes_may_stand_inside_and_outside() -> None:
    for outer, inner in ((True, False), (False, True)):
        with contextlib.ExitStack() as stack:
            if outer:
                stack.enter_context(torch.device("cpu"))
            block = stack.enter_context(accelerate(key=7))
            if inner:
                stack.enter_context(torch.device("cpu"))
            orthogonal = orthogonal_(torch.empty(SHAPE))
            linear = torch.nn.Linear(40, 24)
            normal = torch.randn(SHAPE)
        assert block.fills == 4
        assert torch.equal(orthogonal, made(pi.orthogonal(layout="torch"), 0))
        assert torch.equal(linear.weight, made(IN_PLACE["kaiming_uniform_"][1], 1))
        assert torch.equal(normal, made(pi.normal(), 3))


def test_what_is_taken_is_what_the_docstring_says() -> None:
    assert accelerate.__doc__ is not None
    for function in (*METHODS, *FACTORIES):
        assert function.__name__ in accelerate.__doc__
    assert np.intersect1d(["bernoulli_"], [function.__name__ for function in METHODS]).size == 0
