"""The reference of the API is complete: every public name is on a page, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyinit.cli.commands import COMMANDS

from ..contracts.test_doctests import PUBLIC
from ..contracts.test_public_paths import PACKAGE, names_of

API = Path(__file__).resolve().parents[2] / "docs" / "api"
# these are Keras' and torch's own, handed on
THEIRS = {
    "pyinit.keras.initializers": {"Initializer", "deserialize", "serialize"},
    "pyinit.torch.init": {"calculate_gain", "constant_", "eye_", "ones_", "zeros_"},
}
# this one stands on the page of pyinit.jax already
TWICE = {"pyinit.jax.initializers": {"Initializer"}}
_DIRECTIVE = re.compile(r"^\.\. auto(module|function|class|data):: (\S+)((?:\n   :.*)*)", re.MULTILINE)


def public_names() -> dict[str, set[str]]:
    """Return what each public module lists, without importing it."""
    found = {}
    for module in PUBLIC:
        path = PACKAGE.joinpath(*module.split(".")[1:])
        found[module] = names_of(path / "__init__.py")
    return found


def pages() -> str:
    """Return all pages of the reference."""
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(API.glob("*.md")))


def missing(text: str) -> list[str]:
    """Return the public names that no directive of the pages documents."""
    whole: dict[str, set[str]] = {}
    single = set()
    for kind, name, options in _DIRECTIVE.findall(text):
        if kind == "module":
            excluded = re.search(r":exclude-members: (.*)", options)
            whole[name] = set(excluded[1].split(", ")) if excluded else set()
        else:
            single.add(name)
    absent = []
    for module, names in public_names().items():
        allowed = THEIRS.get(module, set()) | TWICE.get(module, set())
        for name in sorted(names - allowed):
            is_room = f"{module}.{name}" in whole
            is_member = module in whole and name not in whole[module]
            if not (is_room or is_member or f"{module}.{name}" in single):
                absent.append(f"{module}.{name}")
    return absent


@pytest.fixture(autouse=True)
def _docs_are_here() -> None:
    if not API.is_dir():
        pytest.skip("needs docs/, which an sdist has not")


def test_every_public_name_is_on_a_page() -> None:
    assert missing(pages()) == [], "add them to a page of docs/api"


def test_every_name_on_a_page_is_public() -> None:
    known = public_names()
    for kind, name, _ in _DIRECTIVE.findall(pages()):
        if kind == "module":
            assert name in known
        else:
            module, _, last = name.rpartition(".")
            assert last in known[module], name


def test_every_page_is_in_the_list() -> None:
    listed = set(re.findall(r"\]\((\w+\.md)\)", (API / "index.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in API.glob("*.md")} - {"index.md"}


def test_every_command_is_on_its_page() -> None:
    page = (API.parent / "reference" / "command_line.md").read_text(encoding="utf-8")
    shown = re.findall(r"^## pyinit (\w+)\n\n```\{command-help\} (\w+)\n```$", page, re.MULTILINE)
    assert shown == [(command.name, command.name) for command in COMMANDS]


def test_a_name_that_is_left_out_is_seen() -> None:
    text = pages()
    assert missing(text.replace(".. autofunction:: pyinit.he_normal\n", "")) == ["pyinit.he_normal"]
    assert "pyinit.linalg.matmul" in missing(text.replace(".. automodule:: pyinit.linalg", ".. x:: y"))
