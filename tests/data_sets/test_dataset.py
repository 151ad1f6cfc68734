"""A data set is frozen, checked, and standardized by its training rows."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi
from pyinit.data import Dataset

X = np.array([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0], [7.0, 0.0]], dtype=np.float32)


def test_it_is_frozen_and_keeps_its_own_copy() -> None:
    inputs = X.copy()
    data = Dataset("d", inputs, [0.5, 1, 2, 3])
    inputs[0, 0] = 99
    assert data.inputs[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.inputs[0, 0] = 2
    with pytest.raises(ValueError, match="read-only"):
        data.targets[0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "e"  # type: ignore[misc]


def test_defaults() -> None:
    data = Dataset("d", X, [0.5, 1, 2, 3])
    assert data.feature_names == ("feature 1", "feature 2")
    np.testing.assert_array_equal(data.train, np.arange(4))
    assert len(data.test) == 0
    assert Dataset("d", X, [0, 1, 2, 3], test=np.array([1, 3])).train.tolist() == [0, 2]
    assert data.targets.dtype == np.float32
    assert repr(data) == "Dataset('d': 4 rows, 4 to train and 0 to test; 2 features; regression)"


def test_standardized_uses_the_training_rows_alone() -> None:
    data = Dataset("d", X, [0, 0, 0, 0], train=np.array([0, 2]), test=np.array([1, 3]))
    mean, sd = data.scale()
    np.testing.assert_array_equal(mean, [3, 25])
    np.testing.assert_array_equal(sd, [2, 15])
    np.testing.assert_array_equal(data.standardized().inputs, ((X - [3, 25]) / [2, 15]).astype(np.float32))
    assert data.standardized().train.tolist() == [0, 2]


def test_standardized_by_one_mean_for_all() -> None:
    data = Dataset("d", X, [0, 0, 0, 0], per="all")
    mean, sd = data.scale()
    np.testing.assert_array_equal(mean, np.full(2, X.mean(dtype=np.float64)))
    np.testing.assert_allclose(sd, np.full(2, X.std(dtype=np.float64)), rtol=1e-15)
    # what the caller asks for comes before what the data set says
    assert data.scale("feature")[0].tolist() == [4, 15]


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=50))
def test_scale_equals_exact_sums(values: list[float]) -> None:
    mean, sd = Dataset("d", np.array(values)[:, None], np.zeros(len(values))).scale()
    exact = math.fsum(values) / len(values)
    largest = max(map(abs, values))
    assert abs(mean[0] - exact) <= 1e-14 * largest
    spread = math.sqrt(math.fsum(((v - exact) / (largest or 1)) ** 2 for v in values) / len(values))
    assert abs(sd[0] - spread * largest) <= 1e-13 * largest
    assert (sd[0] == 0) == (min(values) == max(values))


def test_a_constant_feature_is_warned_of_by_name() -> None:
    # 0.1 has no exact sum: the mean of a constant is still that constant
    data = Dataset("d", [[0.1, 1], [0.1, 2], [0.1, 4]], [0, 0, 0], feature_names=("flat", "fine"))
    with pytest.warns(UserWarning, match=r"d has features that are constant .* teach nothing: flat\. They"):
        scaled = data.standardized()
    np.testing.assert_array_equal(scaled.inputs[:, 0], 0)
    five = Dataset("d", np.ones((3, 5)), np.zeros(3))
    with pytest.warns(UserWarning, match="feature 1, feature 2, feature 3 and 2 more"):
        five.standardized()


def test_parts_and_batches() -> None:
    data = pi.data.blobs(50, key=1)
    x, y = data.part("train")
    np.testing.assert_array_equal(x, data.inputs[:40])
    np.testing.assert_array_equal(y, data.targets[:40])
    found = list(data.batches(16, key=5, epoch=2))
    assert [len(b[1]) for b in found] == [16, 16, 8]
    rows = np.concatenate(list(pi.data.batches(data.train, 16, key=5, epoch=2)))
    np.testing.assert_array_equal(np.concatenate([b[0] for b in found]), data.inputs[rows])
    np.testing.assert_array_equal(np.concatenate([b[1] for b in found]), data.targets[rows])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"inputs": [1.0, 2.0]},
            "d's inputs need shape (rows, features), neither 0; got (2,). Reshape them.",
        ),
        (
            {"inputs": np.empty((0, 3))},
            "d's inputs need shape (rows, features), neither 0; got (0, 3). Reshape them.",
        ),
        ({"inputs": [["1"]]}, "d's inputs must be an array of numbers; got dtype <U1. Convert them."),
        ({"inputs": [[1], [2, 3]]}, "d's inputs must be an array of numbers; got list. Convert them."),
        ({"inputs": X + 1j}, "d's inputs must be an array of numbers; got dtype complex64. Convert them."),
        ({"inputs": [[None]]}, "d's inputs must be an array of numbers; got dtype object. Convert them."),
        (
            {"inputs": X.astype("datetime64[s]")},
            "d's inputs must be an array of numbers; got dtype datetime64[s]. Convert them.",
        ),
        (
            {"targets": X[:, 0].astype("timedelta64[s]")},
            "d's targets must be an array of numbers; got dtype timedelta64[s]. Convert them.",
        ),
        (
            {"inputs": np.ma.masked_less(X, 2)},
            "d's inputs must be an array of numbers; got a masked array. Fill or drop what it masks.",
        ),
        (
            {"inputs": [[1.0, 2.0], [3.0, np.nan], [1.0, 2.0], [np.inf, 1.0]]},
            "d's inputs must be finite; got nan at [(1, 1)] and 2 such in all. Drop or replace them.",
        ),
        (
            {"inputs": [[1e300]], "targets": [1]},
            "d's inputs must be finite; got inf at [(0, 0)] and 1 such in all. Drop or replace them.",
        ),
        (
            {"targets": [1, 2, 3]},
            "d's targets need shape (4,), one for each row of inputs; got (3,). Reshape or cut them.",
        ),
        (
            {"targets": [1, 2, np.nan, 3]},
            "d's targets must be finite; got nan at [2] and 1 such in all. Drop or replace them.",
        ),
        (
            {"targets": [0, 1, 2, 0], "classes": ("a", "b")},
            "d has 2 classes, so its targets must be integers in [0, 2); got int64 in [0, 2]. "
            "Number the classes from 0.",
        ),
        (
            {"targets": [0.0, 1.0, 0.0, 1.0], "classes": ("a", "b")},
            "d has 2 classes, so its targets must be integers in [0, 2); got float64 in [0.0, 1.0]. "
            "Number the classes from 0.",
        ),
        ({"feature_names": ("a",)}, "d needs 2 feature names; got 1. Name each or none."),
        (
            {"train": [0, 1], "test": [1, 2]},
            "d names a row twice in train and test. Give each row to one of them.",
        ),
        ({"train": [0, 4]}, "d's train must be row numbers in [0, 4); got [0, 4]. Use an array of ints."),
        ({"test": [0.5]}, "d's test must be row numbers in [0, 4); got [0.5]. Use an array of ints."),
        (
            {"test": [3, 2, 1, 0]},
            "d needs rows to train on; got none. Give it more rows or test on fewer.",
        ),
        ({"per": "row"}, "per must be 'feature' or 'all'; got 'row'. Choose one."),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        Dataset(**{"name": "d", "inputs": X, "targets": [0.5, 1, 2, 3], **arguments})  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_refusals_of_methods() -> None:
    data = Dataset("d", X, [0, 0, 0, 0])
    with pytest.raises(pi.DataError, match=r"a part is 'train' or 'test'; got 'all'. Choose one."):
        data.part("all")  # type: ignore[arg-type]
    with pytest.raises(pi.DataError, match=r"per must be 'feature' or 'all'; got 'row'. Choose one."):
        data.standardized("row")  # type: ignore[arg-type]
