"""Writing under pressure: little memory, a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pyinit as pi
from pyinit.checkpoint.blueprint import draw_up
from pyinit.checkpoint.checkpoint import write_checkpoint
from pyinit.checkpoint.shards import cut
from pyinit.checkpoint.writer import write_shards

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
        OSError, match=r"no room for model\.safetensors in .*: it needs 16\.8 MB, 8\.39 MB are"
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


def test_a_disk_that_fills_up_while_writing(small_disk: Path) -> None:
    """Where room cannot be claimed beforehand, the write itself says what happened."""
    shards = cut(draw_up({"w": (2048, 2048)}, pi.normal(), 0).drafts, "model")
    path = small_disk / "sparse"
    with path.open("wb") as file:
        os.ftruncate(file.fileno(), shards[0].nbytes)
    with pytest.raises(OSError, match=r"no room for model\.safetensors in .*: it needs 16\.8 MB") as caught:
        write_shards(shards, [path], threads=2)
    assert caught.value.errno == errno.ENOSPC


def test_a_disk_without_room_for_the_receipt_leaves_nothing(small_disk: Path) -> None:
    # with its header this takes every page of the disk
    shape = (2097120,)
    with pytest.raises(OSError, match=r"no room for init\.json"):
        write_checkpoint({"w": shape}, pi.normal(), key=0, path=small_disk)
    assert list(small_disk.iterdir()) == []


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
