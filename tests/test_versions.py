"""An adapter refuses a framework that is older than it works with, in one line, when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pyinit as pi
from pyinit.versions import OLDEST, numbers, require, text


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.13.0+cpu", (2, 13, 0)),
        ("2.14.0a0+git12ab", (2, 14, 0)),
        ("0.12.0.1", (0, 12, 0, 1)),
        ("0.10.2.dev20260101", (0, 10, 2)),
        ("unknown", ()),
    ],
)
def test_numbers(version: str, expected: tuple[int, ...]) -> None:
    assert numbers(version) == expected


def installed(monkeypatch: pytest.MonkeyPatch, framework: str, version: str) -> None:
    """Let `require` find a version of a framework."""
    module = ModuleType(framework)
    module.__version__ = version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, framework, module)


@pytest.mark.parametrize("framework", OLDEST)
def test_the_oldest_version_and_later_ones_are_taken(framework: str, monkeypatch: pytest.MonkeyPatch) -> None:
    least = OLDEST[framework]
    later = (*least[:-1], least[-1] + 1)
    # one release has more digits than the other: 2.10 is later than 2.9
    for version in (least, (*least, 0), later, (*least[:-1], 10 * least[-1])):
        installed(monkeypatch, framework, text(version))
        require(framework)


def test_an_older_version_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OLDEST, "torch", (2, 9))
    installed(monkeypatch, "torch", "2.8.1+cu128")
    with pytest.raises(pi.MissingLibraryError) as raised:
        require("torch")
    assert str(raised.value) == (
        "pyinit.torch needs torch 2.9 or later; got torch 2.8.1+cu128. "
        "Run pip install --upgrade 'torch>=2.9'."
    )


def test_a_folder_that_hides_the_framework_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(OLDEST, "torch", (2, 9))
    folder = ModuleType("torch")
    folder.__path__ = [str(tmp_path / "torch")]
    monkeypatch.setitem(sys.modules, "torch", folder)
    with pytest.raises(pi.MissingLibraryError) as raised:
        require("torch")
    assert str(raised.value) == (
        f"pyinit.torch needs torch 2.9 or later; got {tmp_path / 'torch'}, which says no version. "
        "Rename it, or run pip install --upgrade 'torch>=2.9'."
    )


@pytest.mark.parametrize("framework", OLDEST)
def test_the_import_of_an_adapter_refuses(framework: str, tmp_path: Path) -> None:
    # nothing else of the framework is there: the adapter's own modules would fail at their first import
    (tmp_path / f"{framework}.py").write_text('__version__ = "0.3.1"\n')
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", f"import pyinit.{framework}"],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    needed = text(OLDEST[framework])
    said = f"pyinit.{framework} needs {framework} {needed} or later; got {framework} 0.3.1."
    assert done.stderr.splitlines()[-1].startswith(f"pyinit.errors.MissingLibraryError: {said}")
