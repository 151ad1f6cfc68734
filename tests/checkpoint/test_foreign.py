"""Files of somebody else under final names: of the same size, too, and if they appear at the last moment."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint import naming, share
from pyinit.checkpoint.checkpoint import finish_checkpoint, write_plan
from pyinit.checkpoint.journal import Journal
from pyinit.checkpoint.local import LocalTarget, write_small
from pyinit.checkpoint.parts import Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.writer import write_extents

SHAPES = {"a": (40, 30), "b": (50, 30)}
NAME = "model-00001-of-00002.safetensors"


def plan_of(path: Path) -> CheckpointPlan:
    return plan_checkpoint(SHAPES, "normal", path=path, shard_size=6000)


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    write_plan(plan_of(tmp_path / "expected"))
    return contents(tmp_path / "expected")


@pytest.fixture(params=["second names", "none"])
def has_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the file system gives files second names."""
    if request.param == "none":

        def link(*given: Any, **options: Any) -> None:
            raise OSError(errno.EOPNOTSUPP, "no second names here")

        monkeypatch.setattr(os, "link", link)
    return bool(request.param != "none")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def foreign(path: Path) -> bytes:
    """Put a file of the same size there, as another program does."""
    content = bytes(plan_of(path.parent).shards[0].nbytes)
    temporary = path.with_name("temporary")
    temporary.write_bytes(content)
    temporary.replace(path)
    return content


def test_before_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool, expected: dict[str, bytes]
) -> None:
    """The writer has noted the name and died before it gave it; then the other file came."""
    plan = plan_of(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(LocalTarget, "publish", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt, match="kept"):
            write_plan(plan)
    content = foreign(tmp_path / "out" / NAME)
    with pytest.raises(FileExistsError, match=f"{NAME} exists; use --force"):
        write_plan(plan)
    assert (tmp_path / "out" / NAME).read_bytes() == content
    assert write_plan(plan, overwrite=True) is not None
    assert contents(tmp_path / "out") == expected
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_after_the_name_was_given(tmp_path: Path, expected: dict[str, bytes]) -> None:
    """Another part's file has been replaced: it is not complete, and not ours to replace."""
    plan, path = plan_of(tmp_path / "out"), tmp_path / "out" / NAME
    write_plan(plan, Part(1, 2))
    assert path.exists()
    content = foreign(path)
    assert write_plan(plan, Part(0, 2)) is None
    assert "model.safetensors.index.json" not in contents(tmp_path / "out")
    for again in (lambda: write_plan(plan, Part(1, 2)), lambda: finish_checkpoint(plan)):
        with pytest.raises(FileExistsError, match=f"{NAME} exists; use --force"):
            again()
    assert path.read_bytes() == content
    assert write_plan(plan, Part(1, 2), overwrite=True) is not None
    assert contents(tmp_path / "out") == expected


def test_a_copy_of_our_own_is_not_replaced_either(tmp_path: Path) -> None:
    """What it holds is not read: whose it is decides."""
    plan, path = plan_of(tmp_path / "out"), tmp_path / "out" / NAME
    write_plan(plan, Part(1, 2))
    shutil.copy(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    assert write_plan(plan, Part(0, 2)) is None
    with pytest.raises(FileExistsError):
        finish_checkpoint(plan)


def test_a_file_that_was_renamed_back_is_ours(tmp_path: Path, expected: dict[str, bytes]) -> None:
    plan, path = plan_of(tmp_path / "out"), tmp_path / "out" / NAME
    write_plan(plan, Part(1, 2))
    path.rename(tmp_path / "away")
    assert write_plan(plan, Part(0, 2)) is None
    (tmp_path / "away").rename(path)
    finish_checkpoint(plan)
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("is_known", [True, False], ids=["the call", "a second name"])
def test_at_the_moment_when_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """It appears after the last look, before the rename."""
    if is_known and naming._renameat2() is None:
        pytest.skip("needs renameat2")
    if not is_known:
        monkeypatch.setattr(naming, "_renameat2", lambda: None)
    plan, found = plan_of(tmp_path / "out"), []
    plain = Journal.add_named

    def add_named(journal: Journal, places: Any) -> None:
        plain(journal, places)
        found.append(foreign(tmp_path / "out" / NAME))

    monkeypatch.setattr(Journal, "add_named", add_named)
    with pytest.raises(FileExistsError, match=rf"{NAME} exists; use --force .*extents are kept"):
        write_plan(plan)
    assert (tmp_path / "out" / NAME).read_bytes() == found[0]
    monkeypatch.setattr(Journal, "add_named", plain)
    # the same command says it again, and goes on when the file is gone
    with pytest.raises(FileExistsError, match=f"{NAME} exists"):
        write_plan(plan)
    (tmp_path / "out" / NAME).unlink()
    with share.Share(plan) as again:
        assert not [extent for extent in again.missing if extent.file == 0]
        write_extents(plan, again.missing, again.target, again.finished)
        assert again.publish() is not None


def test_a_small_file_at_that_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As init --plan FILE and other commands write one."""
    path, plain = tmp_path / "plan.json", LocalTarget.put

    def put(target: LocalTarget, name: str, content: bytes) -> None:
        plain(target, name, content)
        path.write_text("theirs")

    monkeypatch.setattr(LocalTarget, "put", put)
    with pytest.raises(FileExistsError, match=r"plan\.json exists; use --force"):
        write_small(path, b"ours", overwrite=False)
    assert path.read_text() == "theirs"
    write_small(path, b"ours", overwrite=True)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["ours"]
