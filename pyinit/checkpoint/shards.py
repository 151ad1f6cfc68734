"""Divides a checkpoint into files and names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from ..errors import SpecError
from ..stream.safetensors import ITEMSIZE, TensorInfo, build_header, storage_order
from ..stream.window import Shape, contiguous_blocks
from .blueprint import Draft

__all__ = [
    "HUGGINGFACE",
    "LAYOUTS",
    "Layout",
    "Shard",
    "Slab",
    "contradicting",
    "cut",
    "index_content",
    "index_name",
]

#: How tensors can be put into files, and what is said of it.
LAYOUTS = {
    "huggingface": "whole tensors, with an index where there are several files",
    "dcp": "rectangles of the tensors of a state dict, which torch.distributed.checkpoint joins",
}


@dataclass(frozen=True)
class Layout:
    """How tensors are put into files.

    Parameters
    ----------
    name : str
        One of `LAYOUTS`: "huggingface" keeps each tensor in one file, "dcp" cuts those that are larger than
        a file may be.
    shard_size : int or None
        Most bytes of tensors in one file; None puts everything into one.

    Raises
    ------
    SpecError
        If there is no such layout, or the size is not positive.
    """

    name: str = "huggingface"
    shard_size: int | None = None

    def __post_init__(self) -> None:
        if self.name not in LAYOUTS:
            raise SpecError(f"layout must be one of {', '.join(LAYOUTS)}; got {self.name!r}")
        if self.shard_size is not None and self.shard_size < 1:
            raise SpecError(
                f"shard_size must be at least 1 byte; got {self.shard_size}. Leave it out for one file"
            )

    @property
    def is_cut(self) -> bool:
        """Whether tensors may be cut into rectangles."""
        return self.name == "dcp"


#: Whole tensors, all in one file.
HUGGINGFACE = Layout()


@dataclass(frozen=True)
class Slab:
    """What one file holds of a tensor: all of it, or a rectangle that is one range of its bytes."""

    draft: Draft
    start: Shape
    shape: Shape

    @property
    def nbytes(self) -> int:
        """Bytes of the rectangle."""
        return prod(self.shape) * ITEMSIZE[self.draft.dtype]


@dataclass(frozen=True)
class Shard:
    """One file: its header, and what it holds of tensors in the order of their bytes."""

    name: str
    header: bytes
    slabs: tuple[Slab, ...]
    tensors: Mapping[str, TensorInfo]

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The tensors of which it holds something."""
        return tuple(slab.draft for slab in self.slabs)

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return len(self.header) + sum(slab.nbytes for slab in self.slabs)


def cut(
    drafts: Sequence[Draft],
    stem: str,
    layout: Layout = HUGGINGFACE,
    counts: Sequence[int] | None = None,
) -> list[Shard]:
    """Put drafts, in order, into files as a layout says, or into files of these numbers of whole tensors.

    Whole tensors: one that is larger than a file may be has a file of its own. One file is
    ``stem.safetensors``; several are ``stem-00001-of-0000N.safetensors``, as transformers names them.

    Rectangles: no file has more bytes of tensors than the layout says. Files are named and marked as torch's
    `HuggingFaceStorageWriter` does it for ranks that save what they hold.

    Raises
    ------
    SpecError
        If a file has no room for one element.
    """
    slabs = [slab for draft in drafts for slab in _slabs(draft, layout)]
    if counts is None or layout.is_cut:
        parts: list[Sequence[Slab]] = [*_divided(slabs, layout.shard_size)]
    else:
        ends = list(accumulate(counts))
        parts = [slabs[end - count : end] for count, end in zip(counts, ends, strict=True)]
    numbered = enumerate(parts, 1)
    if layout.is_cut:
        return [
            _shard(f"shard-{number:05d}-{stem}-00001-of-00001.safetensors", part, layout)
            for number, part in numbered
        ]
    count = len(parts)
    return [
        _shard(
            f"{stem}.safetensors" if count == 1 else f"{stem}-{number:05d}-of-{count:05d}.safetensors",
            part,
            layout,
        )
        for number, part in numbered
    ]


def _slabs(draft: Draft, layout: Layout) -> Iterator[Slab]:
    if not layout.is_cut or layout.shard_size is None or draft.nbytes <= layout.shard_size:
        yield Slab(draft, (0,) * len(draft.shape), draft.shape)
        return
    itemsize = ITEMSIZE[draft.dtype]
    if itemsize > layout.shard_size:
        raise SpecError(
            f"shard_size must hold an element of tensor '{draft.name}', {itemsize} bytes; "
            f"got {layout.shard_size}. Make it larger"
        )
    for window, shape in contiguous_blocks(draft.shape, layout.shard_size // itemsize):
        yield Slab(draft, window.start, shape)


def _divided(slabs: Iterable[Slab], shard_size: int | None) -> list[list[Slab]]:
    # neighbours of one tensor never share a file: a rectangle and one row more would not fit into it
    parts: list[list[Slab]] = [[]]
    room = shard_size
    for slab in slabs:
        if room is not None and shard_size is not None:
            if slab.nbytes > room and parts[-1]:
                parts.append([])
                room = shard_size
            room -= slab.nbytes
        parts[-1].append(slab)
    return parts


def _shard(name: str, slabs: Sequence[Slab], layout: Layout) -> Shard:
    by_name = {slab.draft.name: slab for slab in slabs}
    assert len(by_name) == len(slabs), "a file holds one rectangle of a tensor"
    ordered = storage_order((each, slab.draft.dtype, slab.shape) for each, slab in by_name.items())
    ours = tuple(by_name[tensor] for tensor, _, _ in ordered)
    header, tensors = build_header(ordered, _sharding(ours) if layout.is_cut else None)
    return Shard(name, header, ours, tensors)


def _sharding(slabs: Iterable[Slab]) -> dict[str, str]:
    """Return the metadata by which torch's `HuggingFaceStorageReader` knows where rectangles belong.

    Source: torch/distributed/checkpoint/_hf_utils.py and filesystem.py, version 1.0 of the format.
    """
    places = {slab.draft.name: {"saved_offsets": list(slab.start)} for slab in slabs}
    return {
        "DCP_SHARDING_INFO": json.dumps(places, ensure_ascii=False),
        "DCP_VERSION": "1.0",
        "format": "pt",
    }


def index_name(stem: str) -> str:
    """Return the name of the index beside the shards."""
    return f"{stem}.safetensors.index.json"


def index_content(shards: Iterable[Shard]) -> bytes:
    """Return the index that tells loaders which shard holds which tensor."""
    weight_map = {draft.name: shard.name for shard in shards for draft in shard.drafts}
    total = sum(draft.nbytes for shard in shards for draft in shard.drafts)
    content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def contradicting(existing: Iterable[str], stem: str, names: Iterable[str]) -> list[str]:
    """Return the files of an earlier checkpoint that loaders would read as part of the new one."""
    name = re.escape(stem)
    whole = rf"{name}(-\d{{5}}-of-\d{{5}})?\.safetensors(\.index\.json)?"
    shard = re.compile(rf"{whole}|shard-\d{{5}}-{name}-\d{{5}}-of-\d{{5}}\.safetensors")
    kept = set(names)
    return sorted(name for name in existing if shard.fullmatch(name) and name not in kept)
