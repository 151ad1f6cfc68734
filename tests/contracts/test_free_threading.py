"""Threads of Python side by side: the bits of one thread, and no module that turns the GIL on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pyinit as pi
from pyinit.numpy import Philox4x32

THREADS = 8
TURNS = 40


def side_by_side(work: Callable[[int], object]) -> list[object]:
    """Return work(0), work(1), ... of threads that begin at the same moment."""
    barrier = threading.Barrier(THREADS)

    def begun(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begun, range(THREADS)))


def test_no_module_turns_the_gil_on() -> None:
    code = """
import sys
before = getattr(sys, "_is_gil_enabled", lambda: True)()
import pyinit, pyinit.data, pyinit.linalg, pyinit.numpy, pyinit.reference, pyinit.theory
pyinit.orthogonal()((8, 8), key=0)
assert getattr(sys, "_is_gil_enabled", lambda: True)() == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


RECIPES = (
    pi.normal(),
    pi.uniform(-1, 1),
    pi.truncated_normal(),
    pi.sparse(0.5),
    pi.orthogonal(),
    pi.he_normal(),
    pi.blocks((pi.orthogonal(), pi.zeros()), axis=0),
)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: type(recipe).__name__)
def test_fills_side_by_side_have_the_bits_of_one_thread(recipe: pi.Recipe) -> None:
    def draw(number: int) -> bytes:
        made = [recipe((40, 36), key=number + turn, threads=2).tobytes() for turn in range(TURNS)]
        return b"".join(made)

    alone = [draw(number) for number in range(THREADS)]
    assert side_by_side(draw) == alone


def test_the_cache_of_plans_is_shared_by_threads() -> None:
    # New shapes in every turn, the same for all threads: each plan is made by several at once.
    def plan(number: int) -> list[pi.Plan]:
        return [pi.truncated_normal(std=0.5).plan((turn + 1, 7)) for turn in range(20 * TURNS)]

    first, *others = side_by_side(plan)
    assert all(other == first for other in others)


def test_names_are_looked_up_by_threads() -> None:
    def look_up(number: int) -> str:
        found = [pi.Recipe.from_dict({"recipe": "he_normal", "layout": "torch"}) for _ in range(TURNS)]
        return repr(found)

    assert len(set(side_by_side(look_up))) == 1


def test_one_generator_of_several_threads_hands_out_every_word_once() -> None:
    shared = np.random.Generator(Philox4x32(7))
    drawn = side_by_side(
        lambda number: [shared.integers(0, 2**32, 64, dtype=np.uint32) for _ in range(TURNS)]
    )
    words = np.sort(np.concatenate([part for parts in drawn for part in parts]))  # type: ignore[attr-defined]
    alone = np.random.Generator(Philox4x32(7)).integers(0, 2**32, words.size, dtype=np.uint32)
    assert np.array_equal(words, np.sort(alone))


def test_children_of_one_generator_differ() -> None:
    parent = Philox4x32(7)
    children = side_by_side(lambda number: [child.key for _ in range(TURNS) for child in parent.spawn(1)])
    keys = {(key.seed, key.offset) for part in children for key in part}  # type: ignore[attr-defined]
    assert len(keys) == THREADS * TURNS


@pytest.mark.interop
def test_small_tensors_of_torch_are_drawn_side_by_side() -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    pit = pytest.importorskip("pyinit.torch", reason="needs torch")

    def draw(number: int) -> bytes:
        parts = []
        for turn in range(TURNS):
            # Shapes that nobody has drawn before, so that the table of calls changes meanwhile.
            tensor = torch.empty(3, turn + 1)
            pit.fill(tensor, pi.normal(), key=number)
            parts.append(tensor.numpy().tobytes())
            pit.init.uniform_(tensor, -1.0, 1.0 + number, generator=torch.Generator().manual_seed(turn))
            parts.append(tensor.numpy().tobytes())
        return b"".join(parts)

    alone = [draw(number) for number in range(THREADS)]
    assert side_by_side(draw) == alone
