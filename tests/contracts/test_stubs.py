"""pyinit/_core.pyi describes the compiled module as it is. `nox -s stubs` writes it anew."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from pyinit import _core

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "pyinit" / "_core.pyi"
TOOL = ROOT / "tools" / "stub.py"
ANEW = "pyinit/_core.pyi is not what the module says: run `nox -s stubs`"


def parameters(function: ast.FunctionDef) -> list[str]:
    """Return the parameter names of a function, those with a default marked by "="."""
    positional = [*function.args.posonlyargs, *function.args.args]
    plain = len(positional) - len(function.args.defaults)
    names = [argument.arg + ("=" if at >= plain else "") for at, argument in enumerate(positional)]
    keyword = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return names + [f"*{argument.arg}" + ("" if default is None else "=") for argument, default in keyword]


def stub_functions(source: str) -> dict[str, list[str]]:
    """Return name -> parameters of the functions in a stub."""
    tree = ast.parse(source)
    return {node.name: parameters(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


def compiled_functions() -> dict[str, list[str]]:
    """Return name -> parameters of the module's functions, from the first line of their docstrings."""
    found = {}
    for name, value in vars(_core).items():
        if callable(value) and not name.startswith("__"):
            signature = (value.__doc__ or "").splitlines()[0]
            (function,) = ast.parse(f"def {signature}: ...").body
            assert isinstance(function, ast.FunctionDef)
            found[name] = parameters(function)
    return found


def test_stub_has_the_functions_and_parameters_of_the_module() -> None:
    assert stub_functions(STUB.read_text(encoding="utf-8")) == compiled_functions(), ANEW


def test_stub_is_what_the_generator_writes(tmp_path: Path) -> None:
    pytest.importorskip("pybind11_stubgen")
    pytest.importorskip("ruff")
    fresh = tmp_path / "_core.pyi"
    subprocess.run([sys.executable, str(TOOL), str(fresh)], check=True)
    assert STUB.read_text(encoding="utf-8") == fresh.read_text(encoding="utf-8"), ANEW


def test_check_can_fail() -> None:
    compiled = compiled_functions()
    stub = STUB.read_text(encoding="utf-8")
    assert stub_functions(stub.replace("threads:", "workers:")) != compiled
    assert stub_functions(stub.replace("def fill_normal(", "def fill_gaussian(")) != compiled
    assert stub_functions(stub + "\ndef extra() -> None: ...\n") != compiled
