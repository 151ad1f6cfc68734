"""Regenerates what a receipt says and compares it with files: `pyinit.verify`."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np

from ...errors import PyinitError, SpecError
from ...stream.dtypes import FLOATS
from ...stream.safetensors import ITEMSIZE
from ...stream.window import Shape, Window, contiguous_blocks
from ..blueprint import Draft
from ..digest import crc32
from ..locations import Location, Url, location
from ..plan import CheckpointPlan
from ..receipt import Receipt
from ..remote.store import Store
from .comparison import Block, Bytes, Progress, Tally, compare
from .diagnosis import Diagnosis, converted
from .expected import Expected, expected_of, read_expected
from .files import Located, Reader, located, opened
from .finding import Finding, Verification
from .sampling import BLOCK_BYTES, Sample

__all__ = ["expectation", "finding_of", "receipt_text", "summed_up", "verify"]

_RECEIPT = "init.json"


@dataclass(frozen=True, eq=False)
class _InFile:
    """A tensor in a file, or in rectangles in several."""

    places: tuple[Located, ...]
    reader: Reader

    @property
    def draft(self) -> Draft:
        return self.places[0].slab.draft

    @property
    def file(self) -> str:
        return self.places[0].file

    @property
    def is_whole(self) -> bool:
        return sum(place.slab.nbytes for place in self.places) == self.draft.nbytes

    def blocks(self, sample: Sample) -> Iterator[Block]:
        for place in self.places:
            for inner, extent in sample.blocks(self.draft, place.slab.shape):
                start = tuple(a + b for a, b in zip(place.slab.start, inner.start, strict=True))
                yield Block(self, Window(start, self.draft.shape), extent)

    def file_of(self, block: Block | None) -> str:
        """Return the file that a block begins in."""
        first = 0 if block is None else self._byte(block.window)
        return next((place.file for place in self.places if first < self._ends(place)), self.file)

    def read(self, window: Window, extent: Shape, out: Bytes) -> None:
        """Read a range of the tensor's bytes, which may lie in several files."""
        first, stop = self._byte(window), self._byte(window) + len(out)
        for place in self.places:
            end = self._ends(place)
            start = end - place.slab.nbytes
            low, high = max(first, start), min(stop, end)
            if low < high:
                part = out[low - first : high - first]
                self.reader.read(place.file, place.offset + low - start, part.data)

    def _byte(self, window: Window) -> int:
        return window.offset * ITEMSIZE[self.draft.dtype]

    def _ends(self, place: Located) -> int:
        """Return the byte of the tensor after a rectangle, which is one range of bytes."""
        return self._byte(Window(place.slab.start, self.draft.shape)) + place.slab.nbytes


