"""The page of compilers and systems counts the digests that there are, and names what CI runs."""

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


def test_the_page_names_the_compilers_of_ci() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("the source distribution has no .ci")
    commands = script.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)[1:]
    assert len(rows) >= 7
    run = {tuple(cells[:2]): cells[-1] for cells in (row.split(" | ") for row in rows)}
    (zig,) = re.findall(r"ziglang==([\d.]+)", commands)
    for (compiler, system), how in run.items():
        if "ziglang" in compiler:
            assert compiler.endswith(f"ziglang {zig}")
            target = {"Windows x86-64": "x86_64-windows", "macOS arm64": "aarch64-macos"}.get(system, "musl")
            assert (how == "by hand") == (target not in commands)
    clang = next(compiler for compiler, _ in run if compiler.startswith("Clang 19"))
    assert f"clang++-{clang[6:8]}" in commands
