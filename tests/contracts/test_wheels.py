"""The trials of wheels (tools/wheels.py, run by CI) compare what they say, and skip nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "wheels.py"
Run = tuple[list[str], dict[str, Any]]


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wheels", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runs(tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Return the list in which each program is noted instead of run."""
    found: list[Run] = []

    def run(*command: str | Path, **options: Any) -> None:
        found.append(([str(part) for part in command], options))

    monkeypatch.setattr(tool, "run", run)
    monkeypatch.setattr(tool.venv, "create", lambda home, with_pip: None)
    monkeypatch.setattr(tool, "newest", lambda directory, pattern: directory / "pyinit.whl")
    return found


def suites(runs: list[Run]) -> list[Run]:
    """Return the runs of tests."""
    return [run for run in runs if " -m pytest " in " ".join(run[0]) or run[0][-1].endswith("try_wheel.py")]


def test_no_trial_may_skip_a_test(tool: ModuleType, runs: list[Run], tmp_path: Path) -> None:
    tool.try_natively(tmp_path / "pyinit.whl")
    tool.try_clang(tmp_path / "pyinit.tar.gz", "clang-19")
    tool.try_emulated(tmp_path / "pyinit.whl", tmp_path)
    assert len(suites(runs)) == 3
    assert [options["PYINIT_NO_SKIP"] for _, options in suites(runs)] == ["1"] * 3


def test_digests_are_those_of_the_wheel_and_not_of_the_sources(
    tool: ModuleType, runs: list[Run], tmp_path: Path
) -> None:
    tool.compare_digests(tmp_path, "python")
    ((command, options),) = suites(runs)
    assert options["place"] == tmp_path
    assert options["PYTHONPATH"] == str(tmp_path)
    files = [Path(part) for part in command if part.endswith(".py")]
    assert [path.relative_to(tool.ROOT / "tests").as_posix() for path in files] == list(tool.DIGESTS)
    assert all(path.is_file() for path in files)


@pytest.mark.parametrize(
    ("program", "plus"),
    [
        ("clang", "clang++"),
        ("clang-19", "clang++-19"),
        ("/opt/clang/bin/clang-19", "/opt/clang/bin/clang++-19"),
    ],
)
def test_the_compiler_is_the_one_that_is_named(
    program: str, plus: str, tool: ModuleType, runs: list[Run], tmp_path: Path
) -> None:
    tool.try_clang(tmp_path / "pyinit.tar.gz", program)
    _, options = runs[0]
    assert (options["CC"], options["CXX"]) == (program, plus)
