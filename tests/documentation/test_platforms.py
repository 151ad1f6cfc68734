"""The page of compilers and systems counts the digests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "platforms.md"


@pytest.mark.parametrize(("name", "words"), [("stream", "of fills"), ("dense", "of dense kernels")])
def test_the_page_counts_the_digests(name: str, words: str) -> None:
    if not PAGE.exists():
        pytest.skip("the source distribution has no docs")
    lines = (ROOT / "tests" / "data" / f"{name}_v1_digests.txt").read_text(encoding="utf-8").splitlines()
    (count,) = re.findall(rf"(\d+) {words}", PAGE.read_text(encoding="utf-8"))
    assert int(count) == len(lines)
