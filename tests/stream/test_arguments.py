"""Checks of single arguments: what each takes, and the text and type of its error."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.stream.arguments import check_threads, count, flag, is_integer, number, share

NONE_OF_THEM: list[Any] = [True, np.True_, 1.0, "1", None, (1,), np.array([1, 2]), np.float32(1)]


@pytest.mark.parametrize("value", [0, -3, 2**80, np.int8(3), np.uint64(2**63), np.array(5)])
def test_integers(value: Any) -> None:
    assert is_integer(value)
    found = count("n", value, None)
    assert type(found) is int
    assert found == value


@pytest.mark.parametrize("value", NONE_OF_THEM)
def test_what_is_no_integer(value: Any) -> None:
    assert not is_integer(value)
    with pytest.raises(pi.RecipeError, match=r"^n must be an integer; got .*\. Use an int\.$"):
        count("n", value, None)


def test_bounds_are_inside() -> None:
    assert [count("n", n, 2, 4) for n in (2, 3, 4)] == [2, 3, 4]
    assert count("n", 1) == 1
    assert count("n", 0, 0) == 0


@pytest.mark.parametrize("value", [0, -0.0, 3, np.float32(0.5), np.int64(2), Fraction(1, 4), np.array(2.0)])
def test_numbers(value: Any) -> None:
    found = number("x", value)
    assert type(found) is float
    assert found == value
    assert math.copysign(1.0, found) == 1.0


def test_infinity_only_where_it_is_valid() -> None:
    assert number("x", -math.inf, finite=False) == -math.inf


def test_ends_of_a_share() -> None:
    assert [share("s", x, "[0, 1]") for x in (0, 0.5, 1)] == [0.0, 0.5, 1.0]
    assert share("s", 0) == 0.0


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: count("n", 0), "n must be a positive integer; got 0. Use an int."),
        (lambda: count("n", 1, 2), "n must be an integer of at least 2; got 1. Use an int."),
        (lambda: count("n", 5, 1, 4, advice="Use 4."), "n must be an integer in [1, 4]; got 5. Use 4."),
        (lambda: number("x", "1"), "x must be a number; got '1'. Use a float."),
        (lambda: number("x", True), "x must be a number; got True. Use a float."),
        (lambda: number("x", np.complex64(1)), "x must be a number; got np.complex64(1+0j). Use a float."),
        (lambda: number("x", np.array(True)), "x must be a number; got array(True). Use a float."),
        (lambda: number("x", np.str_("1")), "x must be a number; got np.str_('1'). Use a float."),
        (lambda: number("x", np.array("1")), "x must be a number; got array('1', dtype='<U1'). Use a float."),
        (
            lambda: number("x", 10**5000),
            "x must be a number; got int that is too long to print (int too large to convert to float). "
            "Use a float.",
        ),
        (
            lambda: count("n", -(10**5000)),
            "n must be a positive integer; got int that is too long to print. Use an int.",
        ),
        (lambda: number("x", math.nan, finite=False), "x must be a number; got nan. Correct the recipe."),
        (lambda: number("x", math.inf, advice="Use 1."), "x must be a finite number; got inf. Use 1."),
        (lambda: number("x", -1, least=0.0), "x must be at least 0; got -1.0. Correct the recipe."),
        (lambda: number("x", 0, above=0.0), "x must be above 0; got 0.0. Correct the recipe."),
        (lambda: share("s", 1), "s must be in [0, 1); got 1.0. Use a fraction."),
        (lambda: share("s", -0.1, "[0, 1]"), "s must be in [0, 1]; got -0.1. Use a fraction."),
        (lambda: share("s", 0, "(0, 1)", advice="Use 0.5."), "s must be in (0, 1); got 0.0. Use 0.5."),
        (lambda: flag("f", 1), "f is True or False; got 1. Use a bool."),
    ],
)
def test_errors(check: Callable[[], Any], message: str) -> None:
    with pytest.raises(pi.RecipeError, match=f"^{re.escape(message)}$"):
        check()


@pytest.mark.parametrize("threads", [0, -1, True, 2.0, "2", np.array([1, 2])])
def test_threads(threads: Any) -> None:
    with pytest.raises(pi.ArgumentError, match=r"^threads must be a positive integer; got .*all CPUs\.$"):
        check_threads(threads)


def test_the_callers_error() -> None:
    checks: list[Callable[..., Any]] = [count, number, share, flag]
    for check in checks:
        with pytest.raises(pi.DataError):
            check("x", "text", error=pi.DataError)
