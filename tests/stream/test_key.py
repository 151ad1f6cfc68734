"""Keys: known answers, torch's derived keys, and what is refused."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit import _core
from pyinit.stream.key import as_key, philox4x32

DATA = Path(__file__).parents[1] / "data"
KNOWN = [
    [int(word, 16) for word in line.split()]
    for line in (DATA / "random123_philox4x32_10.txt").read_text().splitlines()
    if not line.startswith("#")
]
CASES = json.loads((DATA / "torch_stateless_philox.json").read_text())["cases"]
WORD64 = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("words", KNOWN)
def test_random123_known_answers(words: list[int]) -> None:
    counter, key, answer = tuple(words[:4]), tuple(words[4:6]), tuple(words[6:])
    assert philox4x32(counter, key) == answer
    assert tuple(_core.philox4x32(counter, key)) == answer


@given(seed=WORD64, offset=WORD64, n=WORD64)
def test_a_block_is_philox_of_its_number(seed: int, offset: int, n: int) -> None:
    at = (offset + n) % 2**64
    words = philox4x32((at % 2**32, at >> 32, 0, 0), (seed % 2**32, seed >> 32))
    assert pi.Key(seed, offset).block(n) == words


def test_block_counts_modulo_two_to_the_64() -> None:
    assert pi.Key(3, 2**64 - 1).block(1) == pi.Key(3, 0).block(0)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['seed']}-{case['offset']}")
def test_fold_in_equals_torch(case: dict) -> None:
    key = pi.Key(int(case["seed"]), int(case["offset"]))
    assert len(case["fold_in"]) >= 4
    for n, (seed, offset) in case["fold_in"].items():
        assert key.fold_in(int(n)) == pi.Key(int(seed), int(offset))


@given(st.text())
def test_a_name_is_the_number_of_its_hash(name: str) -> None:
    n = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
    assert pi.key(5).fold_in(name) == pi.key(5).fold_in(n)


def test_a_key_of_stream_version_1_is_frozen_forever() -> None:
    assert pi.key(0).fold_in("layers.3.mlp.up.weight") == pi.Key(14468243348672173865, 9712728040886258898)


def test_keys_are_values() -> None:
    key = pi.key(7)
    assert key == pi.Key(7, 0)
    assert len({key, pi.Key(7), pi.Key(7, 1)}) == 2
    assert eval(repr(key), {"Key": pi.Key}) == key
    with pytest.raises(AttributeError):
        key.seed = 8  # type: ignore[misc]


def test_integers_of_numpy_are_seeds() -> None:
    key = pi.Key(np.uint64(2**64 - 1), np.int8(3))
    assert type(key.seed) is int
    assert key == pi.Key(2**64 - 1, 3)
    assert as_key(np.int64(4)) == pi.key(4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.key(-1), r"a seed must be an integer in \[0, 2\*\*64\); got -1. Reduce it"),
        (lambda: pi.key(2**64), r"a seed must be an integer in \[0, 2\*\*64\); got 18446744073709551616"),
        (lambda: pi.Key(0, 2**64), r"an offset must be an integer in"),
        (lambda: pi.key(True), r"a seed must be an integer .*; got True. Use an int."),
        (lambda: pi.key(1.0), r"a seed must be an integer .*; got 1.0. Use an int."),
        (lambda: pi.key(0).fold_in(-1), r"fold_in's number must be an integer .*; got -1"),
        (lambda: pi.key(0).fold_in(None), r"fold_in's number must be an integer .*; got None"),
        (lambda: as_key("seed"), r"key must be an int seed or a Key; got 'seed'. Use pyinit.key\(seed\)."),
        (lambda: as_key(True), r"key must be an int seed or a Key; got True"),
        (lambda: as_key(2**64), r"a seed must be an integer"),
        (
            lambda: as_key(np.array([0, 42], np.uint32)),
            r"a seed must be an integer .*; got array\(\[ 0, 42\]",
        ),
        (lambda: pi.key(0).fold_in("\ud800"), r"UTF-8 can hold; got '\\ud800'. Remove its lone surrogates."),
    ],
)
def test_what_is_not_a_key_is_refused(make, message: str) -> None:
    with pytest.raises(pi.SeedError, match=message):
        make()
