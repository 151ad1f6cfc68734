"""Files that appear under their final names only when all of them are complete."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

__all__ = ["Staging", "no_room", "readable_size"]


class Staging:
    """Keeps files of one directory under temporary names, and renames them together.

    A context manager: leaving it without `publish`, for whatever reason, removes the temporary files,
    and the directory if it was made here.

    Parameters
    ----------
    directory : path-like
        Made if it does not exist.
    names : iterable of str
        The final names, in the order in which the files appear.
    overwrite : bool
        Whether files of these names may be replaced.
    obsolete : iterable of str
        Files that would contradict the new ones: refused, or with `overwrite` removed on publication.

    Raises
    ------
    FileExistsError
        If a file exists and `overwrite` is false.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        names: Iterable[str],
        *,
        overwrite: bool = False,
        obsolete: Iterable[str] = (),
    ) -> None:
        self.directory = Path(directory)
        self._names = tuple(names)
        self._obsolete = tuple(obsolete)
        self._overwrite = overwrite
        self._temporary: dict[str, Path] = {}
        self._made: list[Path] = []
        self._refuse_existing()

    def __enter__(self) -> Staging:
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                # a/.. exists as soon as a exists
                if not path.exists():
                    path.mkdir()
                    self._made.append(path)
        except BaseException:
            self._remove()
            raise
        return self

    def create(self, name: str, nbytes: int) -> Path:
        """Make a file with room for `nbytes` and return its temporary path.

        Raises
        ------
        OSError
            With errno ENOSPC if the file system has no room.
        """
        usage = shutil.disk_usage(self.directory)
        if usage.total and nbytes > usage.free:
            # claiming would take all free blocks from others before it fails
            raise no_room(self.directory, name, nbytes)
        temporary = self.directory / f".{name}.{secrets.token_hex(4)}.tmp"
        self._temporary[name] = temporary
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            _reserve(descriptor, nbytes)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise no_room(self.directory, name, nbytes) from None
            if error.errno == errno.EFBIG:
                raise OSError(
                    error.errno,
                    f"{name} needs {readable_size(nbytes)}, more than a file may have in {self.directory}; "
                    "cut it with --shard-size (shard_size=...)",
                ) from None
            raise
        finally:
            os.close(descriptor)
        return temporary

    def write(self, name: str, content: bytes) -> None:
        """Write a small file as a whole and wait until it is on the disk."""
        with self.create(name, len(content)).open("r+b") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def publish(self) -> None:
        """Give every file its final name, in the order of the names."""
        self._refuse_existing()
        for name in self._names:
            self._temporary[name].rename(self.directory / name)
            del self._temporary[name]
        self._made.clear()
        for name in self._obsolete:
            (self.directory / name).unlink(missing_ok=True)
        _sync_directory(self.directory)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for temporary in self._temporary.values():
            temporary.unlink(missing_ok=True)
        for path in reversed(self._made):
            # another process may have made such a file
            with suppress(OSError):
                path.rmdir()

    def _refuse_existing(self) -> None:
        if self._overwrite:
            return
        for name in (*self._names, *self._obsolete):
            path = self.directory / name
            # a broken link counts as a file, too
            if os.path.lexists(path):
                raise FileExistsError(
                    errno.EEXIST,
                    f"{path} exists; use --force (overwrite=True) to replace it, or another place",
                )


def no_room(directory: Path, name: str, nbytes: int) -> OSError:
    """Return the error of a full disk, with the bytes needed and the bytes free."""
    free = shutil.disk_usage(directory).free
    return OSError(
        errno.ENOSPC,
        f"no room for {name} in {directory}: it needs {readable_size(nbytes)}, "
        f"{readable_size(free)} are free; make room or write elsewhere",
    )


def readable_size(nbytes: float) -> str:
    """Return a number of bytes in decimal units."""
    if nbytes < 1000:
        return f"{nbytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        nbytes /= 1000
        if nbytes < 999.5:
            return f"{nbytes:.3g} {unit}"
    return f"{nbytes / 1000:.4g} TB"


def _reserve(descriptor: int, nbytes: int) -> None:
    """Claim the blocks now, so that a full disk is found before the work begins."""
    if nbytes == 0:
        return
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, nbytes)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
        else:
            return
    os.ftruncate(descriptor, nbytes)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
