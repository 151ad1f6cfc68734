"""Values of one stream: moments, bins, tails and neighbours; each check with mutants it catches."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import special

import pyinit as pi
from pyinit import reference

from .checks import (
    BINS_PER_STD,
    LIMIT,
    REACH,
    bin_counts,
    bin_excess,
    bit_excess,
    count_excess,
    distance_excess,
    lag_excess,
    moment_excess,
    pair_excess,
    power_sums,
    tail_excess,
)

# Of the whole sample, and of the quarter that is enough for neighbours and distances.
N = 1 << 24
Mutant = Callable[[np.ndarray], np.ndarray]
Check = Callable[[np.ndarray], float]
KEYS = {"float32": 2024, "float64": 2025, "bfloat16": 2026, "float16": 2026}


@cache
def normals(dtype: str) -> np.ndarray:
    """Return one sample for all checks of a dtype; 16-bit ones in float32."""
    made = pi.normal()(N, key=KEYS[dtype], dtype=dtype)
    made = made.astype(np.float32) if made.itemsize == 2 else made
    made.flags.writeable = False
    return made


@pytest.fixture
def z() -> np.ndarray:
    return normals("float32")


def moments(z: np.ndarray) -> float:
    return float(np.abs(moment_excess(power_sums(z))).max())


def bins(z: np.ndarray) -> float:
    return bin_excess(bin_counts(z))


def distance(z: np.ndarray) -> float:
    return distance_excess(special.ndtr(z.astype(np.float64)))


def lags(z: np.ndarray) -> float:
    return lag_excess(z)


def sizes(z: np.ndarray) -> float:
    return lag_excess((z.astype(np.float64) ** 2 - 1) / math.sqrt(2))


def pairs(z: np.ndarray) -> float:
    probabilities = special.ndtr(z)
    return pair_excess(probabilities[::2], probabilities[1::2])


def pairs_across(z: np.ndarray) -> float:
    """The same between the second half of a pair and the first half of the next."""
    probabilities = special.ndtr(z)
    return pair_excess(probabilities[1:-1:2], probabilities[2::2])


SIZES: dict[Check, int] = {moments: N, bins: N} | dict.fromkeys(
    (distance, lags, sizes, pairs, pairs_across), N // 4
)
CHECKS: list[Check] = list(SIZES)


@pytest.mark.parametrize("check", CHECKS)
def test_float32(check: Check, z: np.ndarray) -> None:
    assert check(z[: SIZES[check]]) < LIMIT


@pytest.mark.parametrize("check", CHECKS)
def test_float64(check: Check) -> None:
    assert check(normals("float64")[: SIZES[check]]) < LIMIT


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("check", [moments, lags, sizes])
def test_halves(check: Check, dtype: str) -> None:
    # rounding to 8 bits moves the second moment by 2e-6, far less than 2^24 draws can tell
    assert check(normals(dtype)[: SIZES[check]]) < LIMIT


def scaled(by: float) -> Mutant:
    return lambda z: z * np.float32(by)


def moved(by: float) -> Mutant:
    return lambda z: z + np.float32(by)


def echo(lag: int, correlation: float) -> Mutant:
    """Return values correlated with those `lag` before."""
    return lambda z: math.sqrt(1 - correlation**2) * z + correlation * np.roll(z, lag)


def unsigned(z: np.ndarray) -> np.ndarray:
    """Return one value in 256 without its sign."""
    mutant = z.copy()
    mutant[::256] = np.abs(mutant[::256])
    return mutant


def partner(every: int) -> Mutant:
    """Return one pair in `every` whose second half has the sign of its first."""

    def mutate(z: np.ndarray) -> np.ndarray:
        mutant = z.copy()
        mutant[1 :: 2 * every] = np.copysign(mutant[1 :: 2 * every], mutant[:: 2 * every])
        return mutant

    return mutate


def turned(every: int) -> Mutant:
    """Return one pair in `every` whose sine is that of the next pair's angle: uncorrelated, alike in size."""

    def mutate(z: np.ndarray) -> np.ndarray:
        mutant = z.copy()
        pair = z.reshape(-1, 2).astype(np.float64)
        following = np.roll(pair, -1, axis=0)
        sine = np.hypot(*pair.T) * following[:, 1] / np.hypot(*following.T)
        mutant[1 :: 2 * every] = sine[::every]
        return mutant

    return mutate


