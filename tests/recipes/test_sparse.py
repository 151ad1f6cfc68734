"""Sparse matrices: the promised count of zeros, the values of a plain normal elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyinit as pi


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0, 1 / 3])
@pytest.mark.parametrize("rows", [1, 2, 5, 10, 64, 1000])
def test_every_column_has_the_exact_count(rows: int, sparsity: float) -> None:
    values = pi.sparse(sparsity, std=1.0)((rows, 37), key=0)
    assert ((values == 0).sum(axis=0) == math.ceil(sparsity * rows)).all()


@pytest.mark.parametrize("recipe", [pi.sparse(0.7, 2.0), pi.sparse(0.7, 2.0, exact=False)], ids=repr)
def test_the_others_are_the_plain_normal(recipe: pi.Recipe) -> None:
    values, plain = recipe((300, 200), key=5), pi.normal(std=2.0)((300, 200), key=5)
    kept = values != 0
    np.testing.assert_array_equal(values[kept], plain[kept])
    plan = recipe.plan((300, 200))
    assert math.isclose(plan.std, 2.0 * math.sqrt(0.3))
    # n = 60000: an error of 3 % in the std shows
    assert abs(values.std() / plan.std - 1) < 0.03


def test_columns_have_zeros_in_different_rows() -> None:
    zero = pi.sparse(0.5, 1.0)((64, 500), key=1) == 0
    assert len({column.tobytes() for column in zero.T}) == 500
    # each row is zero in half of the columns, within 5 standard errors
    assert np.abs(zero.mean(axis=1) - 0.5).max() < 5 * 0.5 / math.sqrt(500)


def test_independent_zeros_have_their_chance() -> None:
    n = 1000 * 1000
    for sparsity in (0.0, 0.25, 1.0):
        zero = pi.sparse(sparsity, 1.0, exact=False)((1000, 1000), key=2) == 0
        assert abs(zero.mean() - sparsity) <= 5 * math.sqrt(sparsity * (1 - sparsity) / n)


def test_other_keys_move_the_zeros() -> None:
    first, second = (pi.sparse(0.5, 1.0)((100, 100), key=key) == 0 for key in (0, 1))
    assert 0.4 < (first == second).mean() < 0.6


@pytest.mark.parametrize(
    ("error", "make", "message"),
    [
        (
            pi.RecipeError,
            lambda: pi.sparse(1.5),
            r"sparsity must be in \[0, 1\]; got 1.5. Divide percent",
        ),
        (pi.RecipeError, lambda: pi.sparse(-0.1), r"sparsity must be in"),
        (pi.RecipeError, lambda: pi.sparse(math.nan), r"sparse's sparsity must be a finite number"),
        (pi.RecipeError, lambda: pi.sparse(0.5, -1), r"sparse's std must be at least 0"),
        (
            pi.ShapeError,
            lambda: pi.sparse(0.5)((3,), key=0),
            r"sparse needs 2 dimensions; got shape \(3,\). Name the layout",
        ),
        (pi.ShapeError, lambda: pi.sparse(0.5).plan((2**32, 1)), r"sparse needs fewer than 2\*\*32 rows"),
    ],
)
def test_refusals(error: type[Exception], make, message: str) -> None:
    with pytest.raises(error, match=message):
        make()
