"""Makes extents block by block in warm buffers; several threads write them in place.

Why blocks: a block of 4 MiB stays in cache between the draw and the copy into the page cache, any thread can
write any block at its final offset, and asking the kernel to begin writing each block out at once keeps
the disk busy meanwhile. That is 1.5 times the speed of a plain sequential write and fsync (measured).
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import ArgumentError
from ..stream.arguments import check_threads
from ..stream.safetensors import ITEMSIZE
from .blocks import Block, blocks_of
from .contents import Copied, check_made
from .digest import Digest, combined, digest_of
from .extents import Extent, touching
from .found import Found
from .panels import joined_digest, panels_of
from .places import opened
from .plan import CheckpointPlan
from .targets import Target

__all__ = ["ExtentResult", "Progress", "check_result", "run_extent", "write_extents"]

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


@dataclass(frozen=True)
class ExtentResult:
    """An extent that was made and written.

    Parameters
    ----------
    index : int
        Its number in the plan.
    crc32 : int or None
        CRC-32 of its bytes, where it was requested.
    nbytes : int
        Its bytes.
    found : Found or None
        Mean and std of its numbers, where a checksum was asked for and they are floating.
    """

    index: int
    crc32: int | None
    nbytes: int
    found: Found | None = None

    @property
    def digest(self) -> Digest | None:
        """Checksum, mean and std, where they were asked for."""
        return None if self.crc32 is None else Digest(self.crc32, self.nbytes, self.found)


def check_result(plan: CheckpointPlan, result: ExtentResult) -> Extent:
    """Return the extent of a result; one that another plan's extent must be is refused."""
    is_known = 0 <= result.index < len(plan.extents)
    if not is_known or plan.extents[result.index].nbytes != result.nbytes:
        raise ArgumentError(
            f"{result} is no result of this plan, which has {len(plan.extents)} extents; run its own extents"
        )
    return plan.extents[result.index]


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


def run_extent(plan: CheckpointPlan, index: int, *, threads: int | None = None) -> ExtentResult:
    """Make one extent of a plan and write it into its unfinished file, which is made if it is not there.

    It can be run in any order, on any machine that sees the plan's directory or object store, and again after
    a failure: the bytes are the same. `pyinit.finish_checkpoint` gives the files their names when all are
    made.

    Parameters
    ----------
    plan : CheckpointPlan
        The plan.
    index : int
        The number of the extent, in ``range(len(plan.extents))``.
    threads : int, optional
        Threads that draw and write.

    Returns
    -------
    ExtentResult
        Its number, its bytes and their CRC-32; never the weights.

    Raises
    ------
    ArgumentError
        If there is no such extent.
    RecipeError
        If the plan was read from JSON and names a content that cannot be made from it.
    FileExistsError
        If the file of the extent has its final name already.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     plan = pi.plan_checkpoint({"w": (256, 784)}, "he_normal", path=path, extent_bytes=400_000)
    ...     results = [pi.run_extent(plan, index) for index in range(len(plan.extents))]
    ...     receipt = pi.finish_checkpoint(plan, results)
    ...     len(results), path.stat().st_size == receipt.nbytes
    (3, True)
    """
    if not 0 <= index < len(plan.extents):
        raise ArgumentError(f"the plan has {len(plan.extents)} extents, counted from 0; got extent {index}")
    extent = plan.extents[index]
    shard = plan.shards[extent.file]
    check_made(next(draft.content for draft in shard.drafts if draft.name == extent.tensor))
    target, journal = opened(plan)
    results: list[ExtentResult] = []
    target.begin()
    if target.exists(shard.name) and not target.begun(shard.name, shard.nbytes):
        raise FileExistsError(
            errno.EEXIST, f"{plan.directory / shard.name} exists; remove it, or run no more of its extents"
        )
    others = [each for each in plan.extents if each.file == extent.file]
    start, stop = 0 if extent == others[0] else extent.offset, extent.offset + extent.nbytes
    end = target.take(shard.name, shard.nbytes, start, stop)
    try:
        with journal.enlisted():
            with journal.guarded():
                target.prepare(shard.name, shard.nbytes, shard.header)
            write_extents(plan, [extent], target, results.append, threads=threads, digest=True)
            # the rest of a piece that reaches into the next extents
            beyond = list(touching(others, shard, stop, end))
            write_extents(plan, beyond, target, lambda result: None, threads=threads)
            target.flush(shard.name)
    finally:
        target.close()
    return results[0]
