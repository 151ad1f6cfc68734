"""Files that have a temporary name until they are complete, and small files written at once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyinit.checkpoint.local import LocalTarget, write_small
from pyinit.checkpoint.sizes import readable_size


def test_nothing_is_seen_before_publication(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path, "tag")
    target.begin()
    target.put("a", b"first")
    target.prepare("b", 5, b"he")
    target.write("b", 2, memoryview(b"llo"))
    target.complete("b")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.tag.partial", ".b.tag.partial"]
    target.publish(["b", "a"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"first", "b": b"hello"}


def test_an_unfinished_file_is_taken_as_it_is(tmp_path: Path) -> None:
    first, second = LocalTarget(tmp_path, "tag"), LocalTarget(tmp_path, "tag")
    first.prepare("a", 6, b"..")
    first.write("a", 2, memoryview(b"abcd"))
    first.close()
    assert second.begun("a", 6)
    assert not second.begun("a", 7)
    second.prepare("a", 6, b"__")
    second.complete("a")
    second.publish(["a"])
    assert (tmp_path / "a").read_bytes() == b"__abcd"


def test_what_is_abandoned_leaves_no_file_and_no_directory(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "made" / "here", "tag")
    target.begin()
    target.put("a", b"x")
    assert (tmp_path / "made" / "here").is_dir()
    target.abandon(["a", "never"])
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File name too long"):
        LocalTarget(tmp_path / "made" / ("x" * 300), "tag").begin()
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_goes_back(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "new" / ".." / "other" / "here", "tag")
    target.begin()
    target.put("a", b"x")
    target.publish(["a"])
    assert (tmp_path / "other" / "here" / "a").read_bytes() == b"x"


def test_a_directory_that_others_use_stays(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path / "made", "tag")
    target.begin()
    target.put("a", b"x")
    (tmp_path / "made" / "theirs").write_text("x")
    target.abandon(["a"])
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["theirs"]


def test_a_link_that_leads_nowhere_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "gone")
    assert LocalTarget(tmp_path, "tag").exists("a")


def test_a_small_file_is_replaced_only_when_it_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_small(path, b"old", overwrite=False)
    with pytest.raises(FileExistsError, match=r"a exists; use --force \(overwrite=True\) to replace it"):
        write_small(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    write_small(path, b"new", overwrite=True)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a", b"new")]


def test_room_is_claimed_at_once(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path, "tag")
    target.prepare("a", 1 << 20, b"")
    path = tmp_path / ".a.tag.partial"
    assert path.stat().st_size == 1 << 20
    assert path.stat().st_blocks * 512 >= 1 << 20
    with pytest.raises(
        OSError, match=r"no room for b in .*: it needs 1000 TB, .* are free; make room"
    ) as caught:
        target.prepare("b", 10**15, b"")
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_gets_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_small(tmp_path / "a", b"x", overwrite=False)
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
