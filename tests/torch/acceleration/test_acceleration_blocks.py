"""Blocks of `accelerate` in other blocks, in threads and in forked processes; and what they restore."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import pyinit as pi

torch: Any = pytest.importorskip("torch")

# imported early on purpose: this is how most code has them
from torch.nn import init  # noqa: E402
from torch.nn.init import (  # noqa: E402
    normal_,
    trunc_normal_,
    uniform_,
)

from pyinit.torch import accelerate  # noqa: E402
from pyinit.torch.acceleration.context import _stack  # noqa: E402

pytestmark = pytest.mark.interop

SHAPE = (24, 40)


def made(recipe: pi.Recipe, k: int, *, seed: int = 7, dtype: str = "float32", shape: Any = SHAPE) -> Any:
    """Return what the k-th fill of a block has to hold."""
    tensor = torch.empty(shape, dtype=getattr(torch, dtype))
    return pi.fill(tensor, recipe, key=pi.key(seed).fold_in(k))


def torch_drew() -> Callable[[], bool]:
    """Return whether torch's own generator has been drawn from since this call."""
    before = torch.get_rng_state()
    return lambda: not torch.equal(before, torch.get_rng_state())


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
