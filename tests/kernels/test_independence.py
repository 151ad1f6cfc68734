"""Streams apart: seeds one bit apart, neighbouring names and far offsets have nothing in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

import pyinit as pi

from .checks import LIMIT, avalanche_excess, correlation_excess, overlap_excess

N = 1 << 16
SEEDS = [0, 2**63 + 2**31 + 7]


def normals(key: pi.Key, count: int = N) -> np.ndarray:
    return pi.normal()(count, key=key)


def sizes(streams: np.ndarray) -> np.ndarray:
    """Return the squares of normals, with mean 0 and std 1."""
    return (streams.astype(np.float64) ** 2 - 1) / math.sqrt(2)


def lattice(key: pi.Key) -> np.ndarray:
    """Return the 24 bits of uniforms."""
    return (pi.uniform()(N, key=key) * np.float32(2**24)).astype(np.uint32)


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_one_bit_apart(seed: int) -> None:
    streams = np.stack([normals(pi.key(s)) for s in (seed, *(seed ^ (1 << k) for k in range(64)))])
    assert correlation_excess(streams) < LIMIT
    assert correlation_excess(sizes(streams)) < LIMIT
    # mutants: a seed that ignores its top bit, and one whose stream leaks 3.7 % into its neighbour
    deaf = streams.copy()
    deaf[64] = deaf[0]
    assert correlation_excess(deaf) > LIMIT
    leaking = streams.copy()
    leaking[40] += np.float32(0.037) * leaking[0]
    assert correlation_excess(leaking) > LIMIT


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bit_of_the_seed_changes_half_of_all_bits(seed: int) -> None:
    words = lattice(pi.key(seed))
    for k in range(64):
        other = lattice(pi.key(seed ^ (1 << k)))
        assert avalanche_excess(words, other, 24) < LIMIT
    # the mutant: one word in 160 stays as it was
    other[::160] = words[::160]
    assert avalanche_excess(words, other, 24) > LIMIT


@pytest.mark.parametrize(
    "name",
    [
        lambda i: f"layer.{i}.weight",
        lambda i: f"model.layers.{i // 4}.{('q', 'k', 'v', 'o')[i % 4]}_proj.weight",
        lambda i: "w" * (i + 1),
        lambda i: i,
    ],
    ids=["layers", "projections", "lengths", "numbers"],
)
def test_neighbouring_names(name: Callable[[int], str | int]) -> None:
    keys = [pi.key(11).fold_in(name(i)) for i in range(64)]
    assert len({key.seed for key in keys}) == len({key.offset for key in keys}) == 64
    streams = np.stack([normals(key) for key in keys])
    assert correlation_excess(streams) < LIMIT
    assert correlation_excess(sizes(streams)) < LIMIT
    for first, second in pairwise(streams[:9]):
        assert overlap_excess(first, second) < LIMIT


def test_nested_names_differ_from_joined_ones() -> None:
    key = pi.key(3)
    streams = np.stack(
        [normals(k) for k in (key, key.fold_in("a"), key.fold_in("a").fold_in("b"), key.fold_in("ab"))]
    )
    assert correlation_excess(streams) < LIMIT


@pytest.mark.parametrize("seed", SEEDS)
def test_offsets_far_apart(seed: int) -> None:
    offsets = [0, *(1 << k for k in range(16, 64))]
    streams = np.stack([normals(pi.Key(seed, offset)) for offset in offsets])
    assert correlation_excess(streams) < LIMIT
    for stream in streams[1:17]:
        assert overlap_excess(streams[0], stream) < LIMIT


@pytest.mark.parametrize("offset", [1, 1000, (N - 2500) // 4])
def test_streams_that_overlap_are_caught(offset: int) -> None:
    # offsets count blocks of 4 elements: the mutant of a name that moved the offset a little
    first, second = normals(pi.key(3)), normals(pi.Key(3, offset))
    np.testing.assert_array_equal(first[4 * offset :], second[: N - 4 * offset])
    assert overlap_excess(first, second) > LIMIT
    assert overlap_excess(second, first) > LIMIT
    assert correlation_excess(np.stack([first, second])) < LIMIT


def test_float32_and_float64_draw_different_words() -> None:
    # 64-bit draws join two words, so their normals share no radius with those of 32 bits
    narrow, wide = normals(pi.key(1)), pi.normal()(N, key=1, dtype="float64")
    assert correlation_excess(np.stack([narrow, wide.astype(np.float32)])) < LIMIT
