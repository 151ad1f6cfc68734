"""Statistical checks, each a function of a sample that returns a number of standard deviations.

A check passes below LIMIT: chance exceeds it once in 1.7 million. Where it looks at many numbers, it
accounts for the choice of the worst. Docstrings state the smallest error that a check detects: one that
moves the result by 7 standard deviations, so that it is missed once in 44.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

__all__ = [
    "BINS_PER_STD",
    "LIMIT",
    "REACH",
    "avalanche_excess",
    "bin_counts",
    "bin_excess",
    "bit_excess",
    "correlation_excess",
    "count_excess",
    "distance_excess",
    "lag_excess",
    "moment_excess",
    "overlap_excess",
    "pair_excess",
    "power_sums",
    "tail_excess",
]

LIMIT = 5.0
BINS_PER_STD = 32
REACH = 8
_BLOCK = 1 << 16
_CACHED = 1 << 13
_LOG_TAIL_FROM = 35.0


def sigmas(p: float) -> float:
    """Return how many standard deviations of a normal are as rare, on both sides, as a probability."""
    return float(stats.norm.isf(min(p, 1.0) / 2))


def worst(scores: np.ndarray, looked_at: int | None = None) -> float:
    """Return the largest of standard scores as one score, with the choice of the largest paid for."""
    largest = float(np.abs(scores).max())
    if largest > _LOG_TAIL_FROM:
        return largest
    return sigmas(2 * stats.norm.sf(largest) * (looked_at or np.size(scores)))


def power_sums(z: np.ndarray) -> np.ndarray:
    """Return the number of values and the sums of their first four powers; of parts, these add up."""
    sums = np.zeros(5)
    for begin in range(0, z.size, _BLOCK):
        part = z[begin : begin + _BLOCK].astype(np.float64)
        square = part * part
        sums += part.size, part.sum(), square.sum(), square @ part, square @ square
    return sums


def moment_excess(sums: np.ndarray) -> np.ndarray:
    """Return the scores of the first four moments of standard normals.

    It detects, at 2^24 draws, a mean of 0.0017, a std off by 0.12 %, a third moment of 0.0066 and a fourth
    off by 0.017; at 2^30 draws an eighth of each.
    """
    n = sums[0]
    moments = np.array([0.0, 1.0, 0.0, 3.0])
    variances = np.array([1.0, 3.0 - 1.0, 15.0, 105.0 - 9.0])
    return (sums[1:] / n - moments) * np.sqrt(n / variances)


def bin_counts(z: np.ndarray) -> np.ndarray:
    """Return how many values fall into bins of 1 / 32, and beyond +-8; of parts, these add up."""
    counts = np.zeros(2 * REACH * BINS_PER_STD + 2, np.int64)
    for begin in range(0, z.size, _BLOCK):
        # exact: a float times a power of two
        scaled = np.floor(z[begin : begin + _BLOCK] * z.dtype.type(BINS_PER_STD))
        at = np.clip(scaled, -REACH * BINS_PER_STD - 1, REACH * BINS_PER_STD).astype(np.int64)
        counts += np.bincount(at + REACH * BINS_PER_STD + 1, minlength=counts.size)
    return counts


def _chances() -> np.ndarray:
    """Return the probability of each bin, accurate in both tails."""
    edges = np.arange(-REACH * BINS_PER_STD, 1) / BINS_PER_STD
    below = special.ndtr(edges)
    half = np.concatenate([below[:1], np.diff(below)])
    return np.concatenate([half, half[::-1]])


def bin_excess(counts: np.ndarray) -> float:
    """Return the score of chi-square over bins of 1 / 32, merged in the tails until 20 are expected in each.

    It detects, at 2^24 draws, a mean of 0.0033, a std off by 0.24 %, or one bin of the centre off by 3 %; the
    outermost bin begins past 4.5 std. At 2^30 draws it detects an eighth of each, and the outermost bin
    begins past 5.4. Counts that are too even for chance fail as well.
    """
    chances = _chances()
    n = counts.sum()
    enough = np.flatnonzero(np.cumsum(chances) * n >= 20)[0]
    inner = slice(enough + 1, chances.size - enough - 1)
    seen, expected = (
        np.concatenate([[a[: enough + 1].sum()], a[inner], [a[a.size - enough - 1 :].sum()]])
        for a in (counts, chances * n)
    )
    chi_square = float(((seen - expected) ** 2 / expected).sum())
    freedom = expected.size - 1
    # Wilson and Hilferty: the cube root is nearly normal
    spread = 2 / (9 * freedom)
    return abs((chi_square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)


def count_excess(seen: int, expected: float) -> float:
    """Return the score of one count, against Poisson's distribution; it detects 0 where 30 are expected."""
    rarer = min(stats.poisson.cdf(seen, expected), stats.poisson.sf(seen - 1, expected))
    return sigmas(2 * rarer)


