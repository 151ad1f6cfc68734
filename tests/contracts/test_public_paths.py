"""Docstrings name public paths alone: every other path may change with the next version."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "pyinit"
PUBLIC = ("data", "linalg", "reference", "theory", "numpy", "dask", "torch", "jax", "keras")
FACES = ("torch.init", "jax.initializers", "keras.initializers")
COMMANDS = ("cli.bench",)


def names_of(face: Path) -> set[str]:
    """Return what a package's `__init__` lists in `__all__`."""
    for node in ast.walk(ast.parse(face.read_text())):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return {text.value for text in ast.walk(node) if isinstance(text, ast.Constant)}
    return set()


def is_public(path: str) -> bool:
    """Tell whether a path below pyinit names a public package, or something that one lists."""
    if path in (*PUBLIC, *FACES, *COMMANDS):
        return True
    if path.startswith("errors."):
        return path.removeprefix("errors.") in names_of(PACKAGE / "errors.py")
    for package in (*FACES, *PUBLIC):
        if path.startswith(f"{package}."):
            name = path.removeprefix(f"{package}.").split(".")[0]
            return name in names_of(PACKAGE / package.replace(".", "/") / "__init__.py")
    return path.split(".")[0] in names_of(PACKAGE / "__init__.py")


def docstrings(file: Path) -> Iterator[str]:
    """Yield the docstrings of a file, without their examples: those of private functions import these."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            yield "\n".join(line for line in text.splitlines() if not line.strip().startswith((">>>", "...")))


def private_paths(text: str) -> list[str]:
    """Return the paths below pyinit in a text that are not public."""
    return [path for path in re.findall(r"\bpyinit\.(\w+(?:\.\w+)*)", text) if not is_public(path)]


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_docstrings_name_public_paths(file: Path) -> None:
    for text in docstrings(file):
        assert not private_paths(text)


def test_a_private_path_would_be_seen() -> None:
    assert private_paths("see `pyinit.stream.plan.NUMBERS`") == ["stream.plan.NUMBERS"]
    assert private_paths("see `pyinit.torch.placement`, `pyinit.torch.fill`") == ["torch.placement"]
    assert not private_paths("`pyinit.Key`, `pyinit.theory.propagate`, `pyinit.torch.init.normal_`, pyinit")
