"""What lies beside a checkpoint and is not its own stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.places import opened
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.ranges import run_extent
from pyinit.checkpoint.share import is_finished

SHAPES = {"a": (40, 30), "b": (50, 30)}


def place_of(plan: CheckpointPlan) -> Path:
    assert isinstance(plan.directory, Path)
    return plan.directory


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


def test_a_link_under_a_temporary_name_is_not_followed(tmp_path: Path) -> None:
    plan, theirs = plan_of(tmp_path / "out"), tmp_path / "theirs"
    theirs.write_bytes(bytes(plan.nbytes))
    place_of(plan).mkdir()
    (place_of(plan) / f".model.safetensors.{plan.tag}.partial").symlink_to(theirs)
    write_plan(plan)
    assert theirs.read_bytes() == bytes(plan.nbytes)
    assert not (place_of(plan) / "model.safetensors").is_symlink()


@pytest.mark.parametrize("name", ["model.safetensors", "init.json", "model-00001-of-00002.safetensors"])
def test_a_directory_in_the_place_of_a_file_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=f"{name} is a directory, where a file is to be; remove it"):
        write_plan(plan_of(tmp_path), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_receipt_does_not_outlive_its_files(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    write_plan(plan)
    alone = plan_of(tmp_path / "model.safetensors", key=1)
    with pytest.raises(FileExistsError):
        write_plan(alone)
    write_plan(alone, overwrite=True)
    assert not (tmp_path / "init.json").exists()
    assert not is_finished(plan)
    with pytest.raises(FileExistsError):
        write_plan(plan)


def test_a_receipt_of_other_files_stays(tmp_path: Path) -> None:
    for name, text in (("one", None), ("other", "{}"), ("third", "no JSON")):
        folder = tmp_path / name
        write_plan(plan_of(folder))
        if text is not None:
            (folder / "init.json").write_text(text)
        write_plan(plan_of(folder / "adapter.safetensors"))
        write_plan(plan_of(folder / "adapter.safetensors", key=1), overwrite=True)
        assert (folder / "init.json").exists()


@pytest.mark.parametrize("is_damaged", [True, False])
def test_a_finished_file_that_was_damaged_or_lost_does_not_count(tmp_path: Path, is_damaged: bool) -> None:
    plan = plan_of(tmp_path, shard_size=6000)
    write_plan(plan, Part(0, 2))
    (file,) = tmp_path.glob("*.safetensors")
    whole = file.read_bytes()
    file.unlink()
    if is_damaged:
        file.write_bytes(whole[:-1])
    assert write_plan(plan, Part(1, 2)) is None
    assert not (tmp_path / "init.json").exists()
    if is_damaged:
        with pytest.raises(FileExistsError, match=f"{file.name} exists; use --force"):
            write_plan(plan, Part(0, 2))
        assert file.read_bytes() == whole[:-1]
        file.unlink()
    assert write_plan(plan, Part(0, 2)) is not None
    assert file.read_bytes() == whole


def test_results_of_a_file_that_was_begun_again_do_not_count(tmp_path: Path) -> None:
    plan, expected = plan_of(tmp_path / "one", extent_bytes=2400), plan_of(tmp_path / "expected")
    write_plan(expected)
    results = [run_extent(plan, 0)]
    (place_of(plan) / f".model.safetensors.{plan.tag}.partial").unlink()
    results += [run_extent(plan, index) for index in range(1, len(plan.extents))]
    with pytest.raises(
        FileNotFoundError, match=r"model\.safetensors in .* not complete; run what is missing"
    ):
        finish_checkpoint(plan, results)
    assert not (place_of(plan) / "model.safetensors").exists()
    finish_checkpoint(plan, [run_extent(plan, index) for index in range(len(plan.extents))])
    name = "model.safetensors"
    assert (place_of(plan) / name).read_bytes() == (place_of(expected) / name).read_bytes()
