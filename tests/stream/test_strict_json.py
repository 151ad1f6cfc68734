"""What other readers of JSON let pass in silence is refused, with its place."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyinit.errors import FormatError, RecipeError
from pyinit.stream.strict_json import finite, parsed, restored, shown


def test_values() -> None:
    assert parsed('{"a": [1, 2.5, null]}', "it", RecipeError) == {"a": [1, 2.5, None]}
    assert parsed('"漢"'.encode(), "it", RecipeError) == "漢"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', r'^it names "c" twice; keep one of them$'),
        ("[NaN]", r"^it holds NaN, which JSON does not have; write a finite number$"),
        ("-Infinity", r"^it holds -Infinity"),
        ("[", r"^it is not valid JSON: Expecting value"),
        ("[" * 100_000, r"^it is not valid JSON: nested too deeply$"),
        ("9" * 5000, r"^it is not valid JSON: Exceeds the limit"),
        (b"\xff\xfe{", r"^it is not valid JSON: 'utf-8' codec can't decode"),
    ],
)
@pytest.mark.parametrize("error", [RecipeError, FormatError])
def test_refusals(text: str | bytes, message: str, error: type[RecipeError | FormatError]) -> None:
    with pytest.raises(error, match=message) as caught:
        parsed(text, "it", error)
    assert "\n" not in str(caught.value)


def test_shown_is_one_short_line() -> None:
    assert shown({"a": "é\n"}) == '{"a": "é\\n"}'
    assert shown("x" * 100) == '"' + "x" * 56 + "..."
    assert shown({1, 2}) == '"{1, 2}"'


def test_what_is_not_finite_becomes_a_string() -> None:
    value = {"a": (math.inf, [-math.inf, 1.5, math.nan, np.float64("nan")])}
    assert finite(value) == {"a": ["inf", ["-inf", 1.5, "nan", "nan"]]}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1.5, 3, None, "infinite", (1, (math.inf,))])
def test_numbers_come_back(value: object) -> None:
    again = restored(finite(value))
    assert repr(again) == repr(value)
    assert type(again) is type(value)
