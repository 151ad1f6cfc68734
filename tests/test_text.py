"""Tables as text: how columns are aligned, and how cells are shortened."""

from __future__ import annotations

import math

import pytest

from pyinit.text import aligned, percent, short

ROWS = [["name", "n"], ["weight", "7"], ["b", "12"]]


def test_columns_are_as_wide_as_their_cells() -> None:
    assert aligned(ROWS, {1}) == ["name     n", "weight   7", "b       12"]


def test_a_rule_follows_the_heads() -> None:
    assert aligned(ROWS, rule=True, gap=1)[:2] == ["name   n", "------ --"]


def test_a_long_cell_is_cut_and_no_line_ends_in_spaces() -> None:
    assert aligned([["name", ""], ["weights", "x"]], widths=[4, 1], gap=1) == ["name", "wei… x"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0, "0"),
        (123456.7, "1.2e+05"),
        (-0.25, "-0.25"),
        (-1.25e-300, "-1e-300"),
        (-math.inf, "-inf"),
    ],
)
def test_short(value: float | None, text: str) -> None:
    assert short(value) == text


def test_every_number_is_short_and_close() -> None:
    values = [
        sign * digits * 10.0**power
        for sign in (1, -1)
        for digits in (1.0, 9.99999)
        for power in range(-320, 308)
    ]
    assert max(len(short(value)) for value in values) == 8
    assert all(
        abs(float(short(value)) - value) <= 0.1 * abs(value) for value in values if abs(value) > 1e-300
    )


def test_percent() -> None:
    assert (percent(None), percent(0.256)) == ("", "26%")
