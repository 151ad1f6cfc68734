"""Imports and includes point one way: ARCHITECTURE.md's order of layers, read from the sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Left to right; a module may import what stands before it. Modules in one string share a level and stay
# apart; a package's own files may import each other.
PYTHON_LAYERS = [
    "_core",
    "errors names release",
    "makers",
    "dtypes exponential strict_json",
    "stream reference_dense",
    "window reference_layer",
    "fans",
    "curves loss normalization quadrature",
    "activation",
    "_gain theory",
    "plan safetensors",
    "truncation patterns source reference flattening",
    "_fill",
    "moments linalg recipe",
    "layer",
    "distributions",
    "scaling",
    "famous sparsity structured orthogonality",
    "dense filling rules",
    "rules_json digest staging",
    "spec",
    "spec_json",
    "blueprint",
    "shards",
    "receipt writer",
    "params",
    "network",
    "passes",
    "data",
    "_probe",
    "_train",
    "families",
    "checkpoint",
    "numpy torch jax",
    "keras",
    "__init__",
    "bench",
    "cli",
    "__main__",
]
# reference is the specification: it may know nothing of plans or kernels.
REFERENCE_IMPORTS = {"errors", "dtypes", "reference_dense", "stream"}

# A directory of csrc may include what stands before it and its own level; a file beside the directories goes
# by its stem. dispatch picks one of fill's kernel tables and fill asks it which: they share a level.
CPP_LAYERS = [
    "dtype float_environment memory parallel",
    "simd",
    "rng",
    "fill dispatch",
    "dense",
    "probe",
    "bindings tests",
]


def rank(layers: list[str], name: str) -> int:
    """Return the level of `name`."""
    for level, names in enumerate(layers):
        if name in names.split():
            return level
    raise AssertionError(f"{name} has no layer: add it to the order in {Path(__file__).name}")


def module_of(path: Path, package: Path) -> str:
    """Return the top-level module or subpackage of pyinit that a file belongs to."""
    return path.relative_to(package).parts[0].removesuffix(".py").removesuffix(".pyi")


def imported(path: Path, package: Path) -> Iterator[str]:
    """Yield the modules of pyinit that a file imports, by their first name below pyinit."""
    here = path.relative_to(package).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = ["pyinit", *here[: len(here) - node.level + 1]]
            elif (node.module or "").split(".")[0] == "pyinit":
                base = []
            else:
                continue
            parts = [*base, *(node.module.split(".") if node.module else [])]
            if len(parts) > 1:
                yield parts[1]
                continue
            for alias in node.names:
                known = (package / alias.name).is_dir() or list(package.glob(f"{alias.name}.*"))
                yield alias.name if known or alias.name == "_core" else "__init__"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[0] == "pyinit":
                    yield parts[1] if len(parts) > 1 else "__init__"


def python_arrows_to_the_right(package: Path) -> list[str]:
    """Return the imports below `package` that break the order."""
    wrong = []
    for path in sorted(package.rglob("*.py")):
        importer = module_of(path, package)
        for target in imported(path, package):
            if target == importer:
                continue
            forward = rank(PYTHON_LAYERS, target) >= rank(PYTHON_LAYERS, importer)
            if forward or (importer == "reference" and target not in REFERENCE_IMPORTS):
                wrong.append(f"{path.relative_to(package)} imports {target}")
    return wrong


def layer_of(path: Path, sources: Path) -> str:
    """Return the directory of csrc that a file is in, or the stem of a file beside the directories."""
    return path.relative_to(sources).parts[0].split(".")[0]


def cpp_arrows_to_the_right(sources: Path) -> list[str]:
    """Return the includes below `sources` that break the order, or that reach pybind11 outside bindings."""
    wrong = []
    for path in sorted([*sources.rglob("*.hpp"), *sources.rglob("*.cpp"), *sources.rglob("*.inc")]):
        includer = layer_of(path, sources)
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', line)
            if found is None:
                continue
            if (found[2] or "").startswith(("pybind11", "Python.h", "numpy")):
                if includer != "bindings":
                    wrong.append(f"{path.relative_to(sources)} includes {found[2]} outside bindings")
                continue
            if found[1] is None:
                continue
            beside = path.parent / found[1]
            target_path = beside if beside.exists() else sources / found[1]
            target = layer_of(target_path.resolve(), sources.resolve())
            if rank(CPP_LAYERS, target) > rank(CPP_LAYERS, includer):
                wrong.append(f"{path.relative_to(sources)} includes {found[1]}")
    return wrong


def test_python_imports_point_one_way() -> None:
    assert python_arrows_to_the_right(ROOT / "pyinit") == []


def test_cpp_includes_point_one_way() -> None:
    assert cpp_arrows_to_the_right(ROOT / "csrc") == []


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("errors.py", "from .stream import Key"),
        ("plan.py", "from pyinit.recipe import normal"),
        ("plan.py", "def late():\n    from . import recipe"),
        ("plan.py", "import pyinit.checkpoint"),
        ("stream.py", "import pyinit"),
        ("reference.py", "from .plan import Plan"),
        ("recipe.py", "from .bench import main"),
        ("spec/gpt2.py", "from ..cli import main"),
    ],
)
def test_python_check_can_fail(tmp_path: Path, importer: str, line: str) -> None:
    package = tmp_path / "pyinit"
    (package / importer).parent.mkdir(parents=True)
    (package / "recipe.py").touch()
    (package / importer).write_text(line + "\n")
    assert len(python_arrows_to_the_right(package)) == 1


def test_python_check_accepts_the_order(tmp_path: Path) -> None:
    package = tmp_path / "pyinit"
    (package / "spec").mkdir(parents=True)
    (package / "recipe.py").write_text("from . import plan\nfrom ._fill import fill\nimport numpy\n")
    (package / "plan.py").write_text("from .errors import ShapeError\n")
    (package / "spec" / "gpt2.py").write_text("from .model import Spec\nfrom ..recipe import normal\n")
    assert python_arrows_to_the_right(package) == []


@pytest.mark.parametrize(
    ("includer", "line"),
    [
        ("rng/philox.hpp", '#include "fill/tile.hpp"'),
        ("rng/philox.hpp", '#include "../fill/tile.hpp"'),
        ("fill/loop.cpp", "#include <pybind11/pybind11.h>"),
        ("simd/avx2.hpp", '#include "rng/philox.hpp"'),
    ],
)
def test_cpp_check_can_fail(tmp_path: Path, includer: str, line: str) -> None:
    for name in ("rng/philox.hpp", "fill/tile.hpp", "fill/loop.cpp", "simd/avx2.hpp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / includer).write_text(line + "\n")
    assert len(cpp_arrows_to_the_right(tmp_path)) == 1
