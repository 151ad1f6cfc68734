"""The code blocks of a page in Markdown, and what its comments say about running them.

A comment is invisible to readers. It stands before the block that it is about:

<!-- run first ... -->
    Holds blocks of its own, which are run at this place.
<!-- run with ... -->
    Each line `OLD => NEW` replaces a text of the next block: what a page shows at full size runs at a small
    one.
<!-- file: NAME -->
    The next block is the content of a file.
<!-- not run: REASON -->
    The next block is not run. `REASONS` has the reasons that count.
<!-- needs: NAME ... -->
    Modules that the page needs and does not import.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["REASONS", "Block", "PageError", "needs_of", "parse"]

# why a block may stay unrun
REASONS = (
    "the release check runs it",
    "another library's code",
    "a test of its own compiles it",
    "a test of its own opens it",
    "it opens a page and waits",
)
LANGUAGES = ("python", "bash", "text", "json", "cython")
_FENCE = re.compile(r"^(`{3,})\s*(.*?)\s*$")
_COMMENT = re.compile(r"^<!--\s*(run first|run with|file|not run|needs)\b:?\s*(.*?)\s*(-->)?\s*$")


class PageError(ValueError):
    """A page that cannot be read as blocks."""


@dataclass(frozen=True)
class Block:
    """One block of code.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.
    text : str
        As it is run; for a file, its content.
    line : int
        Of the page, where the text begins, counted from 1.
    file : str or None
        The file that it is the content of.
    unrun : str or None
        Why it is not run.
    """

    language: str
    text: str
    line: int
    file: str | None = None
    unrun: str | None = None


def parse(page: str, path: str = "page") -> list[Block]:
    """Return the blocks of a page in order; blocks of directives, such as ```{toctree}, are none."""
    blocks: list[Block] = []
    said: dict[str, str] = {}
    lines = page.splitlines()
    at = 0
    while at < len(lines):
        comment, fence = _COMMENT.match(lines[at]), _FENCE.match(lines[at])
        if comment:
            end = at if comment[3] else _find(lines, at + 1, "-->", path)
            body = "\n".join(lines[at + 1 : end])
            if comment[1] == "run first":
                hidden = parse("\n" * (at + 1) + body, path)
                blocks += hidden
            else:
                said[comment[1]] = comment[2] or body
            at = end + 1
        elif fence:
            end = _find(lines, at + 1, fence[1], path)
            if not fence[2].startswith("{"):
                blocks.append(_block(fence[2], lines[at + 1 : end], at + 2, said, path))
                said = {name: text for name, text in said.items() if name == "needs"}
            at = end + 1
        else:
            at += 1
    if set(said) - {"needs"}:
        raise PageError(f"{path} needs a block after each comment; got none after {sorted(said)}")
    return blocks


def _find(lines: list[str], at: int, mark: str, path: str) -> int:
    """Return the line that is a mark."""
    for number in range(at, len(lines)):
        if lines[number].rstrip() == mark:
            return number
    raise PageError(f"{path}:{at} needs a line {mark} that ends it; got none")


def _block(language: str, lines: list[str], line: int, said: dict[str, str], path: str) -> Block:
    where = f"{path}:{line}"
    if language not in LANGUAGES:
        raise PageError(f"{where} needs a language of {', '.join(LANGUAGES)}; got {language!r}")
    text = "\n".join(lines) + "\n"
    for rule in said.get("run with", "").splitlines():
        old, arrow, new = rule.partition(" => ")
        if not arrow or old not in text:
            raise PageError(f"{where} needs a rule OLD => NEW whose OLD the block holds; got {rule!r}")
        text = text.replace(old, new)
    unrun = said.get("not run")
    if unrun is not None and unrun not in REASONS:
        raise PageError(f"{where} needs a reason of REASONS; got {unrun!r}")
    return Block(language, text, line, said.get("file"), unrun)


def needs_of(page: str, blocks: list[Block]) -> list[str]:
    """Return the modules beside NumPy and the standard library that the blocks of a page import."""
    found = set()
    for line in page.splitlines():
        comment = _COMMENT.match(line)
        if comment and comment[1] == "needs":
            found.update(comment[2].split())
    for block in blocks:
        if block.language == "python" and block.unrun is None:
            for name in _imported(block.text):
                parts = name.split(".")
                if parts[0] in _LIBRARIES:
                    found.add(_LIBRARIES[parts[0]])
                elif parts[0] == "pyinit" and parts[1:2] and parts[1] in _LIBRARIES:
                    found.add(parts[1])
    return sorted(found)


# what a page may import, and the module that is asked for
_LIBRARIES = {
    name: name
    for name in ("torch", "transformers", "timm", "jax", "flax", "equinox", "haiku", "keras", "dask", "peft")
}


def _imported(text: str) -> list[str]:
    """Return the modules that a block imports, in whatever form it is written."""
    plain = "\n".join(line[4:] if line.startswith((">>> ", "... ")) else line for line in text.splitlines())
    if ">>> " in text:
        plain = "\n".join(line[4:] for line in text.splitlines() if line.startswith((">>> ", "... ")))
    names = []
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
