"""The oldest version of each framework that pyinit works with; its adapter refuses an older one by name."""

from __future__ import annotations

import re
from importlib import import_module

from .errors import MissingLibraryError

__all__ = ["OLDEST", "numbers", "require", "text"]

OLDEST: dict[str, tuple[int, ...]] = {
    "torch": (2, 9),
    "jax": (0, 8, 1),
    "keras": (3, 9),
}
"""The extras of these names in pyproject.toml and the table of docs/reference/frameworks.md say the same."""


def require(framework: str) -> None:
    """Import the framework of an adapter of the same name, and refuse a version that is too old.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    MissingLibraryError
        If it is older than `OLDEST` says, or says no version, as a folder of that name that Python takes for
        the framework.
    """
    module = import_module(framework)
    came = getattr(module, "__version__", None)
    if came is not None and numbers(came) >= OLDEST[framework]:
        return
    needed = text(OLDEST[framework])
    got, way_out = f"{framework} {came}", "Run "
    if came is None:
        place = getattr(module, "__file__", None) or [*getattr(module, "__path__", ()), "a module"][0]
        got, way_out = f"{place}, which says no version", "Rename it, or run "
    raise MissingLibraryError(
        f"pyinit.{framework} needs {framework} {needed} or later; got {got}. "
        f"{way_out}pip install --upgrade '{framework}>={needed}'."
    )


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: ``(2, 13, 0)`` for ``"2.13.0+cpu"``."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def text(version: tuple[int, ...]) -> str:
    """Return a version as it is written."""
    return ".".join(map(str, version))
