"""What other readers of JSON let pass in silence is refused, with its place."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import pyinit as pi
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


JUNK = [None, True, -1, 1.5, 10**400, "x", "inf", "", [], {}, [1], {"a": 1}, [[1]]]


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inside:
        yield from places(item, (*path, name))


def with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = copy.copy(value)
    changed[path[0]] = with_junk(value[path[0]], path[1:], junk)
    return changed


def refusal(reader: Any, content: Any) -> str | None:
    """Return what a refusal says, or None if the content is read and can be shown."""
    try:
        made = reader.from_dict(content)
    except pi.PyinitError as error:
        return str(error)
    assert str(made)
    return None


@pytest.mark.parametrize(
    "made",
    [
        pi.truncated_normal().plan((3, 4)),
        pi.zeros().plan((2,), "float16"),
        pi.he_normal(layout="torch"),
        pi.mlp([4, 5, 2], "relu"),
    ],
    ids=lambda made: type(made).__name__,
)
def test_junk_at_any_place_is_refused_in_a_line_or_can_be_used(made: Any) -> None:
    content = json.loads(made.to_json())
    reader = pi.Recipe if isinstance(made, pi.Recipe) else type(made)
    junked = [with_junk(content, path, junk) for path in places(content) for junk in JUNK]
    refusals = [error for each in junked if (error := refusal(reader, each)) is not None]
    assert len(refusals) > len(JUNK)
    assert all("\n" not in text and len(text) < 600 for text in refusals)
