"""Pieces as objects of their own, which one process joins: for stores of which fsspec knows no common way.

Why not one upload as a stream: fsspec's files are written from their start to their end by one process. What
is killed then leaves a session that nobody can list, and nothing to continue with. Objects can be listed,
come from any machine, and stay. The price is that the bytes travel twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from .store import Store, lost
from .uploads import record

__all__ = ["JoinedUploads"]


class JoinedUploads:
    """Unfinished files in ``FOLDER/pieces/NAME/NUMBER``.

    Parameters
    ----------
    store : Store
        The directory.
    folder : str
        The hidden folder of the plan.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder

    def is_begun(self, name: str) -> bool:
        """Look for the record."""
        return self._store.read(record(self._folder, name)) is not None

    def begin(self, name: str) -> None:
        """Make the record."""
        self._store.put(record(self._folder, name), b"")

    def is_joint(self, name: str) -> bool:
        """Return True: pieces have one place."""
        return True

    def pieces(self, name: str) -> dict[int, int]:
        """List the objects."""
        found = self._store.below(self._place(name))
        return {int(number): nbytes for number, nbytes in found.items() if number.isdecimal()}

    def put(self, name: str, number: int, data: bytearray) -> None:
        """Make an object."""
        # some file systems take nothing else for the content
        self._store.put(f"{self._place(name)}/{number:05d}", bytes(data))

    def complete(self, name: str, sizes: Sequence[int], *, is_new: bool = False) -> None:
        """Join the objects under a hidden name, and give the file its own; fsspec has no move that looks."""
        store, hidden = self._store, f"{self._folder}/joined/{name}"
        if self.pieces(name) != dict(enumerate(sizes)):
            if store.sizes().get(name) != sum(sizes):
                raise lost(store.url, name, "pieces are missing")
            # another process has joined them
            self.abort(name)
            return
        with store.explained("write"), store.fs.open(store.path(hidden), "wb") as file:
            for number in range(len(sizes)):
                file.write(store.fs.cat_file(store.path(f"{self._place(name)}/{number:05d}")))
        with store.explained("write"):
            store.fs.mv(store.path(hidden), store.path(name))
        self.abort(name)

    def abort(self, name: str) -> None:
        """Remove the objects, the record last: what has one is looked for."""
        pieces = [f"{self._place(name)}/{piece}" for piece in self._store.below(self._place(name))]
        self._store.remove([*pieces, f"{self._folder}/joined/{name}", record(self._folder, name)])

    def _place(self, name: str) -> str:
        return f"{self._folder}/pieces/{name}"
