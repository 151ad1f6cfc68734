"""Draws tensors block by block into warm buffers; several threads write them in place.

Why blocks: a block of 4 MiB stays in cache between the draw and the copy into the page cache, any thread can
write any block at its final offset, and asking the kernel to begin writing each block out at once keeps
the disk busy meanwhile. That is 1.5 times the speed of a plain sequential write and fsync (measured).
"""

from __future__ import annotations

import errno
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import FormatError
from ..recipes.distributions import Constant
from ..stream.arguments import check_threads
from ..stream.kernels import execute
from ..stream.plan import DRAWN_WHOLE
from ..stream.safetensors import ITEMSIZE
from ..stream.window import Window, contiguous_blocks
from .blueprint import Draft
from .digest import combine, crc32
from .shards import Shard
from .staging import no_room

__all__ = ["Progress", "write_shards"]

#: Called from the calling thread with (bytes written, bytes in all).
Progress = Callable[[int, int], None]

_BLOCK_BYTES = 4 << 20
_SMALLEST_BLOCK_BYTES = 256 << 10
_ALL_BUFFERS_BYTES = 128 << 20
_MOST_THREADS = _ALL_BUFFERS_BYTES // _SMALLEST_BLOCK_BYTES
_REPORT_SECONDS = 0.1

Array = npt.NDArray[Any]


@dataclass
class _File:
    """An open shard; the thread that writes its last block makes it durable."""

    shard: Shard
    path: Path
    descriptor: int = -1
    pending: int = 0
    is_handed_out: bool = False


@dataclass(frozen=True)
class _Block:
    """A contiguous piece of a tensor, or the header."""

    file: _File
    offset: int
    nbytes: int
    draft: Draft | None = None
    window: Window | None = None
    extent: tuple[int, ...] = ()


