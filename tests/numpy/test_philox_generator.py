"""NumPy's Generator on the stream: moments and correlations with their mutants, and two threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator

from pyinit.numpy import Philox4x32

from ..kernels.checks import (
    LIMIT,
    bin_counts,
    bin_excess,
    bit_excess,
    correlation_excess,
    lag_excess,
    moment_excess,
    overlap_excess,
    power_sums,
)

# At 2^20 draws `moments` detects a mean of 0.007 and a std off by 0.5 %, `bins` a mean of 0.017 and a std off
# by 1.2 %, `lag_excess` a correlation of 0.008.
N = 1 << 20
Check = Callable[[np.ndarray], float]


def moments(z: np.ndarray) -> float:
    return float(np.abs(moment_excess(power_sums(z))).max())


def bins(z: np.ndarray) -> float:
    return bin_excess(bin_counts(z))


CHECKS: list[Check] = [moments, bins, lag_excess]


def made(name: str) -> np.ndarray:
    """Return values that should be standard normals."""
    rng = Generator(Philox4x32(11))
    if name == "standard_normal float32":
        return rng.standard_normal(N, dtype=np.float32)
    if name == "scaled and moved back":
        return (rng.normal(3.0, 2.0, N) - 3.0) / 2.0
    if name == "mixed widths":
        # every part begins at an odd word
        parts = []
        for _ in range(64):
            rng.integers(0, 2**32, dtype=np.uint32)
            parts.append(rng.standard_normal(N // 64))
        return np.concatenate(parts)
    if name == "children":
        return np.concatenate([child.standard_normal(N // 64) for child in rng.spawn(64)])
    return rng.standard_normal(N)


@pytest.mark.parametrize(
    "name",
    ["standard_normal", "standard_normal float32", "scaled and moved back", "mixed widths", "children"],
)
def test_normals(name: str) -> None:
    z = made(name)
    for check in CHECKS:
        assert check(z) < LIMIT, check


@pytest.mark.parametrize(
    ("check", "mutant"),
    [
        (moments, lambda z: z + 0.007),
        (moments, lambda z: z * 1.005),
        (bins, lambda z: z + 0.017),
        (bins, lambda z: z * 1.012),
        (lag_excess, lambda z: np.sqrt(1 - 0.008**2) * z + 0.008 * np.roll(z, 16)),
        # a generator that draws its words ahead, and hands the same ones out again
        (lag_excess, lambda z: np.where(np.arange(N) % 1024 < 32, np.roll(z, 32), z)),
    ],
)
def test_mutants_of_normals(check: Check, mutant: Callable[[np.ndarray], np.ndarray]) -> None:
    assert check(mutant(made("standard_normal"))) > LIMIT


# A bit that is one in 50.8 %, or equals another one in 50.8 %, is detected.
def test_bits_of_raw_draws() -> None:
    words = Philox4x32(12).random_raw(N // 4)
    assert bit_excess(words, 64) < LIMIT
    halves = words.copy()
    halves[::32] |= halves[::32] << np.uint64(32)
    assert bit_excess(halves, 64) > LIMIT


# Detected are, in rows of 2^16, a correlation of 0.037 of two rows, and 2500 values common to two of them.
def test_children_and_jumps_are_independent() -> None:
    parent = Philox4x32(13)
    generators = [parent, *parent.spawn(16), parent.jumped(), parent.jumped(2), Philox4x32(14)]
    streams = np.stack([Generator(each).standard_normal(1 << 16) for each in generators])
    assert correlation_excess(streams) < LIMIT
    assert overlap_excess(streams[0], streams[1]) < LIMIT
    assert overlap_excess(streams[1], streams[2]) < LIMIT
    assert overlap_excess(streams[0], streams[17]) < LIMIT
    leaning = streams.copy()
    leaning[3] = np.sqrt(1 - 0.037**2) * leaning[3] + 0.037 * leaning[5]
    assert correlation_excess(leaning) > LIMIT
    overlapping = streams[1].copy()
    overlapping[:2500] = streams[0][30_000:32_500]
    assert overlap_excess(streams[0], overlapping) > LIMIT


DISTRIBUTIONS: list[tuple[str, Callable[[Generator], np.ndarray], float, float]] = [
    ("uniform", lambda rng: rng.uniform(-1, 3, N), 1.0, 4 / np.sqrt(12)),
    ("float32", lambda rng: rng.random(N, dtype=np.float32), 0.5, 1 / np.sqrt(12)),
    ("exponential", lambda rng: rng.exponential(2.0, N), 2.0, 2.0),
    ("gamma", lambda rng: rng.gamma(3.0, 1.0, N), 3.0, np.sqrt(3)),
    ("integers", lambda rng: rng.integers(0, 10, N), 4.5, np.sqrt(99 / 12)),
    ("integers8", lambda rng: rng.integers(0, 10, N, dtype=np.uint8), 4.5, np.sqrt(99 / 12)),
    ("poisson", lambda rng: rng.poisson(4.0, N), 4.0, 2.0),
    ("binomial", lambda rng: rng.binomial(20, 0.25, N), 5.0, np.sqrt(3.75)),
    ("choice", lambda rng: rng.choice(np.arange(10.0), N), 4.5, np.sqrt(99 / 12)),
]


# A mean off by 0.007 standard deviations is detected, and by 0.01 always.
@pytest.mark.parametrize(
    ("draw", "mean", "std"), [row[1:] for row in DISTRIBUTIONS], ids=[row[0] for row in DISTRIBUTIONS]
)
def test_means_of_distributions(draw: Callable[[Generator], np.ndarray], mean: float, std: float) -> None:
    values = draw(Generator(Philox4x32(15)))
    assert abs(values.mean() - mean) / std * np.sqrt(N) < LIMIT
    mutant = values + 0.01 * std
    assert abs(mutant.mean() - mean) / std * np.sqrt(N) > LIMIT


def test_two_threads_share_a_generator() -> None:
    shared, rounds, chunk = Philox4x32(16), 400, 257
    start = threading.Barrier(2)
    taken: list[list[np.ndarray]] = [[], []]
    positions: list[int] = []

    def take(mine: list[np.ndarray]) -> None:
        start.wait()
        for _ in range(rounds):
            mine.append(shared.random_raw(chunk))
            positions.append(shared.state["position"])

    threads = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = Philox4x32(16).random_raw(2 * rounds * chunk).reshape(-1, chunk)
    place = {int(row[0]): number for number, row in enumerate(expected)}
    order = [[place[int(row[0])] for row in mine] for mine in taken]
    # each draw went to one thread, and each thread's came in order
    assert sorted(order[0] + order[1]) == list(range(2 * rounds))
    assert order[0] == sorted(order[0])
    assert order[1] == sorted(order[1])
    assert all((row == expected[place[int(row[0])]]).all() for mine in taken for row in mine)
    assert {position % (2 * chunk) for position in positions} == {0}


def test_the_lock_is_held_while_the_generator_moves() -> None:
    generator = Philox4x32(17)
    moves: list[Callable[[], object]] = [
        lambda: generator.state,
        lambda: generator.key,
        lambda: generator.advance(1),
        lambda: generator.jumped(),
        lambda: generator.spawn(1),
        lambda: generator.random_raw(),
        lambda: setattr(generator, "state", Philox4x32(17).state),
    ]
    for move in moves:
        done = threading.Event()

        def run(move: Callable[[], object] = move, done: threading.Event = done) -> None:
            move()
            done.set()

        thread = threading.Thread(target=run)
        with generator.lock:
            thread.start()
            thread.join(0.02)
            assert not done.is_set()
        thread.join()
        assert done.is_set()
