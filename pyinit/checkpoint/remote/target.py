"""The target of an object store: what is written in blocks goes there in pieces of files."""

from __future__ import annotations

import threading
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from ..targets import exists_already
from .joined import JoinedUploads
from .multipart import MultipartUploads
from .store import Store, lost
from .uploads import Uploads, piece_bytes, piece_sizes

__all__ = ["RemoteTarget", "uploads_of"]


def uploads_of(store: Store, folder: str) -> Uploads:
    """Return how the store takes files in pieces: S3's multipart uploads, or objects that are joined."""
    kind = MultipartUploads if hasattr(store.fs, "call_s3") else JoinedUploads
    return kind(store, folder)


@dataclass
class _Piece:
    """A piece of a file that is not full yet."""

    data: bytearray
    left: int


@dataclass
class _File:
    """An unfinished file: the pieces that are there, those that are being filled, those to be made here."""

    sizes: list[int]
    numbers: range
    there: set[int]
    filled: dict[int, _Piece] = field(default_factory=dict)


class RemoteTarget:
    """A directory of an object store.

    A file is cut into pieces of equal size, which depends on the file's size alone. A thread that fills a
    piece uploads it; so memory is that of about two pieces for each thread. What is written into a piece that
    is there already is the same, and dropped.

    Parameters
    ----------
    store : Store
        The directory.
    folder : str
        The hidden folder of the plan.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self.uploads = uploads_of(store, folder)
        self._files: dict[str, _File] = {}
        self._ranges: dict[str, tuple[int, int]] = {}
        self._small: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Find out whether the store answers; directories need not be made."""
        self._store.check()

    def names(self) -> list[str]:
        """List the directory."""
        return self._store.names()

    def sizes(self) -> dict[str, int]:
        """List the directory."""
        return self._store.sizes()

    def read(self, name: str) -> bytes | None:
        """Return the content of a small file."""
        return self._store.read(name)

    def exists(self, name: str) -> bool:
        """Tell whether there is such an object."""
        return name in self._store.names()

    def begun(self, name: str, nbytes: int) -> bool:
        """Tell whether pieces of the file may be there; the plan's folder says of which size it is."""
        return self.uploads.is_begun(name)

    def prepare(self, name: str, nbytes: int, header: bytes) -> None:
        """Begin the upload, or take the one that is there."""
        if name in self._files:
            return
        self.uploads.begin(name)
        sizes = piece_sizes(nbytes)
        self._files[name] = _File(sizes, self._own(name, nbytes), self.pieces(name, nbytes))
        self.write(name, 0, memoryview(header))

    def pieces(self, name: str, nbytes: int) -> set[int]:
        """Return the numbers of the pieces that are there, as large as they have to be."""
        found, sizes = self.uploads.pieces(name), piece_sizes(nbytes)
        return {number for number, size in enumerate(sizes) if found.get(number) == size}

    def take(self, name: str, nbytes: int, start: int, stop: int) -> int:
        """Take the pieces whose first byte is in a range; return where the last of them ends.

        So each piece is made by one process, also where it reaches over the end of its range.
        """
        self._ranges[name] = (start, stop)
        numbers = self._own(name, nbytes)
        return min(numbers.stop * piece_bytes(nbytes), nbytes) if numbers else stop

    def write(self, name: str, offset: int, data: memoryview) -> None:
        """Fill pieces, and upload those that are full."""
        file, data = self._files[name], data.cast("B")
        most = file.sizes[0]
        while data:
            number, begin = divmod(offset, most)
            count = min(len(data), file.sizes[number] - begin)
            if number in file.numbers and number not in file.there:
                self._fill(name, number, begin, data[:count])
            data, offset = data[count:], offset + count

    def flush(self, name: str) -> None:
        """Do nothing: full pieces are uploaded, and the journal counts no others."""

    def is_joint(self, name: str) -> bool:
        """Look whether the upload in use is still the one that all processes use."""
        return self.uploads.is_joint(name)

    def complete(self, name: str) -> None:
        """Make sure that all pieces are there."""
        file = self._files[name]
        missing = set(range(len(file.sizes))) - self.pieces(name, sum(file.sizes))
        if missing:
            raise lost(self._store.url, name, f"{len(missing)} of its {len(file.sizes)} pieces are missing")

    def put(self, name: str, content: bytes) -> None:
        """Keep a small file until it is published."""
        self._small[name] = content

    def make_way(self, names: Iterable[str]) -> None:
        """Remove the files: when an upload is gone, an object of that name says that it was completed."""
        self.remove(names)

    def is_own(self, name: str) -> bool:
        """Return True: an object has no second name; the upload is gone, so it was completed."""
        return True

    def publish(self, names: Sequence[str], own: Container[str] | None = None) -> None:
        """Complete the uploads in this order."""
        for name in names:
            is_new = own is not None and name not in own
            if name not in self._small:
                self.uploads.complete(name, self._files[name].sizes, is_new=is_new)
                continue
            content = self._small.pop(name)
            if not is_new:
                self._store.put(name, content)
                continue
            self._store.put_new(name, content)
            # another process of this plan may have put the same
            if self._store.read(name) != content:
                raise exists_already(self._store.url / name)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects."""
        self._store.remove(names)

    def abandon(self, names: Iterable[str]) -> None:
        """Abort uploads."""
        self.close()
        for name in names:
            self._small.pop(name, None)
            self.uploads.abort(name)

    def close(self) -> None:
        """Drop pieces that are not full."""
        for file in self._files.values():
            file.filled.clear()

    def _own(self, name: str, nbytes: int) -> range:
        start, stop = self._ranges.get(name, (0, nbytes))
        most = piece_bytes(nbytes)
        return range(-(-start // most), -(-stop // most))

    def _fill(self, name: str, number: int, begin: int, data: memoryview) -> None:
        file = self._files[name]
        with self._lock:
            if number not in file.filled:
                file.filled[number] = _Piece(bytearray(file.sizes[number]), file.sizes[number])
            piece = file.filled[number]
        piece.data[begin : begin + len(data)] = data
        with self._lock:
            piece.left -= len(data)
            is_full = piece.left == 0
        if is_full:
            self.uploads.put(name, number, piece.data)
            with self._lock:
                del file.filled[number]
                file.there.add(number)
