"""What files need of the operating system, as Linux, macOS and Windows name it, or do without it."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

__all__ = [
    "NO_LINKS",
    "PRIVATE",
    "claimed",
    "lock",
    "read_at",
    "start_writing",
    "sync",
    "sync_names",
    "write_at",
]

if sys.platform == "win32":
    import threading

    # for os.open: bytes as they are, and the file is not handed to processes that this one starts
    PRIVATE = os.O_BINARY | os.O_NOINHERIT
    # a name that is a link is not opened; Windows has no such flag, and links there need a privilege
    NO_LINKS = 0
    # a read or write at a place moves the place of the descriptor
    _moving = threading.Lock()
else:
    import fcntl

    PRIVATE = os.O_CLOEXEC
    NO_LINKS = os.O_NOFOLLOW


def read_at(descriptor: int, out: memoryview, offset: int) -> int:
    """Read bytes from a place on, and return how many came; several threads may read one file."""
    if sys.platform == "win32":
        with _moving:
            os.lseek(descriptor, offset, os.SEEK_SET)
            data = os.read(descriptor, len(out))
        out[: len(data)] = data
        return len(data)
    else:
        return os.preadv(descriptor, [out], offset)


def write_at(descriptor: int, data: memoryview, offset: int) -> int:
    """Write bytes at a place, and return how many went; several threads may write one file."""
    if sys.platform == "win32":
        with _moving:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)
    else:
        return os.pwrite(descriptor, data, offset)


def start_writing(descriptor: int, offset: int, nbytes: int) -> None:
    """Have the disk begin with a range that was written, where the system can be asked for it."""
    if sys.platform == "linux":
        # Linux begins to write the pages out, and keeps those that are not clean yet
        os.posix_fadvise(descriptor, offset, nbytes, os.POSIX_FADV_DONTNEED)


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk."""
    if sys.platform == "darwin":
        # fsync of macOS waits until the disk has the bytes, which may still lose them: fsync(2)
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            # file systems of other machines do not know it
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(descriptor)


def sync_names(directory: Path) -> None:
    """Wait until the names in a directory are on the disk; Windows keeps them in a journal of its own."""
    if sys.platform != "win32":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)


def claimed(path: Path) -> int:
    """Return the bytes of a file that have blocks; on Windows, which does not say, its size."""
    if sys.platform == "win32":
        return path.stat().st_size
    else:
        return path.stat().st_blocks * 512


def lock(descriptor: int, *, shared: bool, wait: bool) -> None:
    """Lock an open file until it is closed; the kernel drops the lock with the process.

    Raises
    ------
    BlockingIOError
        If `wait` is false and another open file holds it.
    OSError
        If the file system has no locks. Windows has none under which a file can be renamed or removed, as
        unfinished checkpoints need it.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    else:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