class _Writer:
    """State that the threads share."""

    def __init__(self, files: Sequence[_File], block_bytes: int, digest: bool, threads: int) -> None:
        self.block_bytes = block_bytes
        self.threads = threads
        self.digest = digest
        self.written = 0
        self.error: BaseException | None = None
        self.is_stopping = False
        #: Of each tensor: (CRC-32, bytes) of its blocks, by their place.
        self.sums: dict[str, dict[int, tuple[int, int]]] = {}
        self._files = files
        self._lock = threading.Lock()
        self._large = threading.Lock()
        self._blocks = self._all_blocks()

    def run(self) -> None:
        """Write blocks until none is left or a thread fails."""
        try:
            buffer = np.empty(self.block_bytes, np.uint8)
            while (block := self._next()) is not None:
                crc = self._write(block, buffer)
                self._finish(block, crc)
        except BaseException as error:
            with self._lock:
                self.error = self.error or error
                self.is_stopping = True

    def close(self) -> None:
        """Close the files that an interrupt left open."""
        for file in self._files:
            if file.descriptor >= 0:
                os.close(file.descriptor)
                file.descriptor = -1

    def _next(self) -> _Block | None:
        with self._lock:
            return None if self.is_stopping else next(self._blocks, None)

    def _all_blocks(self) -> Iterator[_Block]:
        """Blocks in the order of the files; runs under the lock."""
        for file in self._files:
            file.descriptor = os.open(file.path, os.O_RDWR | os.O_CLOEXEC)
            file.pending = 1  # the header, handed out last so that the file is not finished early
            for draft in file.shard.drafts:
                self.sums[draft.name] = {}
                start = file.shard.tensors[draft.name].start
                itemsize = ITEMSIZE[draft.dtype]
                most = max(self.block_bytes // itemsize, _at_once(draft))
                for window, extent in contiguous_blocks(draft.shape, most):
                    nbytes = int(np.prod(extent, dtype=np.int64)) * itemsize
                    file.pending += 1
                    yield _Block(file, start + window.offset * itemsize, nbytes, draft, window, extent)
            file.is_handed_out = True
            yield _Block(file, 0, len(file.shard.header))

    def _write(self, block: _Block, buffer: Array) -> int:
        if block.draft is None or block.window is None:
            self._put(block, memoryview(block.file.shard.header))
            return 0
        if block.nbytes > len(buffer):
            return self._write_large(block)
        return self._write_from(block, buffer[: block.nbytes], 1)

    def _write_large(self, block: _Block) -> int:
        # one at a time, by all threads: memory is that of the largest tensor, not of several
        with self._large:
            return self._write_from(block, np.empty(block.nbytes, np.uint8), self.threads)

    def _write_from(self, block: _Block, data: Array, threads: int) -> int:
        assert block.draft is not None
        assert block.window is not None
        view = data.data
        if block.draft.copied_from is not None:
            _copy(block.draft, block.window, data)
        else:
            _draw(block.draft, block.window, block.extent, data, threads)
        self._put(block, view)
        return crc32(view) if self.digest else 0

    def _put(self, block: _Block, data: memoryview) -> None:
        descriptor, offset = block.file.descriptor, block.offset
        try:
            while data:
                count = os.pwrite(descriptor, data, offset)
                data, offset = data[count:], offset + count
        except OSError as error:
            raise self._explained(error, block.file) from None
        if block.nbytes >= _SMALLEST_BLOCK_BYTES and hasattr(os, "posix_fadvise"):
            # Linux begins to write the pages out, and keeps those that are not clean yet
            os.posix_fadvise(descriptor, block.offset, block.nbytes, os.POSIX_FADV_DONTNEED)

    def _finish(self, block: _Block, crc: int) -> None:
        file = block.file
        with self._lock:
            if block.draft is not None and self.digest:
                self.sums[block.draft.name][block.offset] = (crc, block.nbytes)
            self.written += block.nbytes
            file.pending -= 1
            is_last = file.is_handed_out and file.pending == 0
        if is_last:
            try:
                os.fsync(file.descriptor)
            except OSError as error:
                raise self._explained(error, file) from None
            os.close(file.descriptor)
            file.descriptor = -1

    @staticmethod
    def _explained(error: OSError, file: _File) -> OSError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return no_room(file.path.parent, file.shard.name, file.shard.nbytes)
        return error


def write_shards(
    shards: Sequence[Shard],
    paths: Sequence[Path],
    *,
    threads: int | None = None,
    digest: bool = False,
    progress: Progress | None = None,
) -> dict[str, int]:
    """Write shards into files that exist with their full size, and make them durable.

    Parameters
    ----------
    shards : sequence of Shard
        The shards to write.
    paths : sequence of Path
        Their files.
    threads : int, optional
        Threads that draw and write; by default as many as `pyinit.info` names.
    digest : bool
        Also compute checksums of the bytes, which takes about as long as drawing them.
    progress : callable, optional
        Called about ten times a second, in the calling thread, with (bytes written, bytes in all).

    Returns
    -------
    dict
        Name of each tensor -> CRC-32 of its bytes; empty without `digest`.
    """
    # more would need more memory than the buffers may have
    threads = min(check_threads(threads) or int(_core.info()["threads"]), _MOST_THREADS)
    block_bytes = max(_SMALLEST_BLOCK_BYTES, min(_BLOCK_BYTES, _ALL_BUFFERS_BYTES // threads))
    files = [_File(shard, path) for shard, path in zip(shards, paths, strict=True)]
    total = sum(shard.nbytes for shard in shards)
    writer = _Writer(files, block_bytes, digest, threads)
    workers = [
        threading.Thread(target=writer.run, name=f"pyinit-writer-{number}") for number in range(threads)
    ]
    started = []
    try:
        for worker in workers:
            worker.start()
            started.append(worker)
        for worker in workers:
            while worker.is_alive():
                worker.join(_REPORT_SECONDS)
                if progress is not None:
                    progress(writer.written, total)
    finally:
        writer.is_stopping = True
        for worker in started:
            worker.join()
        writer.close()
    if writer.error is not None:
        raise writer.error
    assert writer.written == total, "every block is written or an error is raised"
    if progress is not None:
        progress(total, total)
    if not digest:
        return {}
    return {name: combine(parts[offset] for offset in sorted(parts)) for name, parts in writer.sums.items()}


def _at_once(draft: Draft) -> int:
    """Return how many elements of a tensor must be drawn at once: its matrices one by one, if not whole."""
    if draft.plan is None or draft.plan.distribution not in DRAWN_WHOLE:
        return 0
    stack = draft.plan.numbers[-1] if draft.plan.distribution == "orthogonal" else ()
    leading = len(stack) if stack == tuple(range(len(stack))) else 0
    return math.prod(draft.shape[leading:])


def _draw(draft: Draft, window: Window, extent: tuple[int, ...], data: Array, threads: int) -> None:
    if draft.plan is None:
        # integers: a constant, checked when the blueprint was drawn up
        assert isinstance(draft.recipe, Constant)
        if draft.recipe.value == 0:
            data[...] = 0
        else:
            data.view(draft.dtype)[...] = int(draft.recipe.value)
        return
    storage = np.dtype(np.uint16 if draft.dtype == "bfloat16" else draft.dtype)
    out = data.view(storage).reshape(extent)
    execute(draft.plan, out, draft.key, window.start, threads)
    if draft.zero_rows:
        first = window.start[0]
        for row in draft.zero_rows:
            if first <= row < first + extent[0]:
                out[row - first] = 0


def _copy(draft: Draft, window: Window, data: Array) -> None:
    assert draft.copied_from is not None
    path, info = draft.copied_from
    with path.open("rb") as file:
        file.seek(info.start + window.offset * ITEMSIZE[draft.dtype])
        if file.readinto(data.data) != len(data):
            raise FormatError(
                f"{path}: tensor '{draft.name}' ended early; the file changed while it was read"
            )
