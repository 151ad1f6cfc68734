"""The check of wheel and sdist (tools/check_artifacts.py, run by CI) notices what is missing or too much."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_artifacts.py"

TRACKED = {
    "CMakeLists.txt",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
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
    "pyinit/cuda/source/rng/philox.hpp",
    *(
        f"pyinit_nn-0.1.0.dist-info/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    ),
}
COMPILED = {"rng/philox.hpp"}
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
    assert tool.wheel_faults(WHEEL, TRACKED, COMPILED) == []
    assert tool.sdist_faults(SDIST, TRACKED) == []


@pytest.mark.parametrize("name", sorted(WHEEL))
def test_every_part_of_the_wheel_is_missed(tool: ModuleType, name: str) -> None:
    assert len(tool.wheel_faults(WHEEL - {name}, TRACKED, COMPILED)) == 1


@pytest.mark.parametrize("name", ["csrc/rng/philox.hpp", "pyinit/x.o", "libpyinit.a", "pyinit/_core.so.1"])
def test_the_wheel_holds_nothing_else(tool: ModuleType, name: str) -> None:
    assert len(tool.wheel_faults(WHEEL | {name}, TRACKED, COMPILED)) == 1


@pytest.mark.parametrize("name", sorted(SDIST))
def test_every_part_of_the_sdist_is_missed(tool: ModuleType, name: str) -> None:
    assert len(tool.sdist_faults(SDIST - {name}, TRACKED)) == 1


@pytest.mark.parametrize("name", [".ci/run", "docs/speed.png", "pyinit/_core.so", "secrets.txt"])
def test_the_sdist_holds_nothing_else(tool: ModuleType, name: str) -> None:
    assert len(tool.sdist_faults(SDIST | {name}, TRACKED)) == 1


def test_the_sources_of_kernels_are_found_by_their_includes(tool: ModuleType) -> None:
    texts = {
        "cuda/kernels.hpp": '#include <cstdint>\n#include "cuda/draws.hpp"\n#include "half.hpp"\n',
        "cuda/draws.hpp": '#include "half.hpp"\n',
        "half.hpp": "",
    }
    assert tool.cuda_sources(texts.__getitem__) == {*texts, "cuda/kernels.inc"}
    found = tool.cuda_sources(lambda name: (TOOL.parents[1] / "csrc" / name).read_text())
    assert {"rng/philox.hpp", "simd/cuda.hpp", "dense/frozen.hpp"} <= found
    assert not any(name.startswith(("fill/", "probe/", "tests/")) for name in found)


def test_the_build_installs_exactly_the_sources_of_kernels(tool: ModuleType) -> None:
    root = TOOL.parents[1]
    found = tool.cuda_sources(lambda name: (root / "csrc" / name).read_text())
    blocks = re.findall(
        r"install\(FILES\n(.*?)DESTINATION pyinit/cuda/source(\S*)\)",
        (root / "CMakeLists.txt").read_text(),
        re.DOTALL,
    )
    installed = {
        f"{folder}/{Path(name).name}".lstrip("/") for files, folder in blocks for name in files.split()
    }
    assert installed == found
