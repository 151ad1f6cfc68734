"""What lies beside a checkpoint and is not its own stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.places import opened
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint

SHAPES = {"a": (40, 30), "b": (50, 30)}


def plan_of(path: Path | str, **options: Any) -> CheckpointPlan:
    return plan_checkpoint(SHAPES, path=path, **{"recipes": "normal", **options})


@pytest.mark.parametrize(
    "name", [".pyinit-backup", ".pyinit-old.gone", ".pyinit-0123456789abc", ".pyinit-0123456789AB"]
)
def test_a_directory_that_only_begins_like_a_plans_is_kept(tmp_path: Path, name: str) -> None:
    kept = tmp_path / name / "kept"
    kept.parent.mkdir()
    kept.write_text("kept")
    write_plan(plan_of(tmp_path))
    assert kept.read_text() == "kept"
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]


def test_so_is_a_folder_of_an_object_store() -> None:
    pytest.importorskip("fsspec")
    plan = plan_of("memory://neighbours/model")
    target, _ = opened(plan)
    target.put(".pyinit-backup/kept", b"kept")
    target.publish([".pyinit-backup/kept"])
    write_plan(plan)
    assert target.read(".pyinit-backup/kept") == b"kept"
