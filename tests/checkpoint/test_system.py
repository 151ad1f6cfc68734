"""What files need of Windows and macOS, on this machine: the same source, read as there.

mypy checks each system's names (`.ci/run`); these tests check what is made of them.
"""

from __future__ import annotations

import errno
import fcntl
import importlib.util
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from types import ModuleType

import pytest

from pyinit import write_checkpoint
from pyinit.checkpoint import system
from pyinit.checkpoint.local import write_small

FULL_SYNC = 51


def read_as_on(platform: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module as it is on another system, whose own names lead to what is here."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)
    monkeypatch.setattr(os, "O_NOINHERIT", os.O_CLOEXEC, raising=False)
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", FULL_SYNC, raising=False)
    if platform == "win32":
        for name in ("preadv", "pwrite", "O_CLOEXEC", "O_NOFOLLOW", "posix_fadvise"):
            monkeypatch.delattr(os, name)
        monkeypatch.setitem(sys.modules, "fcntl", None)
    spec = importlib.util.spec_from_file_location(f"system_of_{platform}", system.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_threads_read_and_write_one_file_at_places(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = read_as_on(platform, monkeypatch)
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | there.PRIVATE | there.NO_LINKS)
    size, pieces = 1000, range(64)
    content = {piece: bytes([piece]) * size for piece in pieces}

    def write(piece: int) -> None:
        assert there.write_at(descriptor, memoryview(content[piece]), piece * size) == size

    def read(piece: int) -> bytes:
        out = bytearray(size)
        assert there.read_at(descriptor, memoryview(out), piece * size) == size
        return bytes(out)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, pieces))
        assert dict(zip(pieces, pool.map(read, pieces), strict=True)) == content
    assert there.read_at(descriptor, memoryview(bytearray(9)), len(pieces) * size) == 0
    there.start_writing(descriptor, 0, size)
    if platform != "darwin":
        there.sync(descriptor)
        there.sync_names(tmp_path)
    os.close(descriptor)
    assert there.claimed(path) >= len(pieces) * size


@pytest.mark.parametrize("answer", [None, errno.ENOTSUP, errno.EIO])
def test_macos_asks_for_the_disk_itself(
    answer: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def full(descriptor: int, command: int) -> int:
        assert command == FULL_SYNC
        calls.append("full")
        if answer is not None:
            raise OSError(answer, os.strerror(answer))
        return 0

    monkeypatch.setattr(fcntl, "fcntl", full)
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append("fsync"))
    there = read_as_on("darwin", monkeypatch)
    if answer == errno.EIO:
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            there.sync_names(tmp_path)
    else:
        there.sync_names(tmp_path)
    assert calls == (["full", "fsync"] if answer == errno.ENOTSUP else ["full"])


def test_windows_refuses_a_checkpoint_in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(OSError, match=r"which Windows does not have; write it under WSL, or to an object"):
        write_checkpoint({"w": (2, 2)}, "normal", path=tmp_path / "there" / "m.safetensors")
    assert list(tmp_path.iterdir()) == []
    there = read_as_on("win32", monkeypatch)
    with pytest.raises(OSError, match=os.strerror(errno.ENOLCK)):
        there.lock(0, shared=True, wait=False)


def test_a_small_file_never_replaces_another_where_renaming_is_exclusive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def exclusive(source: Path, name: Path) -> None:
        if Path(name).exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
        rename(source, name)

    monkeypatch.setattr(os, "rename", exclusive)
    monkeypatch.setattr(system, "_moving", Lock(), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    path = tmp_path / "small"
    write_small(path, b"one", overwrite=False)
    with pytest.raises(FileExistsError, match="small"):
        write_small(path, b"two", overwrite=False)
    assert path.read_bytes() == b"one"
    write_small(path, b"three", overwrite=True)
    assert path.read_bytes() == b"three"
    assert [each.name for each in tmp_path.iterdir()] == ["small"]
