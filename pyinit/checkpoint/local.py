"""The target of a directory of this machine, or of one that it has mounted."""

from __future__ import annotations

import errno
import glob
import os
import shutil
import threading
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from .mounts import is_in_memory
from .naming import rename_new, rename_over
from .sizes import readable_size
from .system import NO_LINKS, PRIVATE, claimed, start_writing, sync, sync_names, write_at
from .targets import exists_already

__all__ = ["LocalTarget", "write_small"]

# writes that are smaller stay in the page cache until the file is complete
_LEAST_HINTED = 256 << 10
# what the second name of a published file ends with
_SECOND = ".own"
# of unfinished files
_FLAGS = os.O_RDWR | PRIVATE | NO_LINKS


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
        self._promised.pop(name, None)
        # of a file that was counted and not finished, only what was written has blocks
        held = self._claimed(name) if is_begun and is_counted else 0
        is_claimed = is_begun and not is_counted
        if not is_claimed and usage.total and nbytes - held > usage.free - self._outstanding():
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
        if len(data) >= _LEAST_HINTED:
            start_writing(descriptor, offset, len(data))

    def flush(self, name: str) -> None:
        """Wait for the disk; a file that was completed meanwhile is there already."""
        descriptor = self._descriptors.get(name)
        if descriptor is not None:
            self._sync(name, descriptor)

    def is_joint(self, name: str) -> bool:
        """Return True: a name means one file, which is made under the lock of the plan's directory."""
        return True

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

    def is_own(self, name: str) -> bool:
        """Tell whether the file has a second name beside what is noted of the plan."""
        path = self.directory / name
        try:
            found = path.stat()
            if os.path.samestat(found, self._second(name, found.st_ino).stat()):
                return True
        except FileNotFoundError:
            if not path.exists():
                return False
        # a file system may have no second names: then one that is not begun any more was published
        seconds = self._place.glob(f"{glob.escape(name)}.*{_SECOND}")
        return not self.partial(name).exists() and next(seconds, None) is None

    def publish(self, names: Sequence[str], own: Container[str] | None = None) -> None:
        """Rename the files, and wait until the names are on the disk."""
        for name in names:
            partial, path = self.partial(name), self.directory / name
            # no other file can be the one that this name means
            with suppress(OSError):
                os.link(partial, self._second(name, partial.stat().st_ino))
            if own is None or name in own:
                rename_over(partial, path)
                continue
            try:
                rename_new(partial, path)
            except FileExistsError:
                raise exists_already(path) from None
        self._made.clear()
        sync_names(self.directory)

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

    @property
    def _place(self) -> Path:
        return self.directory / f".pyinit-{self._tag}"

    def _second(self, name: str, number: int) -> Path:
        return self._place / f"{name}.{number:x}{_SECOND}"

    def _descriptor(self, name: str) -> int:
        with self._lock:
            if name not in self._descriptors:
                self._descriptors[name] = os.open(self.partial(name), _FLAGS)
            return self._descriptors[name]

    def _sync(self, name: str, descriptor: int) -> None:
        try:
            sync(descriptor)
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
                total += max(nbytes - self._claimed(name), 0)
        return total

    def _claimed(self, name: str) -> int:
        """Return the bytes of an unfinished file that have blocks."""
        return claimed(self.partial(name))

    def _no_room(self, name: str, nbytes: int) -> OSError:
        free = max(shutil.disk_usage(self.directory).free - self._outstanding(), 0)
        return OSError(
            errno.ENOSPC,
            f"no room for {name} in {self.directory}: it needs {readable_size(nbytes)}, "
            f"{readable_size(free)} are free; make room or write elsewhere",
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
        target.publish([path.name], None if overwrite else ())
    finally:
        target.abandon([path.name])


def _write_all(descriptor: int, offset: int, data: memoryview) -> None:
    while data:
        count = write_at(descriptor, data, offset)
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
