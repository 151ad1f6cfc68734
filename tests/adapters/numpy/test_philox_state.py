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
from numpy.random import Generator, SeedSequence

import pyinit as pi
from pyinit import reference
from pyinit.numpy import KeySequence, Philox4x32

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
        assert generator.state == state_of(key, position)
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
    assert generator.state == state_of(key, position)
    as_if = at(key, (position + 4 * first * JUMP_BLOCKS) % WORDS)
    assert taken(jumped) == taken(as_if)


@pytest.mark.parametrize("count", [2, 3, 5, 10, 100, 1000])
def test_jumped_generators_are_far_apart(count: int) -> None:
    offsets = sorted(Philox4x32(0).jumped(n).key.offset for n in range(count))
    gaps = [b - a for a, b in zip(offsets, [*offsets[1:], offsets[0] + 2**64], strict=True)]
    assert min(gaps) >= 2**64 / (2.3 * count)


def test_jumped_children_are_others() -> None:
    generator = Philox4x32(3)
    assert generator.jumped().spawn(1)[0].key != generator.spawn(1)[0].key


@given(key=keys, counts=st.lists(st.integers(0, 5), max_size=4))
def test_children_have_numbered_keys(key: pi.Key, counts: list[int]) -> None:
    generator = Philox4x32(key)
    children = []
    for count in counts:
        generator.random_raw(3)
        made = generator.spawn(count)
        assert len(made) == count
        children += made
    assert [child.key for child in children] == [key.fold_in(n) for n in range(sum(counts))]
    assert all(child.state["position"] == 0 for child in children)
    assert generator.seed_seq.n_children_spawned == sum(counts)


def test_generators_spawn() -> None:
    first, second = Generator(Philox4x32(3)).spawn(2)
    assert (first.random(9) == Generator(Philox4x32(pi.key(3).fold_in(0))).random(9)).all()
    assert second.bit_generator.spawn(1)[0].key == pi.key(3).fold_in(1).fold_in(0)


def test_children_of_a_seed_sequence_are_its_own() -> None:
    children = Philox4x32(SeedSequence(3)).spawn(2)
    expected = [Philox4x32(child) for child in SeedSequence(3).spawn(2)]
    assert [child.state for child in children] == [child.state for child in expected]
    grandchild, expected_one = children[0].spawn(1)[0], expected[0].spawn(1)[0]
    assert grandchild.state == expected_one.state


@pytest.mark.parametrize("start", [3, pi.Key(1, 2), SeedSequence(3), None])
def test_copies_go_on_as_the_original(start: Any) -> None:
    generator = Philox4x32(start)
    generator.spawn(2)
    generator.random_raw(1001)
    copies = [pickle.loads(pickle.dumps(generator)), copy.deepcopy(generator)]
    expected = generator.random_raw(2000)
    children = [child.key for child in generator.spawn(2)]
    for each in copies:
        assert (each.random_raw(2000) == expected).all()
        assert [child.key for child in each.spawn(2)] == children


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


def test_a_state_of_another_key_is_the_new_start_of_children() -> None:
    generator = Philox4x32(3)
    generator.spawn(5)
    generator.state = Philox4x32(4).state
    assert generator.spawn(1)[0].key == pi.key(4).fold_in(0)
    kept = Philox4x32(3)
    kept.spawn(5)
    kept.state = Philox4x32(3).state
    assert kept.spawn(1)[0].key == pi.key(3).fold_in(5)


def test_the_stream_ends_where_it_began() -> None:
    key = pi.Key(6, 100)
    assert reference.words32(key, np.zeros(1, np.uint64))[0] == word(key, 0)
    last = at(key, WORDS - 2)
    assert last.random_raw(2)[1] == Philox4x32(key).random_raw()
    assert last.state["position"] == 2


def test_sequences_count_on() -> None:
    sequence = KeySequence(3)
    assert [child.key for child in sequence.spawn(2)] == [pi.key(3).fold_in(0), pi.key(3).fold_in(1)]
    again = pickle.loads(pickle.dumps(sequence))
    assert again.state == sequence.state == {"key": pi.key(3), "n_children_spawned": 2}
    assert again.spawn(1)[0].key == KeySequence(**sequence.state).spawn(1)[0].key == pi.key(3).fold_in(2)
