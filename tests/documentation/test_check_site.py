"""The check of the built documentation (tools/check_site.py, run by CI) sees each kind of fault."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from ..lab.conftest import CHROMIUM

pytestmark = pytest.mark.interop

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_site.py"
PAGE = "<!DOCTYPE html><html><body>{}</body></html>"
FAULTS = {
    "asks for https://example.org/x.js": '<script src="https://example.org/x.js"></script>',
    "misses file://": '<img src="none.png">',
    "raises wrong": '<script>throw Error("wrong")</script>',
    "in another language": "<h1>中文简介</h1>",
    "wider than its window": '<div style="width: 3000px">wide</div>',
}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}, or where PYINIT_CHROMIUM says")
    spec = importlib.util.spec_from_file_location("check_site", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_fault_is_seen_on_its_page(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "right.html").write_text(PAGE.format("<p>words</p>"))
    for number, body in enumerate(FAULTS.values()):
        (tmp_path / f"wrong{number}.html").write_text(PAGE.format(body))
    found = tool.check(tmp_path, None)
    assert not [fault for fault in found if fault.startswith("right")]
    for number, said in enumerate(FAULTS):
        for width in tool.WIDTHS:
            start = f"wrong{number} ({width}) "
            assert [fault for fault in found if fault.startswith(start) and said in fault], found


def test_pictures_are_saved(tool: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE.format("<p>words</p>"))
    assert tool.check(tmp_path, tmp_path) == []
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "site-index-desk.png",
        "site-index-phone.png",
    ]
