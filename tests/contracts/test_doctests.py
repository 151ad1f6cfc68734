"""The examples in the docstrings of the installed package run as written."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import types

import pytest

import pyinit

# Running these as modules starts programs.
_PROGRAMS = ("__main__",)
# A package of this name needs the framework of the same name.
_FRAMEWORKS = ("dask", "jax", "keras", "torch")


def modules() -> list[str]:
    """Return the name of every importable module of the package."""
    found = pkgutil.walk_packages(pyinit.__path__, "pyinit.")
    return ["pyinit", *(entry.name for entry in found if not entry.name.endswith(_PROGRAMS))]


def framework_of(name: str) -> str | None:
    """Return the framework that a module below pyinit needs."""
    package = name.split(".")[1:2]
    return package[0] if package and package[0] in _FRAMEWORKS else None


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    framework = framework_of(name)
    if framework is not None:
        pytest.importorskip(framework)
    failures, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failures == 0


def test_public_names_have_examples() -> None:
    finder = doctest.DocTestFinder()
    shown = sum(
        len(test.examples)
        for name in modules()
        if framework_of(name) is None
        for test in finder.find(importlib.import_module(name))
    )
    assert shown >= 20


def test_check_can_fail(capsys: pytest.CaptureFixture[str]) -> None:
    module = types.ModuleType("wrong", doc=">>> 1 + 1\n3\n")
    assert doctest.testmod(module).failed == 1
    assert "Expected" in capsys.readouterr().out
