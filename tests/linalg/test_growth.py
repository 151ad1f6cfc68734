"""New rows of a vocabulary: their mean and covariance, and that they depend on nothing but their number."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import pyinit as pi

TABLE = pi.normal(std=2.0)((40, 3), key=0, dtype="float64") @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 0.1]])


def _covariance_error(rows: np.ndarray, scale: float) -> float:
    deviations = TABLE - TABLE.mean(0)
    expected = scale * deviations.T @ deviations / len(TABLE)
    spread = np.sqrt(np.diagonal(expected))
    return float(np.abs((np.cov(rows.T, bias=True) - expected) / np.outer(spread, spread)).max())


def test_new_rows_have_the_mean_and_the_covariance_of_the_old() -> None:
    made = pi.linalg.grow_rows(TABLE, 40_040, key=1, scale=0.25)
    np.testing.assert_array_equal(made[:40], TABLE)
    # of 40,000 rows a correlation is known within 0.7 % (one sigma): 3.5 % shows
    assert _covariance_error(made[40:], 0.25) < 0.035
    spread = 0.5 * TABLE.std(0)
    assert np.abs((made[40:].mean(0) - TABLE.mean(0)) / spread).max() < 0.025
    # the mutant: a scale that is 5 % off
    assert _covariance_error(made[40:], 0.2375) > 0.035


def test_a_row_is_the_sum_of_the_formula() -> None:
    z = pi.normal()((2, 40), key=7, dtype="float64")
    expected = TABLE.mean(0) + np.sqrt(0.25 / 40) * z @ (TABLE - TABLE.mean(0))
    np.testing.assert_allclose(pi.linalg.grow_rows(TABLE, 42, key=7, scale=0.25)[40:], expected, rtol=1e-12)
    np.testing.assert_allclose(
        pi.linalg.grow_rows(TABLE, 41, key=7, scale=0.0)[40], TABLE.mean(0), rtol=1e-12
    )


def test_rows_and_columns_do_not_depend_on_what_is_beside_them() -> None:
    table = pi.normal()((30, 300), key=0)
    made = pi.linalg.grow_rows(table, 200, key=2, scale=1.0)
    np.testing.assert_array_equal(pi.linalg.grow_rows(table, 101, key=2, scale=1.0), made[:101])
    np.testing.assert_array_equal(pi.linalg.grow_rows(table[:, 7:9], 200, key=2, scale=1.0), made[:, 7:9])
    np.testing.assert_array_equal(pi.linalg.grow_rows(table, 30, key=2), table)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_every_dtype_is_rounded_once(dtype: Any) -> None:
    table = TABLE.astype(dtype)
    exact = pi.linalg.grow_rows(table.astype(np.float64), 50, key=3, scale=1.0)
    made = pi.linalg.grow_rows(table, 50, key=3, scale=1.0)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, exact.astype(dtype))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pi.linalg.grow_rows(np.ones(3), 4, key=0), r"needs a matrix with rows; got shape \(3,\)"),
        (lambda: pi.linalg.grow_rows(np.ones((0, 3)), 4, key=0), "needs a matrix with rows"),
        (lambda: pi.linalg.grow_rows(np.ones((2, 3), int), 4, key=0), "needs floats; got int64"),
        (lambda: pi.linalg.grow_rows(np.ones((2, 3)), 1, key=0), "keeps all 2 rows; got rows=1"),
        (lambda: pi.linalg.grow_rows(np.ones((2, 3)), 2.5, key=0), "rows must be"),
        (lambda: pi.linalg.grow_rows(np.ones((2, 3)), 4, key=0, scale=-1.0), "grow_rows' scale"),
        (lambda: pi.linalg.grow_rows(np.full((2, 3), np.nan), 4, key=0), "needs finite values"),
        (lambda: pi.linalg.grow_rows(np.ones((2, 3)), 4, key="a"), "key"),
    ],
)
def test_what_is_not_valid_is_refused(make: Any, message: str) -> None:
    with pytest.raises(pi.PyinitError, match=message):
        make()
