"""Rows for a probe: read where they are if they can be, refused by name if they are no real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.lab.probe.rows import rows_for

NETWORK = pi.mlp([3, 8, 2], "tanh")
X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)


def unaligned(x: np.ndarray) -> np.ndarray:
    """Return a copy whose numbers begin at an odd address."""
    room = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    room[...] = x
    return room


def read_only(x: np.ndarray) -> np.ndarray:
    """Return a copy that cannot be written."""
    copy = x.copy()
    copy.setflags(write=False)
    return copy


@pytest.mark.parametrize(
    ("x", "is_read_in_place"),
    [
        (X, True),
        (read_only(X), True),
        (unaligned(X), False),
        (np.asfortranarray(X), False),
        (X.astype(np.float64), False),
        (X.astype(">f4"), False),
        (X.tolist(), False),
    ],
    ids=["writable", "read-only", "unaligned", "columns", "float64", "big-endian", "list"],
)
def test_float32_is_read_where_it_is(x: Any, is_read_in_place: bool) -> None:
    rows = rows_for(NETWORK, x)
    assert (rows is x) == is_read_in_place
    assert rows.flags.c_contiguous
    assert rows.flags.aligned
    np.testing.assert_array_equal(rows, X)
    assert pi.probe(NETWORK, x) == pi.probe(NETWORK, X)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X + 1j, r"^x must be an array of numbers; got dtype complex64\. Convert them\.$"),
        (X.astype("datetime64[D]"), r"^x must be an array of numbers; got dtype datetime64\[D\]\."),
        (X.astype(str), r"^x must be an array of numbers; got dtype <U32\."),
        (X.astype(object), r"^x must be an array of numbers; got dtype object\."),
        (np.ma.masked_less(X, 0), r"^x must be an array of numbers; got a masked array\. Fill or drop"),
        ([[1, 2, 3], [1]], r"^x must be an array of numbers; got list\."),
    ],
    ids=["complex", "dates", "strings", "objects", "masked", "ragged"],
)
def test_what_is_no_real_number_is_refused(x: Any, message: str) -> None:
    with pytest.raises(pi.DataError, match=message):
        pi.probe(NETWORK, x)
    with pytest.raises(pi.DataError, match=message.replace("x must", "targets must")):
        pi.probe(NETWORK, X, targets=x)


@pytest.mark.parametrize(
    ("constant", "named"),
    [
        ([1], "feature 2"),
        ([0, 2, 3], "feature 1, feature 3, feature 4"),
        ([0, 1, 2, 3, 4], "feature 1, feature 2, feature 3 and 2 more"),
    ],
)
@pytest.mark.parametrize("value", [0.0, 0.1, -7.0])
def test_constant_features_are_warned_of(constant: list[int], named: str, value: float) -> None:
    x = np.random.default_rng(0).normal(size=(10, 6))
    x[:, constant] = value
    message = (
        f"^x has features that are constant and teach nothing: {named}\\. Leave them out, unless all features"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        pi.probe(pi.mlp([6, 4, 1]), x)
    assert [one.filename for one in caught] == [__file__]


def test_features_that_differ_in_one_row_are_not_warned_of() -> None:
    # nor are rows that are all the same: where warnings are errors
    x = np.ones((10, 3))
    pi.probe(NETWORK, x)
    pi.probe(NETWORK, x[:1])
    x[-1] = 2
    pi.probe(NETWORK, x)
