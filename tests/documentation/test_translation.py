"""README.zh-CN.md has what README.md has: the same blocks, pages and sections, in the same order."""

from __future__ import annotations

import re
from pathlib import Path

from .blocks import parse

ROOT = Path(__file__).resolve().parents[2]


def skeleton(page: str) -> dict[str, object]:
    """Return what a translation keeps."""
    return {
        "blocks": [(block.language, block.text, block.unrun) for block in parse(page)],
        "headings": [len(marks) for marks in re.findall(r"^(#+) ", page, re.MULTILINE)],
        "links": re.findall(r"\]\((docs/[^)]*)\)", page),
    }


def readme(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_both_readmes_have_the_same_parts() -> None:
    english, chinese = skeleton(readme("README.md")), skeleton(readme("README.zh-CN.md"))
    assert chinese["blocks"] == english["blocks"]
    assert chinese["headings"] == english["headings"]
    assert chinese["links"] == english["links"]


def test_another_command_would_be_seen() -> None:
    page = readme("README.zh-CN.md")
    changed = page.replace("pyinit verify", "pyinit check")
    assert changed != page
    assert skeleton(changed) != skeleton(page)
