"""What is refused, and in which words; what is refused changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.random.bit_generator import ISeedSequence

import pyinit as pi
from pyinit.errors import SeedError, StateError
from pyinit.numpy import KeySequence, Philox4x32


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (1.5, "key must be an int seed or a Key; got 1.5. Use pyinit.key(seed)."),
        ("seed", "key must be an int seed or a Key; got 'seed'. Use pyinit.key(seed)."),
        (True, "key must be an int seed or a Key; got True. Use pyinit.key(seed)."),
        ([1, 2], "key must be an int seed or a Key; got [1, 2]. Use pyinit.key(seed)."),
        (-1, "a seed must be an integer in [0, 2**64); got -1. Reduce it, for instance modulo 2**64."),
        (2**64, f"a seed must be an integer in [0, 2**64); got {2**64}. Reduce it"),
        (np.arange(2), "a seed must be an integer in [0, 2**64); got array([0, 1])."),
    ],
)
def test_keys(key: Any, message: str) -> None:
    with pytest.raises(SeedError, match="^" + re.escape(message)):
        Philox4x32(key)
    with pytest.raises(SeedError, match="^" + re.escape(message)):
        KeySequence(key)


# NumPy's generators raise a TypeError for these, and its users catch that.
@pytest.mark.parametrize("key", [3.2, -0.5, [None], "1", True, np.arange(2), {}])
def test_a_key_of_a_wrong_type_is_a_type_error_too(key: Any) -> None:
    for make in (Philox4x32, KeySequence):
        with pytest.raises(TypeError) as raised:
            make(key)
        assert isinstance(raised.value, SeedError)
    for wrong in (-1, 2**64, np.int64(-1)):
        with pytest.raises(SeedError) as ours:
            Philox4x32(wrong)
        assert not isinstance(ours.value, TypeError)


STATE = Philox4x32(7).state


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"1"}, "a state of Philox4x32 is a dict; got {'1'}. Use what Philox4x32.state returned."),
        ({}, "a state of Philox4x32 has bit_generator 'Philox4x32'; got None. Use what"),
        (np.random.PCG64(0).state, "a state of Philox4x32 has bit_generator 'Philox4x32'; got 'PCG64'. Use"),
        ({**STATE, "stream_version": 2}, "a state of Philox4x32 has stream_version 1; got 2. Use what"),
        ({**STATE, "key": 3}, "a state of Philox4x32 has a key and a position; got {"),
        ({**STATE, "key": {"seed": -1}}, "a state of Philox4x32 has a key and a position; got {"),
        ({**STATE, "key": {"seeds": 1}}, "a state of Philox4x32 has a key and a position; got {"),
        ({k: v for k, v in STATE.items() if k != "position"}, "a state of Philox4x32 has a key and a posit"),
        ({**STATE, "position": -1}, "a state of Philox4x32 has a key and a position; got {"),
        ({**STATE, "position": 1.0}, "a state of Philox4x32 has a key and a position; got {"),
        ({**STATE, "n_children_spawned": -1}, "a state of children has n_children_spawned, and "),
        ({**STATE, "n_children_spawned": None}, "a state of children has n_children_spawned, and "),
        ({**STATE, "seed_sequence": "PCG64"}, "a state of children has n_children_spawned, and "),
        ({**STATE, "seed_sequence": {"seed": 1}}, "a state of children has n_children_spawned, and "),
        ({**STATE, "seed_sequence": {"entropy": -1}}, "a state of children has n_children_spawned, and "),
        ({**STATE, "seed_sequence": {"entropy": 1}}, "a state with a seed_sequence has its key, Key(seed="),
        ({**STATE, "position": 2**66}, f"a position is below 2**66; got {2**66}. Use what Philox4x32.state"),
    ],
)
def test_states(state: Any, message: str) -> None:
    generator = Philox4x32(3)
    generator.random_raw(5)
    before = generator.state
    with pytest.raises(StateError, match="^" + re.escape(message)):
        generator.state = state
    assert generator.state == before
    assert generator.spawn(1)[0].key == pi.key(3).fold_in(0)


@pytest.mark.parametrize("method", ["advance", "jumped"])
@pytest.mark.parametrize("number", [1.5, "2", None, True])
def test_steps(method: str, number: Any) -> None:
    what = {"advance": "advance's delta", "jumped": "jumped's jumps"}[method]
    message = f"{what} must be an integer; got {number!r}. Use an int."
    with pytest.raises(StateError, match=re.escape(message)):
        getattr(Philox4x32(3), method)(number)


@pytest.mark.parametrize("number", [-1, 1.5, "2", True])
def test_counts(number: Any) -> None:
    message = f"spawn's n_children must be an integer of at least 0; got {number!r}. Use an int."
    generator = Philox4x32(3)
    for spawn in (generator.spawn, generator.seed_seq.spawn):
        with pytest.raises(StateError, match="^" + re.escape(message)):
            spawn(number)
    assert generator.seed_seq.n_children_spawned == 0
    with pytest.raises(StateError, match="generate_state's n_words must be an integer of at least 0; got"):
        KeySequence(3).generate_state(number)
    with pytest.raises(StateError, match="n_children_spawned must be an integer of at least 0; got"):
        KeySequence(3, number)


def test_widths() -> None:
    with pytest.raises(
        StateError, match=r"generate_state needs uint32 or uint64; got float32\. Use one of them\."
    ):
        KeySequence(3).generate_state(2, np.float32)


class Fixed:
    """A seed sequence that cannot spawn."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        return np.ones(n_words, dtype)

    def __repr__(self) -> str:
        return "Fixed()"


ISeedSequence.register(Fixed)


def test_sequences_that_cannot_spawn() -> None:
    generator = Philox4x32(Fixed())
    assert generator.key == pi.Key(1, 1)
    with pytest.raises(
        StateError,
        match=r"spawn needs a seed sequence that can spawn; got Fixed\(\). Make the generator from",
    ):
        generator.spawn(1)


# NumPy's generators raise either, and its users catch either.
def test_what_a_state_error_is() -> None:
    assert issubclass(StateError, TypeError)
    assert issubclass(StateError, ValueError)
    assert issubclass(StateError, pi.PyinitError)


def test_a_wrong_instruction_set_is_said_on_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import pyinit.numpy"],
        env={**os.environ, "PYINIT_ISA": "sse"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "an instruction set must be one of " in done.stderr.splitlines()[-1]
