"""Children of a generator and of a key: their keys, and that none is handed out twice."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, SeedSequence

import pyinit as pi
from pyinit.numpy import KeySequence, Philox4x32

keys = st.builds(pi.Key, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


def first_key(generator: Any) -> pi.Key:
    """Spawn one child and return its key."""
    return generator.spawn(1)[0].key


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


def test_a_state_of_another_key_is_the_new_start_of_children() -> None:
    generator = Philox4x32(3)
    generator.spawn(5)
    generator.state = Philox4x32(4).state
    assert generator.spawn(1)[0].key == pi.key(4).fold_in(0)
    kept = Philox4x32(3)
    kept.spawn(5)
    kept.state = Philox4x32(3).state
    assert kept.spawn(1)[0].key == pi.key(3).fold_in(5)


def test_sequences_count_on() -> None:
    sequence = KeySequence(3)
    assert [child.key for child in sequence.spawn(2)] == [pi.key(3).fold_in(0), pi.key(3).fold_in(1)]
    again = pickle.loads(pickle.dumps(sequence))
    assert again.state == sequence.state == {"key": pi.key(3), "n_children_spawned": 2}
    assert again.spawn(1)[0].key == KeySequence(**sequence.state).spawn(1)[0].key == pi.key(3).fold_in(2)


# K8: four threads of 500 children each, where the interpreter changes threads as often as it can. An unlocked
# count lost two of three of them.
THREADS, EACH = 4, 500


@pytest.fixture
def hasty() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(spawns: list[Callable[[], Any]]) -> list[Any]:
    """Return what each thread's children are, each spawned alone."""
    start = threading.Barrier(THREADS)
    made: list[list[Any]] = [[] for _ in range(THREADS)]

    def run(number: int) -> None:
        start.wait()
        for _ in range(EACH):
            made[number] += spawns[number % len(spawns)]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [child for mine in made for child in mine]


def spawns_of(kind: str) -> tuple[list[Callable[[], Any]], Any]:
    """Return what threads call, and the sequence that counts."""
    sequence: Any = SeedSequence(7) if kind.endswith("SeedSequence") else KeySequence(7)
    if kind == "a KeySequence":
        return [lambda: sequence.spawn(1)], sequence
    if kind == "PCG64 of a KeySequence":
        rng = Generator(np.random.PCG64(sequence))
        return [lambda: rng.spawn(1)], sequence
    if kind == "several PCG64 of a KeySequence":
        others = [np.random.PCG64(sequence) for _ in range(THREADS)]
        return [lambda other=other: other.spawn(1) for other in others], sequence  # type: ignore[misc]
    several = [Philox4x32(sequence) for _ in range(1 if kind == "a generator" else THREADS)]
    return [lambda one=one: one.spawn(1) for one in several], sequence  # type: ignore[misc]


def named(child: Any) -> Any:
    """Return what tells a child from others."""
    generator = child.bit_generator if isinstance(child, Generator) else child
    return generator.key if hasattr(generator, "key") else generator.seed_seq.key


@pytest.mark.parametrize(
    "kind",
    [
        "a KeySequence",
        "PCG64 of a KeySequence",
        "several PCG64 of a KeySequence",
        "a generator",
        "several generators of a KeySequence",
        "several generators of a SeedSequence",
    ],
)
@pytest.mark.usefixtures("hasty")
def test_threads_never_share_a_child(kind: str) -> None:
    spawns, sequence = spawns_of(kind)
    children = in_threads(spawns)
    assert len({named(child) for child in children}) == len(children) == THREADS * EACH
    assert sequence.n_children_spawned == THREADS * EACH


class Unlocked(KeySequence):
    """A mutant: the count is read, and written where another thread has counted in between."""

    def spawn(self, n_children: int) -> list[KeySequence]:
        first = self.n_children_spawned
        made = [KeySequence(self.key.fold_in(n)) for n in range(first, first + n_children)]
        # lets another thread run, however busy the machine is
        time.sleep(1e-5)
        self.n_children_spawned = first + n_children
        return made


@pytest.mark.usefixtures("hasty")
def test_an_unlocked_count_is_seen() -> None:
    sequence = Unlocked(7)
    children = in_threads([lambda: sequence.spawn(1)])
    assert len({child.key for child in children}) < THREADS * EACH


def through_generators(state: Any, other: Philox4x32) -> None:
    Generator(other).bit_generator.state = state


def by_json(state: Any, other: Philox4x32) -> None:
    other.state = json.loads(json.dumps(state))


def by_itself(state: Any, other: Philox4x32) -> None:
    other.state = state


