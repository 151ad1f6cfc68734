"""Where the bytes of a checkpoint go: files that have a temporary name until they are complete."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from .locations import Location
from .mounts import is_in_memory
from .sizes import readable_size

__all__ = ["LocalTarget", "Target", "exists_already", "write_small"]

# writes that are smaller stay in the page cache until the file is complete
_LEAST_HINTED = 256 << 10
# of unfinished files
_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class Target(Protocol):
    """A place for files. Names are final names; until it is published, nobody finds a file under its own."""

    def begin(self) -> None:
        """Make the place, if it is not there."""

    def names(self) -> list[str]:
        """Return the names of the files there."""

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the files there."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, or None if it is not there."""

    def exists(self, name: str) -> bool:
        """Tell whether there is such a file, or anything else of that name."""

    def begun(self, name: str, nbytes: int) -> bool:
        """Tell whether an unfinished file of exactly this size is there, as `prepare` leaves it."""

    def prepare(self, name: str, nbytes: int, header: bytes) -> None:
        """Make an unfinished file with room for `nbytes`, or take the one that is there; write its header."""

    def take(self, name: str, nbytes: int, start: int, stop: int) -> int:
        """Say, before `prepare`, that this process writes only a range of a file, and others the rest.

        Returns
        -------
        int
            Where the bytes end that it has to write: a target that takes files in pieces leaves none of them
            to two processes.
        """

    def write(self, name: str, offset: int, data: memoryview) -> None:
        """Write a range of an unfinished file; several threads may write at the same time."""

    def flush(self, name: str) -> None:
        """Wait until what was written is durable."""

    def complete(self, name: str) -> None:
        """Wait until the whole file is durable; it keeps its temporary name."""

    def put(self, name: str, content: bytes) -> None:
        """Make a small file as a whole, durable, under its temporary name."""

    def make_way(self, names: Iterable[str]) -> None:
        """Prepare that files under these final names are replaced by others."""

    def publish(self, names: Sequence[str]) -> None:
        """Give complete files their final names, in this order."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files under their final names, where there are any."""

    def abandon(self, names: Iterable[str]) -> None:
        """Remove unfinished files, and the place if `begin` made it and it is empty."""

    def close(self) -> None:
        """Let go of whatever is held; unfinished files stay."""


