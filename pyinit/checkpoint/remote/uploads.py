"""Files that come about from pieces, in any order and from any machine, and appear when they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Uploads", "piece_bytes", "piece_sizes", "record", "upload_names"]

_LEAST_BYTES = 8 << 20
_STEP = 1 << 20
#: S3 and most stores beside it take as many.
_MOST_PIECES = 10_000
_RECORDS = "uploads"


class Uploads(Protocol):
    """The unfinished files of one plan. Pieces count from 0; one that is written again is the same."""

    def is_begun(self, name: str) -> bool:
        """Tell whether there is an unfinished file."""

    def begin(self, name: str) -> None:
        """Make an unfinished file, or find the one that anybody has made."""

    def is_joint(self, name: str) -> bool:
        """Tell whether the pieces written here are in the unfinished file that all processes use."""

    def pieces(self, name: str) -> dict[int, int]:
        """Return the bytes of the pieces that are there."""

    def put(self, name: str, number: int, data: bytearray) -> None:
        """Write a piece; several threads and machines may write at the same time."""

    def complete(self, name: str, sizes: Sequence[int], *, is_new: bool = False) -> None:
        """Make the file of its pieces under its final name; one that is new replaces none, where that can be.

        Raises
        ------
        FileExistsError
            If it is to be new, and there is another object of that name.
        """

    def abort(self, name: str) -> None:
        """Remove an unfinished file."""


def piece_bytes(nbytes: int) -> int:
    """Return the bytes of the pieces of a file, the same on every machine; the last one may be shorter.

    Examples
    --------
    >>> from pyinit.checkpoint.remote.uploads import piece_bytes
    >>> piece_bytes(5 * 10**9) >> 20, piece_bytes(10**12) >> 20
    (8, 96)
    """
    if nbytes <= _LEAST_BYTES * _MOST_PIECES:
        return _LEAST_BYTES
    return -(-nbytes // (_MOST_PIECES * _STEP)) * _STEP


def piece_sizes(nbytes: int) -> list[int]:
    """Return the bytes of each piece of a file."""
    most = piece_bytes(nbytes)
    return [min(most, nbytes - begin) for begin in range(0, nbytes, most)]


def record(folder: str, name: str) -> str:
    """Return the object of a plan's folder that says that a file is begun."""
    return f"{folder}/{_RECORDS}/{name}"


def upload_names(found: Sequence[str]) -> list[str]:
    """Return the files that are begun, of the names of all objects of a plan's folder."""
    return [name.removeprefix(f"{_RECORDS}/") for name in found if name.startswith(f"{_RECORDS}/")]
