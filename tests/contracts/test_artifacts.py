"""The check of wheel and sdist (tools/check_artifacts.py, run by CI) notices what is missing or too much."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_artifacts.py"

TRACKED = {
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "csrc/rng/philox.hpp",
    "pyinit/__init__.py",
    "pyinit/py.typed",
    "pyinit/_core.pyi",
    "pyinit/numpy/philox.pxd",
    "tests/stream/test_key.py",
    "docs/speed.png",
    ".ci/run",
}
WHEEL = {
    "pyinit/__init__.py",
    "pyinit/py.typed",
    "pyinit/_core.pyi",
    "pyinit/_core.cpython-311-x86_64-linux-gnu.so",
    "pyinit/numpy/philox.pxd",
    "pyinit/numpy/philox.cpython-311-x86_64-linux-gnu.so",
    *(
        f"pyinit_nn-0.1.0.dist-info/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    ),
}
SDIST = {name for name in TRACKED if not name.startswith((".ci/", "docs/"))} | {"PKG-INFO"}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_artifacts", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_complete_archives_have_no_fault(tool: ModuleType) -> None:
    assert tool.wheel_faults(WHEEL, TRACKED) == []
    assert tool.sdist_faults(SDIST, TRACKED) == []


@pytest.mark.parametrize("name", sorted(WHEEL))
def test_every_part_of_the_wheel_is_missed(tool: ModuleType, name: str) -> None:
    assert len(tool.wheel_faults(WHEEL - {name}, TRACKED)) == 1


@pytest.mark.parametrize("name", ["csrc/rng/philox.hpp", "pyinit/x.o", "libpyinit.a", "pyinit/_core.so.1"])
def test_the_wheel_holds_nothing_else(tool: ModuleType, name: str) -> None:
    assert len(tool.wheel_faults(WHEEL | {name}, TRACKED)) == 1


@pytest.mark.parametrize("name", sorted(SDIST))
def test_every_part_of_the_sdist_is_missed(tool: ModuleType, name: str) -> None:
    assert len(tool.sdist_faults(SDIST - {name}, TRACKED)) == 1


@pytest.mark.parametrize("name", [".ci/run", "docs/speed.png", "pyinit/_core.so", "secrets.txt"])
def test_the_sdist_holds_nothing_else(tool: ModuleType, name: str) -> None:
    assert len(tool.sdist_faults(SDIST | {name}, TRACKED)) == 1
