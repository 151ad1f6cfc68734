"""Files as they are: which there are, how long they are, and where their headers say that tensors lie."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from ...errors import DTypeError, FormatError
from ...stream.safetensors import MAX_HEADER_BYTES, TensorInfo, read_header
from ...stream.strict_json import parsed
from ..locations import Location, Url
from ..remote.store import Store
from ..shards import Shard, Slab, index_content, index_name
from ..system import PRIVATE, read_at
from .expected import Expected
from .finding import Finding

__all__ = ["LocalFiles", "Located", "Reader", "RemoteFiles", "located", "opened"]


class Reader(Protocol):
    """Where files are read from; several threads read at the same time."""

    def names(self) -> list[str]:
        """Return the names of the files there."""

    def size(self, name: str) -> int:
        """Return the bytes of a file."""

    def read(self, name: str, offset: int, out: memoryview) -> None:
        """Read a range of a file; OSError if it ends before."""

    def header(self, name: str) -> dict[str, TensorInfo]:
        """Return the tensors that the header of a file names."""


class LocalFiles:
    """The files of a directory. A context manager; leaving it closes them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._descriptors: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> LocalFiles:
        return self

    def __exit__(self, *_: object) -> None:
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def names(self) -> list[str]:
        """Return the names in the directory."""
        return sorted(path.name for path in self.directory.iterdir() if path.is_file())

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return os.stat(self.directory / name).st_size

    def read(self, name: str, offset: int, out: memoryview) -> None:
        """Read until `out` is full."""
        with self._lock:
            if name not in self._descriptors:
                flags = os.O_RDONLY | PRIVATE
                self._descriptors[name] = os.open(self.directory / name, flags)
            descriptor = self._descriptors[name]
        while out:
            count = read_at(descriptor, out, offset)
            if not count:
                raise OSError(f"{self.directory / name} ended while it was read")
            out, offset = out[count:], offset + count

    def header(self, name: str) -> dict[str, TensorInfo]:
        """Return the tensors that the header of a file names."""
        return read_header(self.directory / name).tensors


class RemoteFiles:
    """The files of a directory of an object store. A context manager, for the sake of `LocalFiles`."""

    def __init__(self, url: Url) -> None:
        self._store = Store(url)
        self._sizes: dict[str, int] = {}

    def __enter__(self) -> RemoteFiles:
        self._sizes = self._store.sizes()
        return self

    def __exit__(self, *_: object) -> None:
        self._sizes = {}

    def names(self) -> list[str]:
        """Return the names in the directory."""
        return sorted(self._sizes)

    def size(self, name: str) -> int:
        """Return the bytes of a file."""
        return self._sizes[name]

    def read(self, name: str, offset: int, out: memoryview) -> None:
        """Ask for a range."""
        if not out:
            return
        with self._store.explained("read"):
            data = self._store.fs.cat_file(self._store.path(name), start=offset, end=offset + len(out))
        if len(data) != len(out):
            raise OSError(f"{self._store.url}/{name} ended while it was read")
        out[:] = data

    def header(self, name: str) -> dict[str, TensorInfo]:
        """Read the header as that of a file of this machine, of the same size."""
        size = self.size(name)
        prefix = bytearray(min(size, 8))
        self.read(name, 0, memoryview(prefix))
        data = bytearray(min(size, 8 + min(int.from_bytes(prefix, "little"), MAX_HEADER_BYTES)))
        self.read(name, 0, memoryview(data))
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(data)
            os.truncate(path, size)
            return read_header(path).tensors


def opened(directory: Location) -> LocalFiles | RemoteFiles:
    """Return the files of a directory of this machine, or of an object store."""
    return RemoteFiles(directory) if isinstance(directory, Url) else LocalFiles(directory)


@dataclass(frozen=True)
class Located:
    """A tensor, or a rectangle of it, and where its bytes begin; shape and dtype are as written."""

    slab: Slab
    file: str
    offset: int


