"""`accelerate` takes torch's draws, with the keys it promises; leaves the rest; and leaves no trace."""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import sys
import threading
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
from pyinit.torch.acceleration.context import _stack  # noqa: E402
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


def test_refused_arguments_leave_nothing_behind() -> None:
    before = trace()
    with (
        pytest.raises(pi.SeedError, match=r"must be an integer in \[0, 2\*\*64\); got -1"),
        accelerate(key=-1),
    ):
        pass
    with (
        pytest.raises(pi.ArgumentError, match="threads must be a positive integer; got 0"),
        accelerate(threads=0),
    ):
        pass
    assert trace() == before


# what torch has to answer itself, though a block is open


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


def test_on_meta_nothing_is_drawn() -> None:
    with torch.device("meta"), accelerate() as block:
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LSTM(3, 3))
        drawn = torch.randn(3)
    assert block.fills == 0
    assert drawn.is_meta
    assert all(parameter.is_meta for parameter in model.parameters())


# blocks, threads, processes


def trace() -> dict[str, int]:
    """Return the identity of everything that a block could leave replaced, and the number of modes."""
    names = {f"init.{name}": id(value) for name, value in vars(init).items()}
    names |= {f"Tensor.{name}": id(value) for name, value in vars(torch.Tensor).items()}
    names |= {f"torch.{name}": id(getattr(torch, name)) for name in ("empty", "nn")}
    return {**names, "modes": torch._C._len_torch_function_stack()}


def test_nothing_stays_behind() -> None:
    before = trace()
    with accelerate():
        assert trace() != before
        with accelerate():
            torch.nn.Linear(3, 3)
        assert trace() != before
    assert trace() == before
    with pytest.raises(KeyError), accelerate():
        raise KeyError
    assert trace() == before
    assert _stack.contexts == []
    drew = torch_drew()
    torch.nn.Linear(3, 3)
    assert drew()


def test_what_others_put_in_place_meanwhile_is_theirs() -> None:
    original = init._no_grad_normal_
    calls = []

    def theirs(*args: Any) -> Any:
        calls.append(args)
        return inside(*args)

    block = accelerate()
    with block:
        inside = init._no_grad_normal_
        init._no_grad_normal_ = theirs
    try:
        assert init._no_grad_normal_ is theirs
        drew = torch_drew()
        normal_(torch.empty(3))
        assert len(calls) == 1
        assert drew()
    finally:
        init._no_grad_normal_ = original


def test_the_inner_seed_governs_and_the_outer_block_resumes() -> None:
    with accelerate(key=1) as outer:
        first = torch.randn(SHAPE)
        with accelerate(key=2) as inner:
            second = [torch.randn(SHAPE), normal_(torch.empty(SHAPE)), uniform_(torch.empty(SHAPE))]
        third = torch.randn(SHAPE)
    assert (outer.fills, inner.fills) == (2, 3)
    assert torch.equal(first, made(pi.normal(), 0, seed=1))
    assert torch.equal(third, made(pi.normal(), 1, seed=1))
    for k, (drawn, recipe) in enumerate(zip(second, [pi.normal(), pi.normal(), pi.uniform()], strict=True)):
        assert torch.equal(drawn, made(recipe, k, seed=2))


def in_a_thread(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a thread of its own."""
    returned: list[Any] = []
    thread = threading.Thread(target=lambda: returned.append(work()))
    thread.start()
    thread.join()
    return returned[0]


def test_a_block_governs_its_own_thread_alone() -> None:
    def draw() -> Any:
        torch.manual_seed(11)
        linear = torch.nn.Linear(40, 24)
        weight = trunc_normal_(torch.empty(SHAPE), std=0.5)
        return torch.cat([linear.weight.detach().flatten(), weight.flatten(), torch.randn(9)])

    expected = draw()
    with accelerate(key=7) as block:
        assert torch.equal(in_a_thread(draw), expected)
        assert block.fills == 0
        assert torch.equal(torch.randn(SHAPE), made(pi.normal(), 0))


def test_blocks_of_two_threads_overlap() -> None:
    """One thread enters first and leaves first; the other is still replaced, then all is restored."""
    before = trace()
    entered, left = threading.Event(), threading.Event()

    def second() -> Any:
        with accelerate(key=2):
            entered.set()
            left.wait()
            return torch.nn.Linear(40, 24).weight, trunc_normal_(torch.empty(SHAPE))

    with accelerate(key=2):
        returned: list[Any] = []
        thread = threading.Thread(target=lambda: returned.append(second()))
        thread.start()
        entered.wait()
        mine = torch.nn.Linear(40, 24).weight, trunc_normal_(torch.empty(SHAPE))
    left.set()
    thread.join()
    assert trace() == before
    assert all(torch.equal(a, b) for a, b in zip(returned[0], mine, strict=True))


def test_a_block_that_another_thread_leaves_is_over_and_says_so() -> None:
    before = trace()

    def leave() -> Any:
        with accelerate(key=1) as own:
            with pytest.raises(RuntimeError, match=r"left by the thread that entered it; .* Enter and leave"):
                block.__exit__(None, None, None)
            torch.randn(3)
        return own.fills

    block = accelerate(key=7)
    context = block.__enter__()
    torch.randn(3)
    assert in_a_thread(leave) == 1, "the other thread's own block goes on"
    drew = torch_drew()
    torch.nn.Linear(3, 3)
    assert drew()
    assert context.fills == 1
    assert _stack.contexts == []
    # a mode is its thread's: this one has nothing left to do, and can only be taken away here
    torch.overrides._pop_mode()
    assert trace() == before


FORK = """
import os, threading, torch
from pyinit.torch import accelerate
from torch.nn import init

original = init._no_grad_normal_
entered, done = threading.Event(), threading.Event()

def other():
    with accelerate():
        entered.set()
        done.wait()

thread = threading.Thread(target=other)
thread.start()
entered.wait()
with accelerate(key=3) as block:
    torch.randn(3)
    readable, writable = os.pipe()
    child = os.fork()
    drawn = repr(torch.randn(2000).double().sum().item())
    if child == 0:
        with accelerate(key=4):
            torch.nn.Linear(3, 3)
        os.write(writable, f"{drawn} {block.fills}".encode())
        os._exit(0)
done.set()
thread.join()
os.waitpid(child, 0)
assert os.read(readable, 1000).decode() == f"{drawn} {block.fills}" == f"{drawn} 2"
assert init._no_grad_normal_ is original
"""


def test_a_forked_child_goes_on_with_a_count_of_its_own() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr


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


def test_what_is_taken_is_what_the_docstring_says() -> None:
    assert accelerate.__doc__ is not None
    for function in (*METHODS, *FACTORIES):
        assert function.__name__ in accelerate.__doc__
    assert np.intersect1d(["bernoulli_"], [function.__name__ for function in METHODS]).size == 0
