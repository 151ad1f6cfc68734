"""philox.pyi describes the compiled class as it is."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from pyinit.numpy import Philox4x32, philox

STUB = Path(philox.__file__).with_name("philox.pyi").read_text(encoding="utf-8")


def described(source: str) -> dict[str, list[str] | None]:
    """Return the methods of the class in a stub with their parameters, and its properties with None."""
    (stub,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    methods = [node for node in stub.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    found: dict[str, list[str] | None] = {}
    for method in methods:
        plain = len(method.args.args) - len(method.args.defaults)
        names = [each.arg + "=" * (at >= plain) for at, each in enumerate(method.args.args)]
        found[method.name] = None if method.decorator_list else names
    return found


def compiled() -> dict[str, list[str] | None]:
    """Return the same of the compiled class."""
    found: dict[str, list[str] | None] = {}
    for name, value in vars(Philox4x32).items():
        if name[0] != "_":
            parameters = inspect.signature(value).parameters.values() if callable(value) else None
            found[name] = parameters and [
                each.name + "=" * (each.default is not each.empty) for each in parameters
            ]
    return found


def test_stub_has_what_the_class_has() -> None:
    assert described(STUB) == compiled()


def test_check_can_fail() -> None:
    assert described(STUB.replace("jumps: int = 1", "jumps: int")) != compiled()
    assert described(STUB.replace("def advance", "def move")) != compiled()
    assert described(STUB.replace("def key", "def keys")) != compiled()