def flat(z: np.ndarray) -> np.ndarray:
    """Return values with the first two moments right, and one in 50 of them uniform."""
    mutant = z.copy()
    mutant[::50] = special.ndtr(z[::50]) * math.sqrt(12) - math.sqrt(3)
    return mutant


def stratified(z: np.ndarray) -> np.ndarray:
    """Return too even a sample: the quantiles themselves."""
    return special.ndtri((np.arange(z.size) + 0.5) / z.size)


# Errors of the size that a check's docstring declares, and others of the kinds that generators have.
MUTANTS: list[tuple[Check, Mutant]] = [
    (moments, moved(0.0017)),
    (moments, scaled(1.0012)),
    (moments, unsigned),
    (moments, flat),
    (bins, moved(0.0033)),
    (bins, scaled(1.0024)),
    (bins, flat),
    (bins, stratified),
    (distance, moved(0.0048)),
    (distance, scaled(1.008)),
    (distance, stratified),
    (lags, echo(16, 0.004)),
    (lags, echo(64, 0.004)),
    (sizes, turned(32)),
    (pairs, partner(100)),
    (pairs, turned(32)),
    (pairs_across, lambda z: np.roll(partner(100)(z), 1)),
]


@pytest.mark.parametrize(("check", "mutant"), MUTANTS)
def test_mutants_are_caught(check: Check, mutant: Mutant, z: np.ndarray) -> None:
    assert check(mutant(z[: SIZES[check]])) > LIMIT