@pytest.mark.parametrize("set_state", [by_itself, by_json, through_generators])
@pytest.mark.parametrize(
    "start", [7, pi.Key(7, 3), KeySequence(9), SeedSequence(3), SeedSequence([1, 2]), None]
)
def test_a_state_says_which_child_is_next(start: Any, set_state: Callable[[Any, Philox4x32], None]) -> None:
    for other in (Philox4x32(), Philox4x32(7), Philox4x32(SeedSequence(3))):
        generator = Philox4x32(copy.deepcopy(start))
        handed_out = {child.key for child in generator.spawn(3)}
        set_state(generator.state, other)
        assert other.state == generator.state
        theirs, mine = first_key(other), first_key(generator)
        assert theirs == mine
        assert theirs not in handed_out


def test_a_state_is_plain() -> None:
    generator = Philox4x32(SeedSequence(np.arange(3), spawn_key=(4,), pool_size=5))
    generator.spawn(2)
    assert generator.state["n_children_spawned"] == 2
    assert generator.state["seed_sequence"] == {"entropy": [0, 1, 2], "spawn_key": [4], "pool_size": 5}
    assert Philox4x32(7).state["seed_sequence"] == "KeySequence"


@pytest.mark.parametrize("start", [3, SeedSequence(3), None])
def test_no_child_comes_again_when_the_key_is_changed_and_changed_back(start: Any) -> None:
    generator = Philox4x32(copy.deepcopy(start))
    begin = generator.state
    handed_out = [first_key(generator)]
    away = {"seed": 4, "offset": 0}
    for state in (
        begin,  # an old state of its own
        {**begin, "key": away, "seed_sequence": "KeySequence"},
        begin,  # and back
        {**begin, "key": away, "seed_sequence": "KeySequence"},
        generator.state,
    ):
        generator.state = state
        handed_out.append(first_key(generator))
    assert len(set(handed_out)) == len(handed_out) == 6
    revived = pickle.loads(pickle.dumps(generator))
    revived.state = {**begin, "key": away, "seed_sequence": "KeySequence"}
    assert first_key(revived) not in handed_out


def test_a_key_that_is_left_stays_shared() -> None:
    sequence = KeySequence(7)
    first, second = Philox4x32(sequence), Philox4x32(sequence)
    begin = first.state
    first.state = Philox4x32(4).state
    used = first_key(second)
    first.state = begin
    assert first_key(first) != used


def test_keys_that_nothing_was_spawned_from_are_forgotten() -> None:
    generator = Philox4x32(7)
    state = generator.state
    for seed in range(1000):
        generator.state = {**state, "key": {"seed": seed, "offset": 0}}
    assert len(pickle.dumps(generator)) < 2000


def test_jumps_there_and_back_repeat_no_child() -> None:
    generator = Philox4x32(3)
    handed_out = [first_key(generator)]
    jumped = generator.jumped(2)
    handed_out += [first_key(jumped), first_key(jumped.jumped(-2)), first_key(generator.jumped(0))]
    handed_out += [first_key(generator), first_key(jumped)]
    assert handed_out[1] == jumped.key.fold_in(0)
    assert len(set(handed_out)) == len(handed_out)


# What pyinit 0.1.0 wrote: a state without children, and a sequence without a lock. Its generator had passed
# ten words and spawned two children.
OLD_STATE = {
    "bit_generator": "Philox4x32",
    "stream_version": 1,
    "key": {"seed": 3, "offset": 0},
    "position": 10,
}
OLD_PICKLE = (
    b"\x80\x02cpyinit.numpy.philox\nPhilox4x32\nq\x00cpyinit.numpy.seeding\nKeySequence\nq\x01)\x81q\x02}q\x03("
    b"X\x03\x00\x00\x00keyq\x04cpyinit.stream\nKey\nq\x05)\x81q\x06}q\x07(X\x04\x00\x00\x00seedq\x08K\x03X\x06\x00\x00"
    b"\x00offsetq\tK\x00ubX\x12\x00\x00\x00n_children_spawnedq\nK\x02ub\x85q\x0bRq\x0c}q\r(X\r\x00\x00\x00bit_gener"
    b"atorq\x0eX\n\x00\x00\x00Philox4x32q\x0fX\x0e\x00\x00\x00stream_versionq\x10K\x01h\x04}q\x11(h\x08K\x03h\tK\x00uX"
    b"\x08\x00\x00\x00positionq\x12K\nub."
)


def test_old_states_and_pickles_still_load() -> None:
    revived = pickle.loads(OLD_PICKLE)
    assert {name: revived.state[name] for name in OLD_STATE} == OLD_STATE
    assert first_key(revived) == pi.key(3).fold_in(2)
    fresh, used = Philox4x32(7), Philox4x32(3)
    used.spawn(5)
    for generator, number in ((fresh, 0), (used, 5)):
        generator.state = OLD_STATE
        assert first_key(generator) == pi.key(3).fold_in(number)
