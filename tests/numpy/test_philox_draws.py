"""Which draw of the bit generator is which word of the stream: known answers, the reference, pi.uniform."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator, SeedSequence

import pyinit as pi
from pyinit import _core, reference
from pyinit.numpy import KeySequence, Philox4x32

KNOWN = Path(__file__).parents[1] / "data" / "random123_philox4x32_10.txt"
KEYS = [pi.Key(0), pi.Key(7, 3), pi.Key(2**64 - 1, 2**32 - 9), pi.Key(1, 2**64 - 6)]
# More than are drawn ahead, twice.
COUNT = 2500


def index(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint64)


def words(generator: Philox4x32, count: int) -> np.ndarray:
    """Return the next 32-bit draws."""
    return Generator(generator).integers(0, 2**32, count, dtype=np.uint32)


def test_random123_known_answer() -> None:
    # of the vectors there, only this one's counter is one of the stream's
    answers = [line.split() for line in KNOWN.read_text().splitlines() if line.startswith("00000000")]
    assert len(answers) == 1
    expected = [int(word, 16) for word in answers[0][6:]]
    assert words(Philox4x32(0), 4).tolist() == expected
    assert Philox4x32(0).random_raw() == expected[0] << 32 | expected[1]


@pytest.mark.parametrize("key", KEYS)
def test_draws_are_the_references(key: pi.Key) -> None:
    assert (words(Philox4x32(key), COUNT) == reference.words32(key, index(COUNT))).all()
    assert (Philox4x32(key).random_raw(COUNT) == reference.words64(key, index(COUNT))).all()
    expected = reference.uniform(key, index(COUNT), dtype="float64")
    assert (Generator(Philox4x32(key)).random(COUNT) == expected).all()


@pytest.mark.parametrize("key", KEYS)
def test_float64_uniforms_have_pyinits_bits(key: pi.Key) -> None:
    made = Generator(Philox4x32(key)).random((50, 60))
    assert made.tobytes() == pi.uniform()((50, 60), key=key, dtype="float64").tobytes()


def test_float32_uniforms_have_the_same_words_and_other_bits() -> None:
    made = Generator(Philox4x32(7)).random(COUNT, dtype=np.float32)
    drawn = reference.words32(pi.key(7), index(COUNT))
    assert (made == ((drawn >> np.uint64(8)) * 2.0**-24).astype(np.float32)).all()
    theirs = pi.uniform()(COUNT, key=7)
    assert (theirs == ((drawn % np.uint64(2**24)) * 2.0**-24).astype(np.float32)).all()
    assert (made != theirs).mean() > 0.99


def test_a_wide_draw_passes_over_an_odd_word() -> None:
    drawn = reference.words32(pi.key(5), index(8)).tolist()
    generator = Philox4x32(5)
    interface = generator.ctypes
    seen = [interface.next_uint32(interface.state), interface.next_uint64(interface.state)]
    seen += [interface.next_uint32(interface.state) for _ in range(2)]
    seen += [int(interface.next_double(interface.state) * 2**53)]
    wide = drawn[6] << 32 | drawn[7]
    assert seen == [drawn[0], drawn[2] << 32 | drawn[3], drawn[4], drawn[5], wide % 2**53]
    assert generator.state["position"] == 8


# An integer seed and a Key are not hashed; a seed sequence gives its first 128 bits.
def test_what_a_key_can_be() -> None:
    assert Philox4x32(7).key == Philox4x32(np.int64(7)).key == Philox4x32(pi.key(7)).key == pi.Key(7, 0)
    assert Philox4x32(key=pi.Key(7, 3)).key == pi.Key(7, 3)
    seed, offset = SeedSequence(7).generate_state(2, np.uint64)
    assert Philox4x32(SeedSequence(7)).key == pi.Key(int(seed), int(offset))
    assert Philox4x32(KeySequence(pi.Key(7, 3))).key == pi.Key(7, 3)


def test_without_a_key_the_system_is_asked() -> None:
    first, second = Philox4x32(), Philox4x32(None)
    assert first.key != second.key
    again = Philox4x32(SeedSequence(first.seed_seq.entropy))
    assert again.random_raw() == first.random_raw()


def test_key_sequences_seed_other_generators() -> None:
    sequence = KeySequence(pi.Key(7, 3))
    assert sequence.generate_state(9).tolist() == reference.words32(pi.Key(7, 3), index(9)).tolist()
    assert sequence.generate_state(9).dtype == np.uint32
    wide = sequence.generate_state(5, np.uint64)
    assert wide.tolist() == reference.words64(pi.Key(7, 3), index(5)).tolist()
    assert (
        np.random.PCG64(sequence).random_raw() == np.random.PCG64(KeySequence(**sequence.state)).random_raw()
    )
    assert repr(sequence) == "KeySequence(Key(seed=7, offset=3), n_children_spawned=0)"


def test_foreign_interfaces() -> None:
    generator = Philox4x32(3)
    interface = generator.ctypes
    assert interface.next_double(interface.state) == Generator(Philox4x32(3)).random()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    assert pointer(generator.capsule, b"BitGenerator") == interface.bit_generator.value
    if importlib.util.find_spec("cffi"):
        foreign = generator.cffi
        assert foreign.next_uint64(foreign.state) == Philox4x32(3).random_raw(2)[1]


DIGEST = """
import hashlib
import numpy as np
import pyinit as pi
from pyinit.numpy import Philox4x32
generator = np.random.Generator(Philox4x32(pi.Key(9, 2**32 - 40)))
parts = [generator.random(3001), generator.integers(0, 2**32, 3001, dtype=np.uint32), generator.random(3001)]
print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""


# PYINIT_ISA is read once in a process.
def test_every_instruction_set_draws_the_same() -> None:
    key = pi.Key(9, 2**32 - 40)
    first, last = index(3001), index(3001) + np.uint64(3001 + 1501)
    parts = [
        reference.uniform(key, first, dtype="float64"),
        reference.words32(key, first + np.uint64(2 * 3001)).astype(np.uint32),
        reference.uniform(key, last, dtype="float64"),
    ]
    expected = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    for isa in _core.available_isas():
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYINIT_ISA": isa},
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == expected, isa
