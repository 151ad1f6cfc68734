"""Each promise of docs/guarantees.md names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guarantees.md"
_ROW = re.compile(r"^\| (?!promise|---)(.*) \| (.*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows() -> list[tuple[str, str]]:
    """Return each promise with what guards it; the source distribution has no docs."""
    return _ROW.findall(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else []


def faults(guarded_by: str) -> list[str]:
    """Return what is wrong with the names of tests."""
    found = _TEST.findall(guarded_by)
    if not found:
        return [f"no test: {guarded_by}"]
    return [f"{file}::{name}" for file, name in found if name not in functions(ROOT / file)]


def functions(file: Path) -> set[str]:
    """Return the tests of a file."""
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("promise", "guarded_by"), rows())
def test_a_promise_has_its_test(promise: str, guarded_by: str) -> None:
    assert faults(guarded_by) == []


def test_a_test_that_is_gone_is_seen() -> None:
    here = "tests/documentation/test_guarantees.py"
    assert faults(f"`{here}::test_a_test_that_is_gone_is_seen`") == []
    assert faults(f"`{here}::test_of_nothing`") == [f"{here}::test_of_nothing"]
    assert faults("`tests/nowhere.py::test`") == ["tests/nowhere.py::test"]
    assert faults("our word") == ["no test: our word"]
