"""The specification itself: torch's vectors, exact quantiles, and a fair permutation."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import ml_dtypes
import mpmath
import numpy as np
import pytest

import pyinit as pi
from pyinit import reference
from pyinit.recipes.truncation import numbers

CASES = json.loads((Path(__file__).parents[1] / "data" / "torch_stateless_philox.json").read_text())["cases"]
INF = math.inf


def vector(case: dict, name: str, kind: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(case[name]), kind)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['seed']}-{case['offset']}")
def test_torch_vectors(case: dict) -> None:
    key, index = pi.Key(int(case["seed"]), int(case["offset"])), np.arange(case["n"], dtype=np.uint64)
    np.testing.assert_array_equal(reference.uniform(key, index), vector(case, "uniform_float32", "<f4"))
    np.testing.assert_array_equal(
        reference.uniform(key, index, dtype="float64"), vector(case, "uniform_float64", "<f8")
    )
    np.testing.assert_array_equal(
        reference.uniform(key, index, -0.3, 0.7), vector(case, "uniform_float32_low-0.3_high0.7", "<f4")
    )
    for name, mean, std in (("normal_float32", 0.0, 1.0), ("normal_float32_mean0.1_std0.02", 0.1, 0.02)):
        np.testing.assert_allclose(
            reference.normal(key, index, mean, std), vector(case, name, "<f4"), rtol=0, atol=2e-6 * std
        )
    np.testing.assert_allclose(
        reference.normal(key, index, dtype="float64"),
        vector(case, "normal_float64", "<f8"),
        rtol=0,
        atol=1e-13,
    )
    for dtype, kind in (("bfloat16", "<u2"), ("float16", "<f2")):
        np.testing.assert_array_equal(
            reference.normal(key, index, dtype=dtype), vector(case, f"normal_{dtype}", kind)
        )


def test_the_vectors_can_disagree() -> None:
    case = CASES[0]
    index = np.arange(case["n"], dtype=np.uint64)
    assert (reference.uniform(pi.key(1), index) != vector(case, "uniform_float32", "<f4")).any()
    shifted = reference.normal(pi.key(0), index + np.uint64(2))
    assert np.abs(shifted - vector(case, "normal_float32", "<f4")).max() > 0.1


def test_indices_are_those_of_c_order() -> None:
    whole = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    np.testing.assert_array_equal(reference.indices((4, 5, 6), (1, 2, 3), (2, 3, 1)), whole[1:3, 2:5, 3:4])
    assert reference.indices((2**40, 4), (2**39, 1), (1, 1))[0, 0] == 2**41 + 1


def test_words_far_out() -> None:
    index = np.array([2**40 + 5, 2**34 + 1, 2**62 + 3], np.uint64)
    expected = [pi.key(9).block(int(i) // 4)[int(i) % 4] for i in index]
    np.testing.assert_array_equal(reference.words32(pi.key(9), index), np.array(expected, np.uint64))
    high, low = pi.key(9).block(int(index[0]) // 2)[2:]
    assert reference.words64(pi.key(9), index)[0] == high << 32 | low


def test_normals_are_the_exact_transform() -> None:
    key = pi.key(4)
    z = reference.standard_normal(key, np.arange(200, dtype=np.uint64), "float64")
    for i in range(0, 200, 2):
        w = key.block(i // 2)
        with mpmath.workdps(50):
            u = mpmath.mpf(float(w[0] << 32 | w[1]) * 2.0**-64 + 2.0**-65)
            turn = 2 * mpmath.pi * (mpmath.mpf(w[2] << 32 | w[3]) + 0.5) / mpmath.mpf(2) ** 64
            radius = mpmath.sqrt(-2 * mpmath.log(u))
            for got, exact in ((z[i], radius * mpmath.cos(turn)), (z[i + 1], radius * mpmath.sin(turn))):
                assert abs(got - float(exact)) <= 4e-16 * max(abs(float(exact)), float(radius) * 1e-3)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (-2, 2),
        (-INF, INF),
        (1, 3),
        (4, INF),
        (-5, -4.5),
        (6, INF),
        (30, INF),
        (-0.1, 0.2),
        (0, 1e-3),
        (37, 38),
    ],
)
def test_truncated_quantiles(a: float, b: float) -> None:
    key, n = pi.key(3), 64
    index = np.arange(n, dtype=np.uint64)
    values = reference.truncated_normal(key, index, 0.0, 1.0, -INF, INF, numbers(a, b, 64), "float64")
    for z, word in zip(values.tolist(), reference.words64(key, index).tolist(), strict=True):
        with mpmath.workdps(60):
            # measured from the end that is nearer, where digits are
            side, low, high = (1, a, b) if a >= 0 else (-1, -b, -a)
            above = (mpmath.erfc(low / mpmath.sqrt(2)) if low != -INF else mpmath.mpf(2)) / 2
            between = above - (mpmath.erfc(high / mpmath.sqrt(2)) / 2 if high != INF else 0)
            u = (mpmath.mpf(word) + 0.5) / mpmath.mpf(2) ** 64
            target = above - between * (u if side > 0 else 1 - u)
            x = mpmath.mpf(side * z)
            error = (mpmath.erfc(x / mpmath.sqrt(2)) / 2 - target) / mpmath.npdf(x)
            assert abs(error / x) < 1e-15


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 8, 16, 33, 100])
def test_each_column_is_a_permutation(rows: int) -> None:
    row, column = np.meshgrid(np.arange(rows, dtype=np.uint64), np.arange(20, dtype=np.uint64), indexing="ij")
    to = reference.permuted(pi.key(1), row, column, rows)
    np.testing.assert_array_equal(np.sort(to, axis=0), row)


def subset_excess(to: np.ndarray, zeros: int) -> float:
    """Return by how many standard deviations chi-square says that subsets are not equally likely."""
    rows, columns = to.shape
    code = ((to < zeros) << np.arange(rows)[:, None]).sum(axis=0)
    counts = np.array([(code == sum(1 << i for i in s)).sum() for s in combinations(range(rows), zeros)])
    assert counts.sum() == columns
    expected = columns / len(counts)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    return float((chi_square - len(counts) + 1) / math.sqrt(2 * (len(counts) - 1)))


def permutations(rows: int, columns: int) -> np.ndarray:
    row, column = np.meshgrid(
        np.arange(rows, dtype=np.uint64), np.arange(columns, dtype=np.uint64), indexing="ij"
    )
    return reference.permuted(pi.key(6).fold_in("sparse.mask"), row, column, rows)


@pytest.mark.parametrize(("rows", "zeros"), [(3, 1), (4, 2), (5, 2), (8, 4), (7, 1)])
def test_every_subset_is_as_likely(rows: int, zeros: int) -> None:
    # 20000 columns: a subset's chance that is off by 10 % of itself in half of the subsets shows
    to = permutations(rows, 20_000)
    assert abs(subset_excess(to, zeros)) < 4.5
    # the mutant: one column in 20 keeps its rows where they are
    to[:, ::20] = np.arange(rows)[:, None]
    assert subset_excess(to, zeros) > 10


def test_rows_are_zero_together_as_often_as_chance_has_it() -> None:
    rows, zeros, columns = 128, 64, 4000
    mask = (permutations(rows, columns) < zeros).astype(np.float64)
    assert (mask.sum(axis=0) == zeros).all()
    together = zeros * (zeros - 1) / (rows * (rows - 1))
    z = (mask @ mask.T - columns * together) / math.sqrt(columns * together * (1 - together))
    pairs = z[np.triu_indices(rows, 1)]
    assert np.abs(pairs).max() < 5.5
    assert 0.9 < pairs.var() < 1.1
    for lag in (1, 2, 3, 4, 8, 16, 32, 64):
        diagonal = np.diag(z, lag)
        assert abs(diagonal.sum()) / math.sqrt(len(diagonal)) < 4.5


def test_bfloat16_is_returned_as_bits() -> None:
    bits = reference.normal(pi.key(0), np.arange(6, dtype=np.uint64), dtype="bfloat16")
    expected = reference.normal(pi.key(0), np.arange(6, dtype=np.uint64)).astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(bits.view(ml_dtypes.bfloat16), expected)