def located(expected: Expected, reader: Reader) -> tuple[list[Located], list[Finding]]:
    """Return the tensors that can be compared, and everything that headers and names show to differ."""
    names = set(reader.names())
    places: list[Located] = []
    files: list[Finding] = []
    tensors: list[Finding] = []
    for shard in expected.shards:
        if shard.name in names:
            _look_at(shard, reader, places, files, tensors)
        else:
            files.append(Finding("missing_file", file=shard.name))
            tensors += [Finding("missing", draft.name, shard.name) for draft in shard.drafts]
    known = {shard.name for shard in expected.shards}
    files += [
        Finding("extra_file", file=name)
        for name in sorted(names - known)
        if name.endswith(".safetensors") and not name.startswith(".")
    ]
    files += _of_index(expected, reader, names)
    files += _of_texts(expected, reader, names)
    return places, [*files, *tensors]


def _look_at(
    shard: Shard, reader: Reader, places: list[Located], files: list[Finding], tensors: list[Finding]
) -> None:
    size = reader.size(shard.name)
    found: dict[str, TensorInfo] = dict(shard.tensors)
    if (first := _first_other(shard, reader, size)) is not None:
        why = None
        try:
            found = reader.header(shard.name)
        except (FormatError, DTypeError) as error:
            # the tensors may be intact all the same: they are looked for where they were written
            why = str(error).split(": ", 1)[-1]
        files.append(Finding("header", file=shard.name, facts={"first": first, "why": why}))
        tensors += [Finding("unexpected", name, shard.name) for name in found if name not in shard.tensors]
    if size != shard.nbytes and found == dict(shard.tensors):
        kind = "truncated_file" if size < shard.nbytes else "longer_file"
        facts = {"bytes": size, "expected": shard.nbytes}
        files.append(Finding(kind, file=shard.name, facts=facts))
    for slab in shard.slabs:
        draft, info = slab.draft, found.get(slab.draft.name)
        if info is None:
            tensors.append(Finding("missing", draft.name, shard.name))
        elif info.shape != slab.shape:
            shapes = {"found": list(info.shape), "expected": list(slab.shape)}
            tensors.append(Finding("shape", draft.name, shard.name, shapes))
        elif info.dtype == draft.dtype and info.stop > size:
            missing = info.stop - max(size, info.start)
            facts = {"missing": missing, "bytes": info.nbytes}
            tensors.append(Finding("truncated", draft.name, shard.name, facts))
        elif info.dtype != draft.dtype:
            dtypes = {"found": info.dtype, "expected": draft.dtype, "rounded": None}
            place = {"start": info.start, "slab": slab}
            tensors.append(Finding("dtype", draft.name, shard.name, {**dtypes, **place}))
        else:
            places.append(Located(slab, shard.name, info.start))


def _first_other(shard: Shard, reader: Reader, size: int) -> int | None:
    """Return the place of the first byte of the header that differs, or None."""
    data = bytearray(min(size, len(shard.header)))
    reader.read(shard.name, 0, memoryview(data))
    if bytes(data) == shard.header:
        return None
    pairs = enumerate(zip(data, shard.header, strict=False))
    return next((place for place, (one, other) in pairs if one != other), len(data))


def _of_texts(expected: Expected, reader: Reader, names: set[str]) -> Iterator[Finding]:
    for name, digest in expected.texts.items():
        if name not in names:
            yield Finding("missing_file", file=name)
            continue
        data = bytearray(reader.size(name))
        reader.read(name, 0, memoryview(data))
        if sha256(data).hexdigest() != digest:
            yield Finding("text", file=name, facts={"bytes": len(data)})


def _of_index(expected: Expected, reader: Reader, names: set[str]) -> Iterator[Finding]:
    name = index_name(expected.stem)
    if len(expected.shards) < 2 or expected.layout.is_cut:
        if name in names:
            yield Finding("extra_file", file=name)
        return
    if name not in names:
        yield Finding("missing_file", file=name)
        return
    data = bytearray(reader.size(name))
    reader.read(name, 0, memoryview(data))
    try:
        found: Any = parsed(bytes(data), "the index", FormatError)
    except FormatError as error:
        yield Finding("index", file=name, facts={"why": str(error)})
        return
    written = parsed(index_content(expected.shards), "the index", FormatError)["weight_map"]
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict):
        yield Finding("index", file=name, facts={"why": "it has no weight_map"})
    elif places != written:
        other = min(tensor for tensor in {*places, *written} if places.get(tensor) != written.get(tensor))
        why = f"'{other}' is in {written.get(other, 'no file')}, and it says {places.get(other, 'nothing')}"
        yield Finding("index", file=name, facts={"why": why})
