"""The table of the frameworks' versions, the pins of the oldest and what adapters refuse agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyinit.versions import OLDEST, numbers, text

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "frameworks.md"


@pytest.fixture(scope="module")
def table() -> dict[str, tuple[str, str]]:
    """Return the oldest and the newest version of each library, as the page has them."""
    if not PAGE.is_file():
        pytest.skip("needs docs/, which an sdist has not")
    row = re.compile(r"^\| ([\w-]+) \| (\d[\w.]*) \| (\d[\w.]*) \|", re.MULTILINE)
    return {name: (old, new) for name, old, new in row.findall(PAGE.read_text(encoding="utf-8"))}


def test_the_oldest_are_those_of_the_pins(table: dict[str, tuple[str, str]]) -> None:
    lines = (ROOT / "tools" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: old for name, (old, _) in table.items()} == {name: pins[name] for name in table}
    # those that only go with another one
    assert pins.keys() - table == {"torchvision", "jaxlib"}
    assert pins["jaxlib"] == pins["jax"]


def test_the_adapters_refuse_what_is_older_than_the_pins(table: dict[str, tuple[str, str]]) -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, least in OLDEST.items():
        assert numbers(table[name][0])[: len(least)] == least
        assert project["optional-dependencies"][name] == [f"{name}>={text(least)}"]
        # the site's pages import the adapters
        assert f"{name}>={text(least)}" in project["optional-dependencies"]["docs"]


TITLES = {"torch": "torch", "jax": "JAX", "keras": "Keras"}


@pytest.mark.parametrize(
    ("page", "begin"), [("README.md", "- Adapters need "), ("README.zh-CN.md", "- 适配器需要 ")]
)
def test_the_limits_name_the_oldest(page: str, begin: str) -> None:
    _, _, after = (ROOT / page).read_text(encoding="utf-8").partition(begin)
    line, _, _ = after.partition("\n")
    assert re.findall(r"(\w+) (\d[\d.]*\d)", line) == [(TITLES[name], text(OLDEST[name])) for name in TITLES]


def test_the_page_says_why_what_is_older_is_refused(table: dict[str, tuple[str, str]]) -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    for name, title in TITLES.items():
        assert f"{title} before {text(OLDEST[name])} is refused, since" in page or (
            f"{title} before {text(OLDEST[name])}, since" in page
        )


@pytest.mark.parametrize(
    ("page", "begin"), [("index.md", "Extras bring the rest"), ("zh.md", "其余功能按需安装")]
)
def test_the_landing_pages_list_every_extra(page: str, begin: str, table: dict[str, tuple[str, str]]) -> None:
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    _, _, after = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(begin)
    listed = re.findall(r"`(\w+)`", after.partition("\n\n")[0])
    # the others are for who works on pyinit
    assert sorted(listed) == sorted(project["optional-dependencies"].keys() - {"dev", "docs", "test"})


def test_the_newest_are_not_older(table: dict[str, tuple[str, str]]) -> None:
    assert len(table) >= 10
    assert [name for name, (old, new) in table.items() if numbers(old) > numbers(new)] == []