def tail_excess(counts: np.ndarray, edges: tuple[float, ...]) -> float:
    """Return the score of the numbers below -edge and from edge on, each against Poisson's distribution.

    It detects, at 2^26 draws, a tail that ends at 5 std (38 are missing), or holds 12 % too much or too
    little beyond 4 std; at 2^30 draws one that ends at 5.5 (41 are missing), and at edge 6, where 1 is
    expected on each side, 12 or more.
    """
    found = []
    for edge in edges:
        bin_of = round(edge * BINS_PER_STD)
        assert bin_of == edge * BINS_PER_STD
        outside = REACH * BINS_PER_STD - bin_of + 1
        expected = counts.sum() * special.ndtr(-edge)
        below, above = int(counts[:outside].sum()), int(counts[-outside:].sum())
        found += [count_excess(below, expected), count_excess(above, expected)]
        found.append(count_excess(below + above, 2 * expected))
    return worst(np.array(found))


def distance_excess(probabilities: np.ndarray) -> float:
    """Return the score of Kolmogorov and Smirnov's distance from the uniform distribution, times sqrt n.

    Give it Phi(z) for normals. It detects, at 2^22 draws, an error of the distribution function of 0.0019: a
    mean of 0.0048 or a std off by 0.8 %. A distance too small for chance fails as well.
    """
    ordered = np.sort(probabilities)
    n = ordered.size
    rank = np.arange(n) / n
    distance = max(float((ordered - rank).max()), float((rank + 1 / n - ordered).max()))
    above = float(special.kolmogorov(math.sqrt(n) * distance))
    return sigmas(2 * min(above, 1 - above))


def lag_excess(z: np.ndarray, lags: int = 64) -> float:
    """Return the score of the largest correlation between values 1, 2, ... lags apart.

    Values have mean 0 and std 1; give it (z^2 - 1) / sqrt 2 for the correlation of sizes. It detects, at 2^22
    draws, a correlation of 0.004 at any lag.
    """
    wide, products = z.astype(np.float64), np.zeros(lags)
    # in parts that stay in a cache
    for begin in range(0, wide.size, _CACHED):
        part = wide[begin : begin + _CACHED]
        for lag in range(1, lags + 1):
            later = wide[begin + lag : begin + lag + part.size]
            products[lag - 1] += later @ part[: later.size]
    return worst(products / np.sqrt(wide.size - np.arange(1, lags + 1)))


def pair_excess(first: np.ndarray, second: np.ndarray, cells: int = 16) -> float:
    """Return the score of chi-square over cells x cells of two probabilities: any dependence between them.

    It detects, at 2^21 pairs, a share of 0.25 % of pairs that are equal, or of 1 % whose second half has
    the sign of the first.
    """
    at = [np.minimum((p * cells).astype(np.int64), cells - 1) for p in (first, second)]
    counts = np.bincount(at[0] * cells + at[1], minlength=cells * cells)
    expected = first.size / (cells * cells)
    freedom = cells * cells - 1
    chi_square = ((counts - expected) ** 2).sum() / expected
    return float(abs(chi_square - freedom) / math.sqrt(2 * freedom))


def correlation_excess(streams: np.ndarray) -> float:
    """Return the score of the largest correlation between any two rows; values have mean 0 and std 1.

    It detects, in rows of 2^16, a correlation of 0.037 between two of 65 rows.
    """
    narrow = streams.astype(np.float32, copy=False)
    products = (narrow @ narrow.T) / math.sqrt(streams.shape[1])
    return worst(products[np.triu_indices(len(streams), 1)])


def overlap_excess(first: np.ndarray, second: np.ndarray) -> float:
    """Return the score of the largest correlation of two streams moved against each other by any distance.

    It detects, in streams of 2^16, a common part of 2500 values, wherever it lies in either.
    """
    n = first.size
    transformed = [np.fft.rfft(part.astype(np.float64), 2 * n) for part in (first, second)]
    products = np.fft.irfft(transformed[0] * np.conj(transformed[1]), 2 * n)
    return worst(products / math.sqrt(n))


def bit_excess(words: np.ndarray, bits: int) -> float:
    """Return the score of the bit whose share of ones is furthest from 1/2, or that agrees most with another.

    It detects, at 2^20 draws, a bit that is one in 50.4 %, or equal to another of the same word in 50.4 %.
    """
    alone, together = np.zeros(bits), np.zeros((bits, bits))
    for begin in range(0, len(words), _CACHED):
        octets = words[begin : begin + _CACHED].astype("<u8").view(np.uint8).reshape(-1, 8)
        ones = np.unpackbits(octets, axis=1, bitorder="little")[:, :bits]
        # sums of so few signs are exact in float32
        signs = 2 * ones.astype(np.float32) - 1
        alone += signs.sum(axis=0)
        together += signs.T @ signs
    scores = np.concatenate([alone, together[np.triu_indices(bits, 1)]])
    return worst(scores / math.sqrt(len(words)))


def avalanche_excess(first: np.ndarray, second: np.ndarray, bits: int) -> float:
    """Return the score of the share of bits in which two streams of words differ.

    It detects, in 2^16 words of 24 bits, streams that agree in 50.3 % of their bits.
    """
    differing = int(np.unpackbits((first ^ second).view(np.uint8)).sum())
    total = first.size * bits
    return abs(differing - total / 2) / math.sqrt(total / 4)
