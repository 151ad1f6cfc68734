"""Writing under pressure: little memory, a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.checkpoint import local, share
from pyinit.checkpoint.checkpoint import write_checkpoint
from pyinit.checkpoint.local import LocalTarget
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.share import Share
from pyinit.checkpoint.writer import write_extents

LIMITED = """
import resource, sys
import numpy
import pyinit as pi
from pyinit import write_checkpoint
from pyinit.cli.meter import peak_memory

room = 256 << 20
with open("/proc/self/statm") as pages:
    limit = int(pages.read().split()[0]) * resource.getpagesize() + room
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    numpy.ones(room + (1 << 20), numpy.uint8)
except MemoryError:
    pass
else:
    raise SystemExit("the limit does not hold")
before = peak_memory()
# one tensor alone is larger than the address space that is left
shapes = {"big": (2500, 1000, 40), "w": (4096, 4096)}
write_checkpoint(shapes, pi.normal(), key=0, path=sys.argv[1], threads=2)
assert 4 * 2500 * 1000 * 40 > room
print(peak_memory() - before)
"""


def test_a_model_larger_than_the_address_space_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    try:
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(path)],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert path.stat().st_size > 4 * (2500 * 1000 * 40 + 4096 * 4096)
        # a tensor has 381 MiB
        assert int(done.stdout) <= 64 << 20
    finally:
        path.unlink(missing_ok=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "pyinit-test", str(disk)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("needs permission to mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_too_small_is_known_before_writing(small_disk: Path) -> None:
    with pytest.raises(
        OSError, match=r"no room for model\.safetensors in .*: it needs 16\.8 MB, 8\.3\d MB are"
    ) as caught:
        write_checkpoint({"w": (2048, 2048)}, pi.normal(), key=0, path=small_disk)
    assert caught.value.errno == errno.ENOSPC
    assert list(small_disk.iterdir()) == []


def test_a_disk_too_small_for_all_shards_is_known_before_writing(small_disk: Path) -> None:
    with pytest.raises(OSError, match=r"no room for model-00003-of-00004\.safetensors"):
        write_checkpoint(
            {str(i): (1024, 700) for i in range(4)}, pi.normal(), key=0, path=small_disk, shard_size=1
        )
    assert list(small_disk.iterdir()) == []


def test_files_in_memory_are_counted_until_they_are_written(small_disk: Path) -> None:
    """Their blocks are not claimed; a file for which no room will be left is refused all the same."""
    target = LocalTarget(small_disk, "tag")
    target.prepare("first", 5 << 20, b"head")
    assert target.partial("first").stat().st_blocks * 512 <= 4096
    with pytest.raises(OSError, match=r"no room for second in .*: it needs 4\.19 MB, 3\.1\d MB are free"):
        target.prepare("second", 4 << 20, b"head")
    target.write("first", 0, memoryview(bytes(5 << 20)))
    with pytest.raises(OSError, match=r"no room for second in .*: it needs 4\.19 MB, 3\.1\d MB are free"):
        target.prepare("second", 4 << 20, b"head")
    target.prepare("third", 3 << 20, b"head")
    assert target.begun("first", 5 << 20)
    assert target.begun("third", 3 << 20)
    target.close()


def test_a_file_in_memory_that_is_continued_needs_room_for_the_rest(small_disk: Path) -> None:
    first = LocalTarget(small_disk, "tag")
    first.prepare("weights", 6 << 20, b"head")
    first.write("weights", 0, memoryview(bytes(2 << 20)))
    first.close()
    (small_disk / "theirs").write_bytes(bytes(3 << 20))
    again = LocalTarget(small_disk, "tag")
    with pytest.raises(OSError, match=r"no room for weights in .*: it needs 6\.29 MB"):
        again.prepare("weights", 6 << 20, b"head")
    (small_disk / "theirs").write_bytes(bytes(1 << 20))
    for _ in range(2):
        again.prepare("weights", 6 << 20, b"head")
    again.close()


def written_beside(plan: CheckpointPlan, nbytes: int | None) -> None:
    """Write a plan while somebody else takes bytes of the disk, at first and what is left at the end."""
    theirs = plan.directory / "theirs"
    with Share(plan) as writing:
        if nbytes is not None:
            theirs.write_bytes(bytes(min(nbytes, shutil.disk_usage(plan.directory).free)))
        write_extents(plan, writing.missing, writing.target, writing.finished, threads=2)
        theirs.write_bytes(bytes(shutil.disk_usage(plan.directory).free))
        writing.publish()


def test_a_disk_that_fills_up_while_writing_can_be_continued(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where room cannot be claimed beforehand, the write itself says what happened."""
    shapes = {str(number): (256, 1024) for number in range(7)}
    write_checkpoint(shapes, "normal", path=tmp_path / "m.safetensors")

    def sparse(descriptor: int, start: int, nbytes: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", sparse)
    monkeypatch.setattr(share, "_COMMIT_BYTES", 1 << 20)
    path = small_disk / "m.safetensors"
    plan = plan_checkpoint(shapes, "normal", path=path)
    message = r"no room for m\.safetensors in .*: it needs 7\.34 MB, .*are kept"
    with pytest.raises(OSError, match=message) as caught:
        # it fits, but then somebody else needs room
        written_beside(plan, 4 << 20)
    assert caught.value.errno == errno.ENOSPC
    assert "run the same command again to continue" in str(caught.value)
    (small_disk / "theirs").unlink()
    seen: list[int] = []
    write_checkpoint(shapes, "normal", path=path, progress=lambda done, total: seen.append(done))
    assert path.read_bytes() == (tmp_path / "m.safetensors").read_bytes()
    assert seen[0] >= 1 << 20
    assert [each.name for each in small_disk.iterdir()] == ["m.safetensors"]


def test_a_disk_without_room_for_the_receipt_can_be_continued(small_disk: Path, tmp_path: Path) -> None:
    names = "init.json", "model.safetensors"
    write_checkpoint({"w": (1 << 20,)}, pi.normal(), key=0, path=tmp_path)
    plan = plan_checkpoint({"w": (1 << 20,)}, pi.normal(), key=0, path=small_disk)
    with pytest.raises(OSError, match=r"no room for init\.json in .*1 of 1 extents are kept: run"):
        written_beside(plan, None)
    assert [path.name for path in small_disk.iterdir() if path.name in names] == []
    (small_disk / "theirs").unlink()
    write_checkpoint({"w": (1 << 20,)}, pi.normal(), key=0, path=small_disk)
    assert sorted(path.name for path in small_disk.iterdir()) == sorted(names)
    assert all((small_disk / name).read_bytes() == (tmp_path / name).read_bytes() for name in names)


def test_a_disk_without_room_for_the_log_says_so(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # as on a disk, where the room of the file is claimed
    monkeypatch.setattr(local, "is_in_memory", lambda directory: False)
    plan = plan_checkpoint({"w": (1 << 20,)}, pi.normal(), key=0, path=small_disk)
    message = r"no room in .* to note what is finished; make room or write elsewhere$"
    with pytest.raises(OSError, match=message):
        written_beside(plan, 1 << 30)
    assert [path.name for path in small_disk.iterdir()] == ["theirs"]


def test_a_file_larger_than_allowed_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, former[1]))
    try:
        message = r"needs 4 MB, more than a file may have in .*; cut it with --shard-size"
        with pytest.raises(OSError, match=message):
            write_checkpoint({"w": (1000, 1000)}, pi.normal(), key=0, path=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert list(tmp_path.iterdir()) == []


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    write_checkpoint({str(i): (8,) for i in range(50)}, pi.normal(), key=0, path=tmp_path, shard_size=1)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


def test_memory_does_not_grow_with_threads(tmp_path: Path) -> None:
    # a million of them would not even begin
    receipt = write_checkpoint(
        {"w": (100, 100)}, pi.normal(), key=0, path=tmp_path / "m.safetensors", threads=10**6
    )
    assert (tmp_path / "m.safetensors").stat().st_size == receipt.nbytes


@pytest.mark.parametrize("threads", [1, 3])
def test_no_thread_writes_after_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """Python before 3.13 takes a thread for ended when an interrupt meets its join."""
    plain, begun, ended = LocalTarget.write, [], []

    def write(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
        begun.append(offset)
        if len(begun) in (4, 5):
            # the second one comes while the first is waited for
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(0.02)
        plain(target, name, offset, data)
        ended.append(offset)

    monkeypatch.setattr(LocalTarget, "write", write)
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write_checkpoint(
                {str(i): (9,) for i in range(50)}, "normal", path=tmp_path / "m.safetensors", threads=threads
            )
        assert sorted(begun) == sorted(ended)
        assert len(begun) < 50
    finally:
        signal.signal(signal.SIGINT, former)


def test_a_file_system_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(
        OSError, match=r"out is on a file system without locks of files .* mount it with them"
    ):
        write_checkpoint({"w": (9,)}, "normal", path=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro,size=1m", "pyinit-test", str(folder)]
    if (
        not sys.platform.startswith("linux")
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("needs permission to mount")
    try:
        with pytest.raises(OSError, match=r"Read-only file system.*\.pyinit-") as caught:
            write_checkpoint({"w": (9,)}, "normal", path=folder)
        assert caught.value.errno == errno.EROFS
    finally:
        subprocess.run(["umount", str(folder)], check=True)
