"""Links of README and of docs/ lead to files, and to headings, that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md", "ARCHITECTURE.md", "CHANGELOG.md", "csrc/README.md")
# The source distribution has neither docs nor ARCHITECTURE.md.
PAGES = [path for path in map(ROOT.joinpath, READMES) if path.exists()] + sorted(
    (ROOT / "docs").rglob("*.md")
)
_LINK = re.compile(r"(?<!`)\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def anchors(page: str) -> set[str]:
    """Return the names of the headings of a page, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.*)$", _CODE.sub(lambda code: code[0].strip("`"), page), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken(page: str, path: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(_CODE.sub("", page)):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if name.startswith("docs/") and not (ROOT / "docs").is_dir():
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_is_broken(path: Path) -> None:
    assert broken(path.read_text(encoding="utf-8"), path) == []


def test_a_broken_link_would_be_seen() -> None:
    here = ROOT / "README.md"
    page = "[a](LICENSE) [b](nowhere.md) [c](#speed) [d](#sped) [e](https://example.org) `[f](code.md)`"
    assert broken(page, here) == ["nowhere.md", "#sped"]


def test_pages_that_include_a_file_of_the_root_lead_where_it_leads() -> None:
    # otherwise docs/speed.md is looked for in docs/docs, which Sphinx alone would notice
    includes = {
        str(path): options
        for path in PAGES
        for options in re.findall(
            r"^```\{include\} \.\./\w+\.md\n((?::.*\n)*)", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert len(includes) >= 3 or not (ROOT / "docs").is_dir()
    assert [path for path, options in includes.items() if ":relative-docs: docs\n" not in options] == []