def verify(
    path: str | os.PathLike[str],
    receipt: Receipt | CheckpointPlan | str | os.PathLike[str] | None = None,
    *,
    sample: float = 1.0,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Make the tensors of a checkpoint again, from its receipt, and compare them with its files.

    Parameters
    ----------
    path : path-like
        A directory that `pyinit.write_checkpoint` wrote, or one file of tensors with a receipt or a plan; of
        this machine, or a URL.
    receipt : Receipt, CheckpointPlan or path-like, optional
        What should be there: a receipt, a plan, or the JSON file of one. By default ``init.json`` beside the
        files.
    sample : float
        The share of every tensor to compare, in (0, 1]: at least one block of each, but of tensors that are
        drawn whole this share of them.
    seed : int
        Which blocks a sample takes.
    threads : int, optional
        Threads that read and draw; by default as many as `pyinit.info` names, at most 16.
    progress : callable, optional
        Called about ten times a second with (bytes compared, bytes in all).

    Returns
    -------
    Verification
        What was compared, and a `Finding` for each tensor and file that differs.

    Raises
    ------
    FileNotFoundError
        If there is no such directory or file, or no receipt.
    FormatError
        If the receipt cannot be read.
    SpecError
        If it was made by another version of the stream, or its recipes have other numbers in this pyinit.
    ArgumentError
        If the sample is not in (0, 1].

    Notes
    -----
    Of a directory the small files are compared, too: the index, config.json and what else the receipt names.
    Tensors that cannot be made here, such as copies of a file that is gone, are compared by their CRC-32 if
    the receipt has one, and are named as unchecked if not. Memory does not depend on the size of the model.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyinit as pi
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pi.write_checkpoint({"w": (256, 784)}, "he_normal", path=folder, key=0)
    ...     file = pathlib.Path(folder, "model.safetensors")
    ...     data = bytearray(file.read_bytes())
    ...     data[-100] ^= 4
    ...     _ = file.write_bytes(data)
    ...     found = pi.verify(folder)
    >>> found.is_same
    False
    >>> print(found.findings[0])
    w: one bit is flipped, in byte 802716
    """
    place = location(path)
    expected = expectation(place, receipt)
    taken = Sample(sample, seed)
    is_file = _is_file(place)
    directory = place.parent if is_file else place
    if isinstance(directory, Path) and not directory.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no directory or file {place}")
    if is_file:
        expected = _of_one_file(expected, place.name)
    with opened(directory) as reader:
        return _verified(expected, reader, taken, str(place), is_file, threads, progress)


def expectation(
    place: Location, receipt: Receipt | CheckpointPlan | str | os.PathLike[str] | None = None
) -> Expected:
    """Return what should be in a place, by a receipt or a plan, or by the receipt that lies there."""
    if isinstance(receipt, Receipt | CheckpointPlan):
        return expected_of(receipt)
    return read_expected(*receipt_text(place, receipt))


def receipt_text(place: Location, receipt: str | os.PathLike[str] | None = None) -> tuple[bytes, str]:
    """Return the text of the receipt or plan that is named, or lies in a place, and where it is.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    where = (place.parent if _is_file(place) else place) if receipt is None else location(receipt)
    if isinstance(where, Url):
        where = where if where.name.endswith(".json") else where / _RECEIPT
        text = Store(where.parent).read(where.name)
    else:
        # a plan is a file
        where = where if where.is_file() else where / _RECEIPT
        text = where.read_bytes() if where.is_file() else None
    if text is None:
        raise FileNotFoundError(
            errno.ENOENT,
            f"verify needs a receipt that pyinit wrote, or a plan; there is no {where}. Name it (--receipt)",
        )
    return text, str(where)


def _is_file(place: Location) -> bool:
    return place.name.endswith(".safetensors") if isinstance(place, Url) else place.is_file()


def _of_one_file(expected: Expected, name: str) -> Expected:
    shards = [shard for shard in expected.shards if shard.name == name]
    if not shards and len(expected.shards) == 1:
        raise SpecError(f"the receipt speaks of {expected.shards[0].name}; got {name}. Give it that name")
    if not shards:
        raise SpecError(f"the receipt speaks of no file {name}; verify the directory, or one of its files")
    drafts = shards[0].drafts
    names = {draft.name for draft in drafts}
    crc = {one: crc for one, crc in expected.crc32.items() if one in names}
    return Expected(expected.source, expected.key, drafts, (shards[0],), {}, crc)


def _verified(
    expected: Expected,
    reader: Reader,
    sample: Sample,
    place: str,
    is_alone: bool,
    threads: int | None,
    progress: Progress | None,
) -> Verification:
    places, findings = located(expected, reader)
    if is_alone:
        # what else lies there was not asked for
        findings = [each for each in findings if each.kind not in ("extra_file", "index")]
    of: dict[str, list[Located]] = {}
    for each in places:
        of.setdefault(each.slab.draft.name, []).append(each)
    tensors = [_InFile(tuple(parts), reader) for parts in of.values()]

    def blocks() -> Iterator[Block]:
        for held in tensors:
            yield from held.blocks(sample)

    total = sum(block.nbytes for block in blocks())
    tallies = compare(blocks(), threads=threads, total=total, progress=progress)
    diagnosis = Diagnosis(expected)
    more = [finding_of(tally, diagnosis, expected) for tally in tallies]
    for number, (finding, tally) in enumerate(zip(more, tallies, strict=True)):
        if finding is not None and isinstance(tally.held, _InFile):
            more[number] = replace(finding, file=tally.held.file_of(tally.block))
    more += [_with_values(each, reader) if each.kind == "dtype" else each for each in findings]
    return summed_up(expected, place, tallies, more, {held.draft.name: held.draft for held in tensors})


def summed_up(
    expected: Expected,
    place: str,
    tallies: Sequence[Tally],
    findings: Iterable[Finding | None],
    looked_for: Mapping[str, Draft],
) -> Verification:
    """Return the verification of tensors that were compared, with the findings in the receipt's order."""
    order = {draft.name: number for number, draft in enumerate(expected.drafts)}
    ordered = sorted(
        (each for each in findings if each is not None),
        key=lambda each: -1 if each.tensor is None else order.get(each.tensor, len(order)),
    )
    unchecked = {each.tensor for each in ordered if each.kind == "unchecked"}
    names = {tally.held.draft.name for tally in tallies} - unchecked
    empty = {name for name, draft in looked_for.items() if not draft.nbytes}
    return Verification(
        place,
        expected.source,
        len(expected.drafts),
        sum(draft.nbytes for draft in expected.drafts),
        len(names | empty),
        sum(tally.nbytes for tally in tallies),
        tuple(ordered),
        tuple(name for name in looked_for if name not in names | empty | unchecked),
    )


def finding_of(tally: Tally, diagnosis: Diagnosis, expected: Expected) -> Finding | None:
    """Return how the tensor of a tally differs, that nobody can tell, or None."""
    draft, file = tally.held.draft, tally.held.file
    if tally.block is not None:
        return diagnosis.finding(tally, file)
    if tally.why is None:
        return None
    written = expected.crc32.get(draft.name)
    if written is None or not tally.held.is_whole:
        why = tally.why.removeprefix(f"tensor '{draft.name}' ")
        return Finding("unchecked", draft.name, file, {"why": why})
    found = 0
    for window, extent in contiguous_blocks(draft.shape, BLOCK_BYTES // ITEMSIZE[draft.dtype]):
        data = np.empty(prod(extent) * ITEMSIZE[draft.dtype], np.uint8)
        tally.held.read(window, extent, data)
        found = crc32(data.data, found)
        tally.nbytes += len(data)
    if found == written:
        return None
    return Finding("checksum", draft.name, file, {"found": f"{found:08x}", "expected": f"{written:08x}"})


def _with_values(finding: Finding, reader: Reader) -> Finding:
    """Return a finding of another dtype that says whether the values are those written, converted."""
    facts = dict(finding.facts)
    start, slab, to = facts.pop("start"), facts.pop("slab"), facts["found"]
    draft = slab.draft
    if draft.dtype in FLOATS and to in FLOATS and slab.nbytes and finding.file is not None:
        most = max(BLOCK_BYTES // 8, draft.content.at_once(draft.shape))
        _, extent = next(contiguous_blocks(slab.shape, most))
        window = Window(slab.start, draft.shape)
        made = np.empty(prod(extent) * ITEMSIZE[draft.dtype], np.uint8)
        found = np.empty(prod(extent) * ITEMSIZE[to], np.uint8)
        with suppress(PyinitError, OSError):
            draft.content.fill(window, extent, made, 1)
            reader.read(finding.file, start, found.data)
            facts["rounded"] = bool(np.array_equal(converted(made, draft.dtype, to), found))
    return replace(finding, facts=facts)
