"""The trial of a wheel (tools/try_wheel.py, run by CI) finds what it runs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "try_wheel.py"


@pytest.fixture(scope="module")
def trial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("try_wheel", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_has_blocks_that_need_no_framework(trial: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(trial.shown()) >= trial.LEAST_BLOCKS
    monkeypatch.setattr(trial, "LEAST_BLOCKS", 100)
    with pytest.raises(SystemExit, match="must have 100 blocks"):
        trial.shown()


def test_every_file_of_its_suite_exists(trial: ModuleType) -> None:
    assert [name for name in trial.SUITE if not (trial.ROOT / "tests" / name).is_file()] == []
