"""Locks of files, which the kernel drops when their process dies, however it dies."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .system import PRIVATE, lock

__all__ = ["check_locks", "guarded", "held", "is_held"]


def check_locks(directory: Path) -> None:
    """Refuse a directory of this machine where the system has no locks that outlive the name of a file.

    Raises
    ------
    OSError
        On Windows.
    """
    if sys.platform == "win32":
        raise OSError(
            errno.ENOLCK,
            f"a checkpoint in {directory} needs locks of files that can be renamed and removed, which "
            "Windows does not have; write it under WSL, or to an object store (s3://...)",
        )


def held(path: Path, *, shared: bool = False, wait: bool = True, flags: int = 0) -> int:
    """Return a descriptor of a file, made if needed, that holds its lock.

    Parameters
    ----------
    path : Path
        The file.
    shared : bool
        Whether others may hold it, too, who say the same.
    wait : bool
        Whether to wait for those who hold it.
    flags : int
        More flags for ``os.open``.

    Raises
    ------
    BlockingIOError
        If `wait` is false and another open file holds it.
    OSError
        If the file system has no locks.
    """
    descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | PRIVATE, 0o666)
    try:
        lock(descriptor, shared=shared, wait=wait)
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError) and error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            # nobody can ever hold it
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()
            raise OSError(
                error.errno,
                f"{path.parent.parent} is on a file system without locks of files (flock), which keep two "
                "writers apart; mount it with them, or write elsewhere",
            ) from None
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether an open file holds the lock of a file; where there is none, nobody does."""
    if not path.exists():
        return False
    try:
        os.close(held(path, wait=False))
    except BlockingIOError:
        return True
    return False


@contextmanager
def guarded(path: Path, *, is_made: bool) -> Iterator[None]:
    """Hold the lock of a file that may be removed, with its directory, by whoever holds the lock.

    Parameters
    ----------
    path : Path
        The file.
    is_made : bool
        Whether its directory is made if it is not there.

    Raises
    ------
    FileNotFoundError
        If there is no directory and `is_made` is false.
    """
    while True:
        if is_made:
            path.parent.mkdir(exist_ok=True)
        try:
            descriptor = held(path)
        except FileNotFoundError:
            if is_made:
                continue
            raise
        try:
            if _is_same(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    """Tell whether the name still means the open file: while one waits, the file may have been removed."""
    opened = os.fstat(descriptor)
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (opened.st_dev, opened.st_ino) == (found.st_dev, found.st_ino)
