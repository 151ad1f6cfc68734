"""State, copies, advance, jumped and spawn against a model: a key and the number of words passed."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator

import pyinit as pi
from pyinit import reference
from pyinit.numpy import Philox4x32

JUMP_BLOCKS = 11400714819323198485
WORDS = 2**66

keys = st.builds(pi.Key, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
positions = st.one_of(st.integers(0, 5000), st.integers(0, WORDS - 1), st.integers(WORDS - 5000, WORDS - 1))
deltas = st.one_of(st.integers(-3000, 3000), st.integers(-(2**70), 2**70))


def state_of(key: pi.Key, position: int) -> dict[str, Any]:
    return {
        "bit_generator": "Philox4x32",
        "stream_version": 1,
        "key": {"seed": key.seed, "offset": key.offset},
        "position": position,
    }


def place(generator: Philox4x32) -> dict[str, Any]:
    """Return the part of a state that decides draws."""
    return {name: value for name, value in generator.state.items() if name in state_of(pi.Key(0), 0)}


def at(key: pi.Key, position: int) -> Philox4x32:
    generator = Philox4x32(key)
    generator.state = state_of(key, position)
    return generator


def word(key: pi.Key, position: int) -> int:
    return key.block(position // 4 % 2**64)[position % 4]


def taken(generator: Philox4x32) -> tuple[int, int]:
    """Take a 64-bit and a 32-bit draw."""
    interface = generator.ctypes
    return interface.next_uint64(interface.state), interface.next_uint32(interface.state)


step = st.one_of(
    st.tuples(st.just("narrow"), st.integers(1, 700)),
    st.tuples(st.just("wide"), st.integers(1, 400)),
    st.tuples(st.just("advance"), deltas),
    st.tuples(st.just("jump"), st.integers(-(2**66), 2**66)),
    st.tuples(st.sampled_from(["pickle", "copy", "deepcopy", "state", "json"]), st.just(0)),
)


@given(key=keys, position=positions, steps=st.lists(step, max_size=8))
@settings(max_examples=150)
def test_any_history_is_a_key_and_a_position(
    key: pi.Key, position: int, steps: list[tuple[str, int]]
) -> None:
    generator = at(key, position)
    for kind, number in steps:
        if kind == "narrow":
            made = Generator(generator).integers(0, 2**32, number, dtype=np.uint32)
            position += number
            assert made[-1] == word(key, (position - 1) % WORDS)
        elif kind == "wide":
            made = generator.random_raw(number)
            position += position % 2 + 2 * number
            assert made[-1] == word(key, (position - 2) % WORDS) << 32 | word(key, (position - 1) % WORDS)
        elif kind == "advance":
            assert generator.advance(number) is generator
            if number % 2**65:
                position += position % 2 + 2 * number
        elif kind == "jump":
            generator = generator.jumped(number)
            key = pi.Key(key.seed, (key.offset + number * JUMP_BLOCKS) % 2**64)
        elif kind == "pickle":
            generator = pickle.loads(pickle.dumps(generator))
        elif kind in ("copy", "deepcopy"):
            generator = getattr(copy, kind)(generator)
        else:
            state = generator.state
            generator = Philox4x32(0)
            generator.state = json.loads(json.dumps(state)) if kind == "json" else state
        position %= WORDS
        assert place(generator) == state_of(key, position)
        assert generator.key == key


@given(key=keys, position=positions, delta=st.integers(0, 3000))
def test_advance_passes_over_draws(key: pi.Key, position: int, delta: int) -> None:
    drawn, moved = at(key, position), at(key, position)
    drawn.random_raw(delta)
    assert taken(drawn) == taken(moved.advance(delta))


@given(key=keys, position=positions, delta=deltas)
def test_advance_goes_back_and_round(key: pi.Key, position: int, delta: int) -> None:
    generator = at(key, position - position % 2)
    before = generator.state
    assert generator.advance(delta).advance(-delta).state == before
    assert generator.advance(2**65).state == before
    assert generator.advance(delta).state == at(key, position - position % 2).advance(delta + 2**65).state


@given(key=keys, position=positions, first=deltas, second=deltas)
def test_jumps_add_up_and_move_by_blocks(key: pi.Key, position: int, first: int, second: int) -> None:
    generator = at(key, position)
    jumped = generator.jumped(first)
    assert jumped.jumped(second).state == generator.jumped(first + second).state
    assert place(generator) == state_of(key, position)
    as_if = at(key, (position + 4 * first * JUMP_BLOCKS) % WORDS)
    assert taken(jumped) == taken(as_if)


@pytest.mark.parametrize("count", [2, 3, 5, 10, 100, 1000])
def test_jumped_generators_are_far_apart(count: int) -> None:
    offsets = sorted(Philox4x32(0).jumped(n).key.offset for n in range(count))
    gaps = [b - a for a, b in zip(offsets, [*offsets[1:], offsets[0] + 2**64], strict=True)]
    assert min(gaps) >= 2**64 / (2.3 * count)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="NumPy 1 pickles only its own")
def test_a_whole_generator_is_pickled() -> None:
    generator = Generator(Philox4x32(3))
    generator.random(9)
    again = pickle.loads(pickle.dumps(generator))
    assert (again.normal(size=9) == generator.normal(size=9)).all()


class Named(Philox4x32):
    """A subclass of Python."""


def test_subclasses_keep_their_class() -> None:
    generator = Named(3)
    made = [pickle.loads(pickle.dumps(generator)), generator.jumped(), *generator.spawn(1)]
    assert {type(each) for each in made} == {Named}
    assert generator.state["bit_generator"] == "Named"


def test_the_stream_ends_where_it_began() -> None:
    key = pi.Key(6, 100)
    assert reference.words32(key, np.zeros(1, np.uint64))[0] == word(key, 0)
    last = at(key, WORDS - 2)
    assert last.random_raw(2)[1] == Philox4x32(key).random_raw()
    assert last.state["position"] == 2
