"""The examples in the docstrings of the installed package run as written."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import pyinit

# Running these as modules starts programs.
_PROGRAMS = ("__main__",)
# What modules need whose names begin so.
_FRAMEWORKS = {
    "pyinit.dask": "dask",
    "pyinit.jax": "jax",
    "pyinit.keras": "keras",
    "pyinit.torch": "torch",
    "pyinit.checkpoint.engines.dask": "dask",
    "pyinit.checkpoint.engines.ray": "ray",
    "pyinit.lab.notebook.film": "anywidget",
    "pyinit.lab.notebook.widget": "anywidget",
    "pyinit.lab.serve": "starlette",
    "pyinit.lab.serve.launch": "uvicorn",
}
PUBLIC = (
    "pyinit",
    "pyinit.data",
    "pyinit.linalg",
    "pyinit.numpy",
    "pyinit.reference",
    "pyinit.theory",
    "pyinit.dask",
    "pyinit.jax",
    "pyinit.jax.initializers",
    "pyinit.keras",
    "pyinit.keras.initializers",
    "pyinit.torch",
    "pyinit.torch.init",
)


def modules() -> list[str]:
    """Return the name of every importable module of the package."""
    found = pkgutil.walk_packages(pyinit.__path__, "pyinit.")
    return ["pyinit", *(entry.name for entry in found if not entry.name.endswith(_PROGRAMS))]


def framework_of(name: str) -> str | None:
    """Return the framework that a module below pyinit needs."""
    begins = [known for known in _FRAMEWORKS if name == known or name.startswith(f"{known}.")]
    return _FRAMEWORKS[max(begins, key=len)] if begins else None


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    """Restore the tables of names, to which examples add."""
    from pyinit.recipes.models.registry import TABLE
    from pyinit.recipes.recipe import _MAKERS

    before = [(known, dict(known)) for known in (TABLE, _MAKERS)]
    yield
    for known, was in before:
        known.clear()
        known.update(was)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", modules())
def test_examples(name: str) -> None:
    framework = framework_of(name)
    if framework is not None:
        pytest.importorskip(framework)
    failures, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failures == 0


def run_examples(name: str) -> set[str]:
    """Return the docstrings of a module whose examples `test_examples` runs."""
    found = doctest.DocTestFinder().find(importlib.import_module(name))
    return {test.docstring for test in found if test.examples and test.docstring is not None}


def has_an_example(thing: Any) -> bool:
    """Return whether the docstring of a function or class holds an example, and the suite runs it."""
    return (inspect.getdoc(thing) is not None) and thing.__doc__ in run_examples(thing.__module__)


def without_examples(module: ModuleType) -> list[str]:
    """Return the functions and classes in `__all__` of a module that show no example."""
    return [
        name
        for name in module.__all__
        if callable(thing := getattr(module, name))
        and not is_shown_elsewhere(module, name)
        and not has_an_example(thing)
    ]


def is_shown_elsewhere(module: ModuleType, name: str) -> bool:
    """Return whether a name needs no example of its own: the exemptions."""
    thing = getattr(module, name)
    # errors are shown where they are raised
    is_error = isinstance(thing, type) and issubclass(thing, Exception)
    # a framework's own, handed on
    is_theirs = not getattr(thing, "__module__", "pyinit").startswith("pyinit")
    # torch's deprecated names are those with an underscore
    is_deprecated = f"{name}_" in module.__all__
    # a package that is called; docs/lab.ipynb shows it, as it needs a notebook
    is_package = isinstance(thing, ModuleType)
    return is_error or is_package or is_theirs or is_deprecated


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_examples(name: str) -> None:
    framework = framework_of(name)
    if framework is not None:
        pytest.importorskip(framework)
    assert without_examples(importlib.import_module(name)) == []


def test_a_public_name_without_an_example_would_be_seen() -> None:
    def shown() -> None:
        """Do it.

        >>> 1 + 1
        2
        """

    def silent() -> None:
        """Do it."""

    module = types.ModuleType("pyinit.made")
    for made in (shown, silent):
        made.__module__, made.__qualname__ = module.__name__, made.__name__
        setattr(module, made.__name__, made)
    module.__all__ = ["shown", "silent"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        assert without_examples(module) == ["silent"]


def test_check_can_fail(capsys: pytest.CaptureFixture[str]) -> None:
    module = types.ModuleType("wrong", doc=">>> 1 + 1\n3\n")
    assert doctest.testmod(module).failed == 1
    assert "Expected" in capsys.readouterr().out
