"""Files appear together, complete, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyinit.checkpoint.staging import Staging, readable_size


def test_nothing_is_seen_before_publication(tmp_path: Path) -> None:
    with Staging(tmp_path, ["b", "a"]) as staging:
        staging.write("a", b"first")
        staging.create("b", 5).write_bytes(b"hello")
        assert not {"a", "b"} & {path.name for path in tmp_path.iterdir()}
        staging.publish()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert (tmp_path / "a").read_bytes() == b"first"
    assert (tmp_path / "b").read_bytes() == b"hello"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_removes_everything(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "made" / "here"

    def fail() -> None:
        with Staging(target, ["a"]) as staging:
            staging.write("a", b"x")
            assert len(list(target.iterdir())) == 1
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_leaves_none(tmp_path: Path) -> None:
    target = tmp_path / "made" / ("x" * 300)
    with pytest.raises(OSError, match="File name too long"), Staging(target, ["a"]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_goes_back(tmp_path: Path) -> None:
    with Staging(tmp_path / "new" / ".." / "other" / "here", ["a"]) as staging:
        staging.write("a", b"x")
        staging.publish()
    assert (tmp_path / "other" / "here" / "a").read_bytes() == b"x"


def test_a_directory_that_others_use_stays(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with Staging(target, ["a"]) as staging:
        staging.write("a", b"x")
        (target / "theirs").write_text("x")
    assert [path.name for path in target.iterdir()] == ["theirs"]


def test_existing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileExistsError, match=r"a exists; use --force \(overwrite=True\) to replace it"):
        Staging(tmp_path, ["a"])
    with pytest.raises(FileExistsError, match="exists"):
        Staging(tmp_path, ["b"], obsolete=["a"])


def test_a_link_that_leads_nowhere_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "gone")
    with pytest.raises(FileExistsError, match="a exists"):
        Staging(tmp_path, ["a"])


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    with Staging(tmp_path, ["a"]) as staging:
        staging.write("a", b"mine")
        (tmp_path / "a").write_text("theirs")
        with pytest.raises(FileExistsError, match="a exists"):
            staging.publish()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["theirs"]


def test_overwriting_replaces_and_removes_what_is_obsolete(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    with Staging(tmp_path, ["a"], overwrite=True, obsolete=["b"]) as staging:
        staging.write("a", b"new")
        assert (tmp_path / "a").read_text() == "old"
        staging.publish()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_room_is_claimed_at_once(tmp_path: Path) -> None:
    with Staging(tmp_path, ["a"]) as staging:
        path = staging.create("a", 1 << 20)
        assert path.stat().st_size == 1 << 20
        assert path.stat().st_blocks * 512 >= 1 << 20
    with (
        Staging(tmp_path, ["b"]) as staging,
        pytest.raises(
            OSError, match=r"no room for b in .*: it needs 1000 TB, .* are free; make room"
        ) as caught,
    ):
        staging.create("b", 10**15)
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_the_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        with Staging(tmp_path, ["a"]) as staging:
            staging.write("a", b"x")
            staging.publish()
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (498e6, "498 MB"),
        (999.7e6, "1 GB"),
        (3.2e15, "3200 TB"),
    ],
)
def test_sizes_are_readable(nbytes: float, text: str) -> None:
    assert readable_size(nbytes) == text
