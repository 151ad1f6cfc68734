"""Makes extents block by block in warm buffers; several threads write them in place.

Why blocks: a block of 4 MiB stays in cache between the draw and the copy into the page cache, any thread can
write any block at its final offset, and asking the kernel to begin writing each block out at once keeps
the disk busy meanwhile. That is 1.5 times the speed of a plain sequential write and fsync (measured).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..stream.arguments import check_threads
from ..stream.safetensors import ITEMSIZE
from .blocks import Block, blocks_of
from .contents import Copied
from .digest import Digest, combined, digest_of
from .extents import Extent
from .panels import joined_digest, panels_of
from .plan import CheckpointPlan
from .results import ExtentResult
from .targets import Target

__all__ = ["Progress", "write_extents"]

#: Called from the calling thread with (bytes written, bytes in all).
Progress = Callable[[int, int], None]

_BLOCK_BYTES = 4 << 20
_SMALLEST_BLOCK_BYTES = 256 << 10
# with digests one size for any number of threads: mean and std depend on where blocks end
_DIGEST_BLOCK_BYTES = 1 << 20
_ALL_BUFFERS_BYTES = 128 << 20
# of a matrix that is drawn whole; one at a time
_PANEL_BYTES = 64 << 20
_REPORT_SECONDS = 0.1

Array = npt.NDArray[Any]


#: Called from a thread that has written the last block of an extent.
Finished = Callable[[ExtentResult], None]


class _Writer:
    """State that the threads share."""

    def __init__(
        self,
        plan: CheckpointPlan,
        extents: Sequence[Extent],
        target: Target,
        finished: Finished,
        *,
        block_bytes: int,
        digest: bool,
        threads: int,
    ) -> None:
        self.block_bytes = block_bytes
        self.threads = threads
        self.digest = digest
        self.written = 0
        self.error: BaseException | None = None
        self._plan = plan
        self._target = target
        self._finished = finished
        self._lock = threading.Lock()
        self._large = threading.Lock()
        self._is_stopping = False
        self._entered = self._left = 0
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._blocks = blocks_of(plan, extents, block_bytes, digest=digest)

    def run(self) -> None:
        """Write blocks until none is left or a thread fails."""
        with self._lock:
            if self._is_stopping:
                return
            self._entered += 1
        try:
            buffer = np.empty(self.block_bytes, np.uint8)
            while (block := self._next()) is not None:
                self._finish(block, self._write(block, buffer))
        except BaseException as error:
            with self._lock:
                self.error = self.error or error
                self._is_stopping = True
        finally:
            with self._lock:
                self._left += 1
            self._bell.put(None)

    def wait(self, report: Callable[[], None]) -> None:
        """Wait until all threads have left or one has failed, and report meanwhile."""
        while self._left < self.threads and not self._is_stopping:
            with suppress(Empty):
                self._bell.get(timeout=_REPORT_SECONDS)
            report()

    def stop(self) -> None:
        """Wait until no thread is inside, however often this is interrupted: none may write afterwards.

        Why no join: one that an interrupt meets takes a thread that still runs for one that has ended (Python
        before 3.13).
        """
        self._is_stopping = True
        interrupt: BaseException | None = None
        while True:
            try:
                with self._lock:
                    if self._left == self._entered:
                        break
                self._bell.get(timeout=_REPORT_SECONDS)
            except Empty:
                continue
            except BaseException as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def _next(self) -> Block | None:
        with self._lock:
            return None if self._is_stopping else next(self._blocks, None)

    def _write(self, block: Block, buffer: Array) -> Digest | None:
        if block.nbytes > len(buffer):
            # one at a time, by all threads: memory is that of one panel, not of several
            with self._large:
                return self._write_panels(block)
        data, draft = buffer[: block.nbytes], block.of.draft
        draft.content.fill(block.window, block.shape, data, 1)
        self._target.write(self._name_of(block), block.offset, data.data)
        return None if block.of.digests is None else digest_of(data, draft.dtype)

    def _write_panels(self, block: Block) -> Digest | None:
        draft, name, digests = block.of.draft, self._name_of(block), []
        itemsize = ITEMSIZE[draft.dtype]
        panels = list(panels_of(draft.content, block.window, block.shape, itemsize, _PANEL_BYTES))
        buffer = np.empty(panels[0].nbytes, np.uint8)
        for panel in panels:
            data = buffer[: panel.nbytes]
            draft.content.fill(panel.window, panel.shape, data, self.threads)
            for offset, row in panel.cut(data):
                self._target.write(name, block.offset + offset, row)
            if block.of.digests is not None:
                digests.append(panel.digest(data, draft.dtype, block.nbytes))
        return joined_digest(digests) if digests else None

    def _name_of(self, block: Block) -> str:
        return self._plan.shards[block.of.extent.file].name

    def _finish(self, block: Block, digest: Digest | None) -> None:
        opened = block.of
        with self._lock:
            if opened.digests is not None and digest is not None:
                opened.digests[block.offset] = digest
            self.written += block.nbytes
            opened.pending -= 1
            is_last = opened.pending == 0
        if is_last:
            crc, found = None, None
            if (digests := opened.digests) is not None:
                whole = combined(digests[offset] for offset in sorted(digests))
                crc, found = whole.crc32, whole.found
            if isinstance(opened.draft.content, Copied) and opened.extent.nbytes == opened.draft.nbytes:
                opened.draft.content.check(crc)
            self._finished(ExtentResult(opened.extent.index, crc, opened.extent.nbytes, found))


def write_extents(
    plan: CheckpointPlan,
    extents: Sequence[Extent],
    target: Target,
    finished: Finished,
    *,
    threads: int | None = None,
    digest: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Make extents and write them into files that are prepared.

    Parameters
    ----------
    plan : CheckpointPlan
        What they are part of.
    extents : sequence of Extent
        What to make, in this order as far as threads keep one.
    target : Target
        Where the files are.
    finished : callable
        Called with the `ExtentResult` of each extent, in the thread that wrote its last block.
    threads : int, optional
        Threads that draw and write; by default as many as `pyinit.info` names.
    digest : bool
        Also compute checksums of the bytes, mean and std, which takes about as long as drawing them.
    progress : callable, optional
        Called about ten times a second, in the calling thread, with the bytes written.
    """
    # more would need more memory than the buffers may have
    least = _DIGEST_BLOCK_BYTES if digest else _SMALLEST_BLOCK_BYTES
    threads = min(check_threads(threads) or int(_core.info()["threads"]), _ALL_BUFFERS_BYTES // least)
    block_bytes = least if digest else max(least, min(_BLOCK_BYTES, _ALL_BUFFERS_BYTES // threads))
    writer = _Writer(plan, extents, target, finished, block_bytes=block_bytes, digest=digest, threads=threads)
    workers = [
        threading.Thread(target=writer.run, name=f"pyinit-writer-{number}") for number in range(threads)
    ]
    try:
        for worker in workers:
            worker.start()
        writer.wait(lambda: None if progress is None else progress(writer.written))
    finally:
        writer.stop()
    if writer.error is not None:
        raise writer.error
    assert writer.written == sum(extent.nbytes for extent in extents), "every block is written"
