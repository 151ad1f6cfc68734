"""Every code block of README and of docs/ runs, in the order of its page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi

from .blocks import PageError, needs_of, parse
from .running import run

ROOT = Path(__file__).resolve().parents[2]
# The source distribution has no docs. README.zh-CN.md holds README's blocks: test_translation.py.
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# tests/lab/experiment/test_gallery_links.py opens what the pages of the gallery end with
GALLERY = ROOT / "docs" / "gallery"


def cases() -> Iterator[Any]:
    """Yield each page with blocks; what needs another library is marked."""
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        blocks = parse(page, path.name)
        if blocks:
            needs = needs_of(page, blocks)
            name = str(path.relative_to(ROOT))
            yield pytest.param(path, needs, id=name, marks=[pytest.mark.interop] if needs else [])


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Restore the tables of names, to which pages add."""
    from pyinit.recipes.models.registry import TABLE
    from pyinit.recipes.recipe import _MAKERS

    before = [(known, dict(known)) for known in (TABLE, _MAKERS)]
    yield
    for known, was in before:
        known.clear()
        known.update(was)  # type: ignore[arg-type]


@pytest.mark.parametrize(("path", "needs"), list(cases()))
def test_every_block_runs(
    path: Path, needs: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "transformers" in needs:
        request.getfixturevalue("torchvision_loads")
    for name in needs:
        pytest.importorskip(name)
    blocks = parse(path.read_text(encoding="utf-8"), path.name)
    names: dict[str, Any] = {"__name__": "__main__"}
    if path.parent == GALLERY:
        names |= {"np": np, "pi": pi}
        blocks = [block for block in blocks if block.language == "python"]
    if any(block.language == "bash" for block in blocks) and shutil.which("bash") is None:
        pytest.skip("needs bash")
    run(blocks, str(path.relative_to(ROOT)), tmp_path, names)


def entries(page: str) -> list[tuple[str, str, str]]:
    """Return picture, title and page of each entry of the gallery's list."""
    return re.findall(r"^- \[!\[\]\((\w+)\.png\) (.+)\]\((\w+)\.md\)$", page, re.MULTILINE)


def test_the_gallery_lists_every_page() -> None:
    if not GALLERY.is_dir():
        pytest.skip("needs docs/, which an sdist has not")
    listed = entries((GALLERY / "README.md").read_text(encoding="utf-8"))
    pages = sorted(path for path in GALLERY.glob("*.md") if path.name != "README.md")
    titles = {
        path.stem: path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for path in pages
    }
    assert sorted(listed) == [(name, title, name) for name, title in sorted(titles.items())]


PAGE = """# Page

<!-- run first
```python
seen = [0]
```
-->
```python
seen.append(1)
```

<!-- run with
1000 => 2
-->
```python
seen.append(1000)
```

<!-- file: some/own.py -->
```python
print("from the file")
```

```bash
python some/own.py
```

```python
>>> seen
[0, 1, 2]
```
"""


def test_a_page_is_run_in_order(tmp_path: Path) -> None:
    names = run(parse(PAGE), "page", tmp_path)
    assert names["seen"] == [0, 1, 2]
    assert names["printed"] == "from the file\n"


@pytest.mark.parametrize(
    "block", ["```python\n1 / 0\n```", "```python\n>>> 1 + 1\n3\n```", "```bash\nfalse\n```"]
)
def test_a_block_that_fails_is_seen(block: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ZeroDivisionError)):
        run(parse(block), "page", tmp_path)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("```\nx\n```", "needs a language"),
        ("```python\nx", "needs a line ```"),
        ("<!-- not run: no time -->\n```python\nx\n```", "needs a reason"),
        ("<!-- run with\nold => new\n-->\n```python\nx\n```", "whose OLD the block holds"),
        ("<!-- file: x.py -->\n", "needs a block after each comment"),
    ],
)
def test_a_page_that_is_wrong_is_refused(page: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        parse(page)


def test_what_a_page_needs() -> None:
    page = "<!-- needs: matplotlib -->\n```python\nimport pyinit.torch as pit\nfrom flax import nnx\n```\n"
    assert needs_of(page, parse(page)) == ["flax", "matplotlib", "torch"]
    page = "```python\n>>> from pyinit import torch, numpy\n>>> from transformers import AutoModel\n```\n"
    assert needs_of(page, parse(page)) == ["torch", "transformers"]
