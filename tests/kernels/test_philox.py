"""Philox4x32-10: the vector kernels against single blocks, and against JAX's own generator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import xor
from pathlib import Path

import numpy as np
import pytest

import pyinit as pi
from pyinit import _core

KNOWN = Path(__file__).parents[1] / "data" / "random123_philox4x32_10.txt"
# Where the low half of a counter carries into the high half, and where it wraps.
OFFSETS = [0, 5, 2**32 - 9, 2**40 + 3, 2**64 - 7]
SEEDS = [0, 1, 2**32, 2**63 + 12345, 2**64 - 1]


def low_words(key: pi.Key, first: int, count: int) -> np.ndarray:
    """Return the low 24 bits of 32-bit draws, as a fill of uniforms makes them."""
    u = pi.uniform()(count, key=key, window=pi.Window((first,), (2**60,)))
    return (u.astype(np.float64) * 2**24).astype(np.int64)


def words(key: pi.Key, block: int) -> list[int]:
    return [word % 2**24 for word in _core.block(key.seed, key.offset, block)]


def test_random123_known_answer_in_a_fill(isa: str) -> None:
    answers = [line.split() for line in KNOWN.read_text().splitlines() if line.startswith("00000000")]
    assert len(answers) == 1
    assert low_words(pi.key(0), 0, 4).tolist() == [int(word, 16) % 2**24 for word in answers[0][6:]]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("offset", OFFSETS)
def test_blocks_of_a_fill(isa: str, seed: int, offset: int) -> None:
    key = pi.Key(seed, offset)
    expected = [word for block in range(67) for word in words(key, block)]
    assert low_words(key, 0, 268).tolist() == expected


@pytest.mark.parametrize("first", [2**32 - 12, 2**34 - 6, 2**42 + 1])
def test_blocks_far_out(isa: str, first: int) -> None:
    key = pi.Key(77, 2**63)
    expected = [words(key, i // 4)[i % 4] for i in range(first, first + 90)]
    assert low_words(key, first, 90).tolist() == expected


def test_a_word_of_a_wrong_block_is_noticed(isa: str) -> None:
    key = pi.Key(77, 0)
    assert low_words(key, 0, 4).tolist() != words(key, 1)
    assert low_words(pi.Key(77, 1), 0, 4).tolist() == words(key, 1)


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, int, int, int]:
    return tuple(_core.philox4x32(tuple(map(int, counter)), tuple(map(int, key))))


# JAX exposes the block function through what it draws: random bits are the four words of counter (0, i, 0, 0)
# folded together, a split takes two words of counter (0, 0, 0, i), and so does fold_in.
JAX_KEYS = np.random.default_rng(20).integers(0, 2**32, (8, 2), np.uint32)


@pytest.mark.interop
@pytest.mark.parametrize("key", JAX_KEYS, ids=lambda key: f"{key[0]:08x}{key[1]:08x}")
def test_jax_draws_the_same_blocks(key: np.ndarray) -> None:
    random = pytest.importorskip("jax").random
    wrapped = random.wrap_key_data(key, impl="philox4x32")
    bits = [int(word) for word in random.bits(wrapped, (500,), "uint32")]
    assert bits == [reduce(xor, philox((0, i, 0, 0), key)) for i in range(500)]
    parts = np.asarray(random.key_data(random.split(wrapped, 50))).tolist()
    assert parts == [list(philox((0, 0, 0, i), key)[:2]) for i in range(50)]
    for number in (0, 1, 2**31, 2**32 - 1):
        folded = random.key_data(random.fold_in(wrapped, np.uint32(number)))
        assert np.asarray(folded).tolist() == list(philox((0, 0, 0, number), key)[:2])
