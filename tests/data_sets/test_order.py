"""Permutations, batches and splits: determined by the key alone, and uniform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyinit as pi


def test_known_answers() -> None:
    assert pi.data.permutation(10, key=0).tolist() == [2, 3, 0, 7, 9, 6, 5, 1, 4, 8]
    train, test = pi.data.split(10, 0.3, key=1)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3, 4, 8, 9], [5, 6, 7])


@given(st.integers(0, 300), st.integers(0, 2**64 - 1))
def test_a_permutation_has_every_row_once(n: int, seed: int) -> None:
    order = pi.data.permutation(n, key=seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order, pi.data.permutation(n, key=pi.key(seed)))


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 5))
def test_batches_are_the_rows_once_in_the_permutations_order(n: int, size: int, epoch: int) -> None:
    rows = np.arange(n) * 3
    found = list(pi.data.batches(rows, size, key=4, epoch=epoch))
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    order = pi.data.permutation(n, key=pi.key(4).fold_in("batches").fold_in(epoch))
    np.testing.assert_array_equal(np.concatenate(found), rows[order])


def test_epochs_and_keys_have_their_own_order() -> None:
    rows = np.arange(100)
    orders = {
        np.concatenate(list(pi.data.batches(rows, 10, key=key, epoch=epoch))).tobytes()
        for key in (0, 1)
        for epoch in (0, 1, 2)
    }
    assert len(orders) == 6


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_a_split_takes_each_row_once(n: int, part: float) -> None:
    train, test = pi.data.split(n, part, key=2)
    assert len(test) == int(n * part)
    np.testing.assert_array_equal(np.sort(np.concatenate((train, test))), np.arange(n))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()


def places(permute: Callable[[int], npt.NDArray[np.intp]]) -> float:
    """Return chi^2 of where each of 5 rows goes, over 4000 keys: 16 degrees of freedom, mean 16, sd 5.7.

    50 is six standard deviations. A place whose chance is off by 10 % of itself adds 80^2 / 800 * 4 / 5
    = 6.4, so that six such places of the 25 show.
    """
    counts = np.zeros((5, 5))
    for seed in range(4000):
        counts[np.arange(5), permute(seed)] += 1
    # rows and columns both sum to 4000: (5 - 1)^2 degrees of freedom, and the factor (5 - 1) / 5
    return float(((counts - 800) ** 2 / 800).sum() * 4 / 5)


def test_every_place_is_equally_likely() -> None:
    assert places(lambda seed: pi.data.permutation(5, key=seed)) < 50


def test_the_check_of_places_can_fail() -> None:
    def coarse(seed: int) -> npt.NDArray[np.intp]:
        draws = pi.uniform()((5,), key=seed, dtype="float64")
        return np.argsort(np.floor(draws * 8), kind="stable")

    assert places(coarse) > 50


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pi.data.permutation(-1, key=0), "n must be an integer of at least 0; got -1. Use an int."),
        (lambda: pi.data.permutation(2.5, key=0), "n must be an integer of at least 0; got 2.5. Use an int."),
        (
            lambda: list(pi.data.batches(np.arange(3), 0, key=0)),
            "a batch's size must be a positive integer; got 0. Use an int.",
        ),
        (
            lambda: list(pi.data.batches(np.arange(3), 2, key=0, epoch=True)),
            "epoch must be an integer of at least 0; got True. Use an int.",
        ),
        (
            lambda: pi.data.split(3, 1.0, key=0),
            "test must be in [0, 1); got 1.0. Use 0.2 for a fifth of the rows.",
        ),
        (
            lambda: pi.data.split(3, float("nan"), key=0),
            "test must be a finite number; got nan. Use 0.2 for a fifth of the rows.",
        ),
    ],
)
def test_refusals(call: Callable[[], object], message: str) -> None:
    with pytest.raises(pi.DataError) as caught:
        call()
    assert str(caught.value) == message
