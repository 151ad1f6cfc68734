"""Where the bytes of a checkpoint go: files that have a temporary name until they are complete."""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Sequence
from typing import Protocol

from .locations import Location

__all__ = ["Target", "exists_already"]


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

    def is_joint(self, name: str) -> bool:
        """Tell, after `flush`, whether what was written here is in the file that others write, too.

        Where it is not, another process began that file at the same moment, and `prepare` takes its file.
        """

    def complete(self, name: str) -> None:
        """Wait until the whole file is durable; it keeps its temporary name."""

    def put(self, name: str, content: bytes) -> None:
        """Make a small file as a whole, durable, under its temporary name."""

    def make_way(self, names: Iterable[str]) -> None:
        """Prepare that files under these final names are replaced by others."""

    def publish(self, names: Sequence[str], own: Container[str] | None = None) -> None:
        """Give complete files their final names, in this order.

        Parameters
        ----------
        names : sequence of str
            The names.
        own : container of str, optional
            Names that may be taken: no other file is replaced. By default any file is.

        Raises
        ------
        FileExistsError
            If a file of another name than those in `own` is there, as far as the place can tell.
        """

    def is_own(self, name: str) -> bool:
        """Tell whether the file of a final name is one that was published for this plan.

        It is not if another file has taken its place since, as far as the place can tell; where it cannot, a
        file that was to be published is taken for it.
        """

    def remove(self, names: Iterable[str]) -> None:
        """Remove files under their final names, where there are any."""

    def abandon(self, names: Iterable[str]) -> None:
        """Remove unfinished files, and the place if `begin` made it and it is empty."""

    def close(self) -> None:
        """Let go of whatever is held; unfinished files stay."""


def exists_already(path: Location, why: str = "") -> FileExistsError:
    """Return the error of a file that may not be replaced."""
    return FileExistsError(
        errno.EEXIST,
        f"{path} exists{why}; use --force (overwrite=True) to replace it, or another place",
    )