class LocalTarget:
    """A directory. A file has the name ``.NAME.TAG.partial`` until it is renamed.

    Parameters
    ----------
    directory : Path
        Made if it does not exist.
    tag : str
        What tells the unfinished files of one checkpoint from those of another.
    """

    def __init__(self, directory: Path, tag: str) -> None:
        self.directory = directory
        self._tag = tag
        self._made: list[Path] = []
        self._descriptors: dict[str, int] = {}
        # files in memory whose blocks are not claimed, with their sizes
        self._promised: dict[str, int] = {}
        self._lock = threading.Lock()

    def partial(self, name: str) -> Path:
        """Return the path of an unfinished file."""
        return self.directory / f".{name}.{self._tag}.partial"

    def begin(self) -> None:
        """Make the directory and those above it."""
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                # a/.. exists as soon as a exists, and another process may be making the same
                with suppress(FileExistsError):
                    path.mkdir()
                    self._made.append(path)
        except BaseException:
            self._remove_made()
            raise

    def names(self) -> list[str]:
        """Return the names in the directory."""
        return sorted(os.listdir(self.directory)) if self.directory.is_dir() else []

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the files in the directory."""
        found = ((name, self.directory / name) for name in self.names())
        return {name: path.stat().st_size for name, path in found if path.is_file()}

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file, or None if it is not there."""
        path = self.directory / name
        return path.read_bytes() if path.is_file() else None

    def exists(self, name: str) -> bool:
        """Tell whether the name is taken; a link that leads nowhere counts, too."""
        return os.path.lexists(self.directory / name)

    def begun(self, name: str, nbytes: int) -> bool:
        """Tell whether the unfinished file is there with its full size."""
        path = self.partial(name)
        # a link is nobody's unfinished file: what it leads to is somebody else's
        return path.is_file() and not path.is_symlink() and path.stat().st_size == nbytes

    def prepare(self, name: str, nbytes: int, header: bytes) -> None:
        """Claim the blocks of the file now, so that a full disk is found before the work begins.

        Where files are memory, to claim a block takes a third of the time of writing it: what this process
        will write is only counted there.

        Raises
        ------
        OSError
            With errno ENOSPC if the file system has no room.
        """
        is_begun = self.begun(name, nbytes)
        is_counted = is_in_memory(self.directory)
        usage = shutil.disk_usage(self.directory)
        if not is_begun and usage.total and nbytes > usage.free - self._outstanding():
            # claiming would take all free blocks from others before it fails
            raise self._no_room(name, nbytes)
        if self.partial(name).is_symlink():
            self.partial(name).unlink(missing_ok=True)
        descriptor = os.open(self.partial(name), _FLAGS | os.O_CREAT, 0o666)
        try:
            if is_counted:
                self._promised[name] = nbytes
                os.ftruncate(descriptor, nbytes)
            elif not is_begun:
                _reserve(descriptor, nbytes)
            _write_all(descriptor, 0, memoryview(header))
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise OSError(
                    error.errno,
                    f"{name} needs {readable_size(nbytes)}, more than a file may have in {self.directory}; "
                    "cut it with --shard-size (shard_size=...)",
                ) from None
            raise self._explained(error, name, nbytes) from None
        finally:
            os.close(descriptor)

    def take(self, name: str, nbytes: int, start: int, stop: int) -> int:
        """Return `stop`: any range can be written alone."""
        return stop

    def write(self, name: str, offset: int, data: memoryview) -> None:
        """Write, and let the disk begin with large ranges at once."""
        descriptor = self._descriptor(name)
        try:
            _write_all(descriptor, offset, data)
        except OSError as error:
            raise self._explained(error, name, os.fstat(descriptor).st_size) from None
        if len(data) >= _LEAST_HINTED and hasattr(os, "posix_fadvise"):
            # Linux begins to write the pages out, and keeps those that are not clean yet
            os.posix_fadvise(descriptor, offset, len(data), os.POSIX_FADV_DONTNEED)

    def flush(self, name: str) -> None:
        """Wait for the disk; a file that was completed meanwhile is there already."""
        descriptor = self._descriptors.get(name)
        if descriptor is not None:
            self._sync(name, descriptor)

    def complete(self, name: str) -> None:
        """Wait for the disk and close the file."""
        self._sync(name, self._descriptor(name))
        os.close(self._descriptors.pop(name))

    def put(self, name: str, content: bytes) -> None:
        """Write a small file and wait for the disk."""
        # what a dead writer left may be longer
        self.partial(name).unlink(missing_ok=True)
        self.prepare(name, len(content), content)
        self.complete(name)

    def make_way(self, names: Iterable[str]) -> None:
        """Do nothing: to rename is to replace."""

    def publish(self, names: Sequence[str]) -> None:
        """Rename the files, and wait until the names are on the disk."""
        for name in names:
            self.partial(name).rename(self.directory / name)
        self._made.clear()
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files under their final names."""
        for name in names:
            (self.directory / name).unlink(missing_ok=True)

    def abandon(self, names: Iterable[str]) -> None:
        """Remove unfinished files, and directories that were made here."""
        self.close()
        for name in names:
            self.partial(name).unlink(missing_ok=True)
        self._remove_made()

    def close(self) -> None:
        """Close files that are still open."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def _descriptor(self, name: str) -> int:
        with self._lock:
            if name not in self._descriptors:
                self._descriptors[name] = os.open(self.partial(name), _FLAGS)
            return self._descriptors[name]

    def _sync(self, name: str, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            raise self._explained(error, name, os.fstat(descriptor).st_size) from None

    def _remove_made(self) -> None:
        for path in reversed(self._made):
            # another process may have made a file there
            with suppress(OSError):
                path.rmdir()
        self._made.clear()

    def _explained(self, error: OSError, name: str, nbytes: int) -> OSError:
        return self._no_room(name, nbytes) if error.errno in (errno.ENOSPC, errno.EDQUOT) else error

    def _outstanding(self) -> int:
        """Return the bytes that files need which are counted and have not been written yet."""
        total = 0
        for name, nbytes in self._promised.items():
            with suppress(FileNotFoundError):
                total += max(nbytes - self.partial(name).stat().st_blocks * 512, 0)
        return total

    def _no_room(self, name: str, nbytes: int) -> OSError:
        free = max(shutil.disk_usage(self.directory).free - self._outstanding(), 0)
        return OSError(
            errno.ENOSPC,
            f"no room for {name} in {self.directory}: it needs {readable_size(nbytes)}, "
            f"{readable_size(free)} are free; make room or write elsewhere",
        )


def exists_already(path: Location, why: str = "") -> FileExistsError:
    """Return the error of a file that may not be replaced."""
    return FileExistsError(
        errno.EEXIST,
        f"{path} exists{why}; use --force (overwrite=True) to replace it, or another place",
    )


def write_small(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write one small file, which appears when it is complete.

    Raises
    ------
    FileExistsError
        If it exists and `overwrite` is false.
    """
    target = LocalTarget(path.parent, token_hex(6))
    try:
        target.put(path.name, content)
        if not overwrite and target.exists(path.name):
            raise exists_already(path)
        target.publish([path.name])
    finally:
        target.abandon([path.name])


def _write_all(descriptor: int, offset: int, data: memoryview) -> None:
    while data:
        count = os.pwrite(descriptor, data, offset)
        data, offset = data[count:], offset + count


def _reserve(descriptor: int, nbytes: int) -> None:
    """Give a file its size and, where the file system can, its blocks; what it holds stays."""
    if nbytes == 0:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    os.ftruncate(descriptor, nbytes)
