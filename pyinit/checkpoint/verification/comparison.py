"""Compares blocks of tensors with what makes them, in several threads and in constant memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ... import _core
from ...errors import PyinitError
from ...stream.arguments import check_threads
from ...stream.safetensors import ITEMSIZE
from ...stream.window import Shape, Window
from ..blueprint import Draft
from .sampling import BLOCK_BYTES

__all__ = ["Block", "Held", "Tally", "compare"]

Bytes = npt.NDArray[np.uint8]
Progress = Callable[[int, int], None]

_MOST_THREADS = 16
_REPORT_SECONDS = 0.1


class Held(Protocol):
    """A tensor as it is held somewhere, of the shape and dtype that were written."""

    @property
    def draft(self) -> Draft:
        """What it should be."""

    @property
    def file(self) -> str | None:
        """The file that it is in, if it is in one."""

    @property
    def is_whole(self) -> bool:
        """Whether every rectangle of it can be read here."""

    def read(self, window: Window, extent: Shape, out: Bytes) -> None:
        """Copy a rectangle that is held here into `out`, in C order and little-endian."""


@dataclass(frozen=True)
class Block:
    """A rectangle of a tensor to compare."""

    held: Held
    window: Window
    extent: Shape

    @property
    def nbytes(self) -> int:
        """Its bytes."""
        return prod(self.extent) * ITEMSIZE[self.held.draft.dtype]


@dataclass
class Tally:
    """What comparing the blocks of a tensor showed; bytes are counted from the tensor's first."""

    held: Held
    nbytes: int = 0
    elements_differ: int = 0
    bytes_differ: int = 0
    bits_differ: int = 0
    first: int = -1
    last: int = -1
    blocks: int = 0
    blocks_differ: int = 0
    is_zero: bool = True  # every number that differs
    is_all_zero: bool = True  # every number of the blocks that differ
    block: Block | None = None  # the first that differs
    why: str | None = None  # it could not be made
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, block: Block, found: Bytes, made: Bytes) -> None:
        """Add a block, with the bytes that are there and those that were written."""
        other = None if np.array_equal(_wide(found), _wide(made)) else _Other.of(block, found, made)
        with self._lock:
            self.nbytes += len(found)
            self.blocks += 1
            if other is None:
                return
            self.blocks_differ += 1
            self.elements_differ += other.elements
            self.bytes_differ += other.nbytes
            self.bits_differ += other.bits
            self.is_zero &= other.is_zero
            self.is_all_zero &= other.is_all_zero
            if self.first < 0 or other.first < self.first:
                self.first, self.block = other.first, block
            self.last = max(self.last, other.last)


class _Other(NamedTuple):
    """How a block differs."""

    elements: int
    nbytes: int
    bits: int
    is_zero: bool
    is_all_zero: bool
    first: int
    last: int

    @classmethod
    def of(cls, block: Block, found: Bytes, made: Bytes) -> _Other:
        itemsize = ITEMSIZE[block.held.draft.dtype]
        differs = found != made
        elements = differs.reshape(-1, itemsize).any(axis=1)
        nbytes = int(np.count_nonzero(differs))
        # they tell one flipped bit from others
        bits = int(np.unpackbits((found ^ made)[differs]).sum()) if nbytes == 1 else nbytes
        first, last = int(differs.argmax()), len(differs) - 1 - int(differs[::-1].argmax())
        return cls(
            int(np.count_nonzero(elements)),
            nbytes,
            bits,
            not found.reshape(-1, itemsize)[elements].any(),
            not found.any(),
            _byte(block, first, itemsize),
            _byte(block, last, itemsize),
        )


def _wide(data: Bytes) -> npt.NDArray[np.unsignedinteger]:
    return data.view(np.uint64) if len(data) % 8 == 0 else data


def _byte(block: Block, place: int, itemsize: int) -> int:
    """Return the place in the tensor of a byte of a block."""
    element, rest = divmod(place, itemsize)
    index = np.unravel_index(element, block.extent)
    where = tuple(int(i) + start for i, start in zip(index, block.window.start, strict=True))
    return Window(where, block.window.global_shape).offset * itemsize + rest


def compare(
    blocks: Iterable[Block], *, threads: int | None = None, total: int = 0, progress: Progress | None = None
) -> list[Tally]:
    """Compare blocks with what makes them.

    Parameters
    ----------
    blocks : iterable of Block
        Those of a tensor follow each other.
    threads : int, optional
        Threads that read and draw.
    total : int
        Bytes in all, for `progress`.
    progress : callable, optional
        Called about ten times a second, in the calling thread, with (bytes compared, bytes in all).

    Returns
    -------
    list of Tally
        One for each tensor, in their order.
    """
    count = min(check_threads(threads) or int(_core.info()["threads"]), _MOST_THREADS)
    comparer = _Comparer(blocks, count)
    with ThreadPoolExecutor(count, thread_name_prefix="pyinit-verify") as pool:
        runs = [pool.submit(comparer.run) for _ in range(count)]
        try:
            pending = set(runs)
            while pending:
                _, pending = wait(pending, _REPORT_SECONDS, FIRST_EXCEPTION)
                if any(run.done() and run.exception() is not None for run in runs):
                    break
                if progress is not None:
                    progress(comparer.compared, total)
        finally:
            comparer.is_stopping = True
    for run in runs:
        run.result()
    return comparer.tallies


class _Comparer:
    """State that the threads share."""

    def __init__(self, blocks: Iterable[Block], threads: int) -> None:
        self.tallies: list[Tally] = []
        self.compared = 0
        self.is_stopping = False
        self._blocks = self._with_tally(blocks)
        self._threads = threads
        self._lock = threading.Lock()
        self._large = threading.Lock()

    def run(self) -> None:
        """Compare blocks until none is left."""
        buffers = np.empty((2, BLOCK_BYTES), np.uint8)
        while (following := self._next()) is not None:
            block, tally = following
            if block.nbytes <= BLOCK_BYTES:
                self._compare(block, tally, buffers[:, : block.nbytes], 1)
            else:
                # one at a time, by all threads
                with self._large:
                    self._compare(block, tally, np.empty((2, block.nbytes), np.uint8), self._threads)
            with self._lock:
                self.compared += block.nbytes

    def _compare(self, block: Block, tally: Tally, buffers: npt.NDArray[np.uint8], threads: int) -> None:
        if tally.why is not None:
            return
        found, made = buffers
        block.held.read(block.window, block.extent, found)
        try:
            block.held.draft.content.fill(block.window, block.extent, made, threads)
        except PyinitError as error:
            tally.why = str(error)
            return
        tally.add(block, found, made)

    def _next(self) -> tuple[Block, Tally] | None:
        with self._lock:
            return None if self.is_stopping else next(self._blocks, None)

    def _with_tally(self, blocks: Iterable[Block]) -> Iterator[tuple[Block, Tally]]:
        """Runs under the lock."""
        for block in blocks:
            if not self.tallies or self.tallies[-1].held is not block.held:
                self.tallies.append(Tally(block.held))
            yield block, self.tallies[-1]
