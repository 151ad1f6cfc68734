"""Sparse tensors: the specification's zeros, exactly, and its normals elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi
from pyinit import reference
from pyinit.stream.kernels import MASK

DTYPES = ["float32", "float64", "bfloat16", "float16"]
# Columns around a vector, around a band of 256, and rows around a strip of 4096.
SHAPES = [(1, 1), (2, 300), (7, 5), (33, 257), (100, 16), (4099, 17), (5000, 1)]
SPARSITIES = [0.0, 0.1, 0.5, 0.9, 1.0]
KEY = pi.Key(12, 2**64 - 3)


def zeros_of(made: np.ndarray) -> np.ndarray:
    return made.astype(np.float64) == 0


def specified(recipe: pi.Recipe, shape: tuple[int, int], dtype: str) -> np.ndarray:
    index = reference.indices(shape, (0, 0), shape)
    return reference.sparse(KEY, KEY.fold_in(MASK), shape, index, *recipe.plan(shape, dtype).numbers, dtype)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "independent"])
@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_zeros_of_the_specification(isa: str, shape: tuple[int, int], sparsity: float, exact: bool) -> None:
    recipe = pi.sparse(sparsity, std=1.0, exact=exact)
    np.testing.assert_array_equal(zeros_of(recipe(shape, key=KEY)), specified(recipe, shape, "float32") == 0)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "independent"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_zero_is_the_normal(isa: str, dtype: str, exact: bool) -> None:
    shape = (301, 270)
    made = pi.sparse(0.3, std=0.5, exact=exact)(shape, key=KEY, dtype=dtype)
    plain = pi.normal(std=0.5)(shape, key=KEY, dtype=dtype)
    kept = ~zeros_of(made)
    assert 0.65 < kept.mean() < 0.75
    np.testing.assert_array_equal(made[kept], plain[kept])
    # a zero is +0, not what is left of a negative number
    assert not made[~kept].tobytes().strip(b"\0")


@pytest.mark.parametrize("sparsity", [0.001, 0.3, 0.5, 0.999])
def test_every_column_has_its_count(isa: str, sparsity: float) -> None:
    made = pi.sparse(sparsity, std=1.0)((1000, 600), key=KEY)
    assert (zeros_of(made).sum(axis=0) == math.ceil(sparsity * 1000)).all()


def test_more_rows_than_a_strip(isa: str) -> None:
    made = pi.sparse(0.25, std=1.0)((10_001, 40), key=KEY, threads=2)
    assert (zeros_of(made).sum(axis=0) == math.ceil(0.25 * 10_001)).all()


def row_excess(zeros: np.ndarray, chance: float) -> float:
    """Return by how many standard deviations rows differ in their number of zeros, as chi-square sees it.

    It detects, in 3000 columns of 1000 rows, rows whose chance of a zero varies by 1.3 % (std) of itself at
    50 % zeros: the excess is then 7.
    """
    rows, columns = zeros.shape
    scores = (zeros.sum(axis=1) - columns * chance) / math.sqrt(columns * chance * (1 - chance))
    return abs(float(((scores**2).sum() - rows) / math.sqrt(2 * rows)))


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "independent"])
def test_rows_are_alike(exact: bool) -> None:
    zeros = zeros_of(pi.sparse(0.5, std=1.0, exact=exact)((1000, 3000), key=KEY))
    # an exact count ties the rows of a column together by 1 / 999 only
    assert row_excess(zeros, 0.5) < 5
    # mutants: one column in 12 shares a single pattern; the upper rows are preferred by 2 % in half of all
    shared = zeros.copy()
    shared[:, ::12] = zeros[:, :1]
    assert row_excess(shared, 0.5) > 10
    preferred = zeros.copy()
    preferred[:500] |= pi.uniform()((500, 3000), key=1) < 0.04
    assert row_excess(preferred, 0.5) > 10


@pytest.mark.parametrize("sparsity", [0.01, 0.3, 0.9])
def test_independent_zeros_have_their_chance(sparsity: float) -> None:
    # 4e6 elements: a chance off by 0.0018 at 0.3 shows as 7 standard deviations
    zeros = zeros_of(pi.sparse(sparsity, std=1.0, exact=False)((2000, 2000), key=KEY))
    score = (zeros.mean() - sparsity) * math.sqrt(zeros.size / (sparsity * (1 - sparsity)))
    assert abs(score) < 5
    mutant = (zeros.mean() + 0.0018 - sparsity) * math.sqrt(zeros.size / (sparsity * (1 - sparsity)))
    assert mutant > 5
