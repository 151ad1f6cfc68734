"""Names that are given once: no way of giving one replaces a file of somebody else's."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint import naming
from pyinit.checkpoint.naming import rename_new, rename_over

WAYS = ["the call", "a second name", "look and rename"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let file systems know less and less."""

    def unknown(*given: Any, **options: Any) -> None:
        raise OSError(errno.EINVAL, "not known here")

    found: str = request.param
    if found == WAYS[0]:
        if naming._renameat2() is None:
            pytest.skip("needs renameat2")
        monkeypatch.setattr(naming, "_link", None)
    else:
        monkeypatch.setattr(naming, "_rename_exclusively", unknown)
    if found == WAYS[2]:
        monkeypatch.setattr(os, "link", unknown)
    return found


def test_a_new_name(tmp_path: Path, way: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    rename_new(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert other.read_text() == "1"


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_name_that_is_taken(tmp_path: Path, way: str, kind: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    if kind == "file":
        other.write_text("2")
    elif kind == "folder":
        other.mkdir()
    else:
        other.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        rename_new(one, other)
    assert one.read_text() == "1"
    assert os.path.lexists(other)
    assert kind != "file" or other.read_text() == "2"


def test_a_file_that_appears_between_a_look_and_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ways that Linux and others have do not look."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    plain = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: plain(path) or other.write_text("2") < 0)
    rename_new(one, other)
    assert other.read_text() == "1"


def test_what_a_kill_between_two_names_left(tmp_path: Path, way: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for rename in (rename_new, rename_over):
        one.write_text("1")
        other.unlink(missing_ok=True)
        os.link(one, other) if way != WAYS[2] else other.write_text("1")
        if way == WAYS[2]:
            # no such file system makes second names, so that none can be left
            continue
        rename(one, other)
        assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_another_error_is_no_reason_to_try_another_way(tmp_path: Path, way: str) -> None:
    with pytest.raises(FileNotFoundError):
        rename_new(tmp_path / "one", tmp_path / "other")