@pytest.mark.parametrize("mutant", [echo(16, 0.004), partner(100), turned(32)], ids=["echo", "sign", "turn"])
def test_some_mutants_show_only_in_pairs(mutant: Mutant, z: np.ndarray) -> None:
    # at the size at which `lags`, `pairs` and `sizes` catch them
    assert bins(mutant(z[: N // 4])) < LIMIT


@pytest.mark.parametrize("n", [100, 10_000, 1_000_000])
def test_distance_is_measured_in_sqrt_n(n: int, z: np.ndarray) -> None:
    # an error of 0.067 in the distribution function: hidden among 100 values, plain among 10000
    p = special.ndtr(z[:n].astype(np.float64))
    assert distance_excess(p) < LIMIT
    assert (distance_excess(p**1.2) > LIMIT) == (n > 100)


def counted(size: int, key: int, dtype: str) -> np.ndarray:
    """Return the bin counts of `size` normals, drawn in parts."""
    out = np.empty(N, dtype)
    counts = np.zeros_like(bin_counts(out[:1]))
    for begin in range(0, size, N):
        pi.fill(out, pi.normal(), key=key, window=pi.Window((begin,), (size,)))
        counts += bin_counts(out)
    return counts


def cut(counts: np.ndarray, edge: float) -> np.ndarray:
    """Return the counts of a stream whose tails end at `edge`: what lay beyond is in the last bin inside."""
    outside = (REACH * BINS_PER_STD + 1) - round(edge * BINS_PER_STD)
    short = counts.copy()
    short[outside] += short[:outside].sum()
    short[-outside - 1] += short[-outside:].sum()
    short[:outside] = short[-outside:] = 0
    return short


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails(dtype: str) -> None:
    counts, edges = counted(1 << 26, 7, dtype), (4.0, 4.5, 5.0, 5.5)
    assert tail_excess(counts, edges) < LIMIT
    assert tail_excess(cut(counts, 5.0), edges) > LIMIT
    # the mutant of a tail that is 12 % too heavy
    heavy = counts.copy()
    heavy[: 4 * BINS_PER_STD] = heavy[: 4 * BINS_PER_STD] * 1.12
    heavy[-4 * BINS_PER_STD :] = heavy[-4 * BINS_PER_STD :] * 1.12
    assert tail_excess(heavy, edges) > LIMIT


@pytest.mark.parametrize(("dtype", "five", "step"), [("bfloat16", 0x40A0, 2**-5), ("float16", 0x4500, 2**-8)])
def test_halves_reach_beyond_five_std(dtype: str, five: int, step: float) -> None:
    # rounded values above 5 come from beyond 5 and half a step; all of them missing shows as 7 deviations
    size = pi.normal()(1 << 26, key=9, dtype=dtype).view(np.uint16) & 0x7FFF
    expected = 2 * size.size * special.ndtr(-5 - step / 2)
    assert expected > 30
    assert count_excess(int((size > five).sum()), expected) < LIMIT
    assert count_excess(0, expected) > LIMIT


@pytest.mark.slow
def test_two_to_the_thirty() -> None:
    # detects a std off by 0.015 %, a mean of 0.0002 and a tail that ends at 5.5 std
    chunk, edges = 1 << 26, (4.5, 5.0, 5.5, 6.0)
    out = np.empty(chunk, np.float32)
    sums, counts = np.zeros(5), np.zeros_like(bin_counts(out[:1]))
    mutant_sums, mutant_counts = sums.copy(), counts.copy()
    for part in range(16):
        window = pi.Window((part * chunk,), (16 * chunk,))
        pi.fill(out, pi.normal(), key=30, window=window, threads=2)
        sums += power_sums(out)
        counts += bin_counts(out)
        out *= np.float32(1.001)
        mutant_sums += power_sums(out)
        mutant_counts += bin_counts(out)
    assert sums[0] == counts.sum() == 2**30
    assert np.abs(moment_excess(sums)).max() < LIMIT
    assert bin_excess(counts) < LIMIT
    assert tail_excess(counts, edges) < LIMIT
    assert np.abs(moment_excess(mutant_sums)).max() > LIMIT
    assert bin_excess(mutant_counts) > LIMIT
    assert tail_excess(cut(counts, 5.5), edges) > LIMIT


def lattice(count: int, key: int, dtype: str) -> tuple[np.ndarray, int]:
    """Return the integers behind uniforms, and how many bits they have."""
    bits = 53 if dtype == "float64" else 24
    u = pi.uniform()(count, key=key, dtype=dtype).astype(np.float64)
    return (u * 2.0**bits).astype(np.uint64), bits


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_uniforms(dtype: str) -> None:
    words, bits = lattice(1 << 20, 5, dtype)
    assert bit_excess(words, bits) < LIMIT
    one = np.uint64(1)
    stuck, copied = words.copy(), words.copy()
    stuck[::100] |= one
    copied[::64] ^= (copied[::64] ^ (copied[::64] >> np.uint64(bits - 1))) & one
    assert bit_excess(stuck, bits) > LIMIT
    assert bit_excess(copied, bits) > LIMIT


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distribution_of_uniforms(dtype: str) -> None:
    u = pi.uniform()(1 << 22, key=6, dtype=dtype).astype(np.float64)
    assert distance_excess(u) < LIMIT
    assert pair_excess(u[::2], u[1::2]) < LIMIT
    assert pair_excess(u[1:-1:2], u[2::2]) < LIMIT
    assert lag_excess((u - 0.5) * math.sqrt(12)) < LIMIT
    # mutants: a range of 0.996 of what it should be, a repeated neighbour in one pair of 256
    assert distance_excess(u * 0.996) > LIMIT
    repeated = u.copy()
    repeated[1::512] = u[::512]
    assert pair_excess(repeated[::2], repeated[1::2]) > LIMIT


@pytest.mark.parametrize(
    ("a", "b"), [(-2, 2), (-0.5, math.inf), (0, 1), (1.999, 2), (3, 5), (6, 7), (-8, -7), (-1e-3, 1e-3)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distribution_of_truncated_normals(a: float, b: float, dtype: str) -> None:
    # an interval above 0 is mirrored: Phi keeps its digits below
    side = -1 if a >= 0 else 1
    low, high = sorted((side * a, side * b))
    made = side * pi.truncated_normal(low=a, high=b)(1 << 20, key=8, dtype=dtype).astype(np.float64)
    below, above = special.ndtr(low), special.ndtr(high)
    assert distance_excess((special.ndtr(made) - below) / (above - below)) < LIMIT
    # the mutant: a std off by 2 %, then cut at the bounds
    mutant = (special.ndtr(np.clip(made * 1.02, low, high)) - below) / (above - below)
    assert distance_excess(mutant) > LIMIT


def test_the_reference_has_the_same_statistics() -> None:
    # the oracle of other tests is judged by the same checks
    made = reference.normal(pi.key(3), np.arange(1 << 20, dtype=np.uint64))
    assert moments(made) < LIMIT
    assert bins(made) < LIMIT
