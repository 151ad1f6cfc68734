"""Divides a checkpoint into files and names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ..errors import SpecError
from ..stream.safetensors import TensorInfo, build_header, storage_order
from .blueprint import Draft

__all__ = ["Shard", "contradicting", "cut", "index_content", "index_name"]


@dataclass(frozen=True)
class Shard:
    """One file: its header, and its drafts in the order of their bytes."""

    name: str
    header: bytes
    drafts: tuple[Draft, ...]
    tensors: Mapping[str, TensorInfo]

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return len(self.header) + sum(draft.nbytes for draft in self.drafts)


def cut(
    drafts: Sequence[Draft],
    stem: str,
    shard_size: int | None = None,
    counts: Sequence[int] | None = None,
) -> list[Shard]:
    """Put drafts, in order, into files of at most `shard_size` bytes, or of these numbers of tensors.

    A tensor larger than that has a file of its own. One file is ``stem.safetensors``; several are
    ``stem-00001-of-0000N.safetensors``, as transformers names them.
    """
    parts = _divided(drafts, shard_size) if counts is None else _counted(drafts, counts)
    count = len(parts)
    return [
        _shard(
            f"{stem}.safetensors" if count == 1 else f"{stem}-{number:05d}-of-{count:05d}.safetensors", part
        )
        for number, part in enumerate(parts, 1)
    ]


def _counted(drafts: Sequence[Draft], counts: Sequence[int]) -> list[Sequence[Draft]]:
    ends = list(accumulate(counts))
    return [drafts[end - count : end] for count, end in zip(counts, ends, strict=True)]


def _divided(drafts: Sequence[Draft], shard_size: int | None) -> list[list[Draft]]:
    if shard_size is not None and shard_size < 1:
        raise SpecError(f"shard_size must be at least 1 byte; got {shard_size}. Leave it out for one file")
    parts: list[list[Draft]] = [[]]
    room = shard_size
    for draft in drafts:
        if room is not None and shard_size is not None:
            if draft.nbytes > room and parts[-1]:
                parts.append([])
                room = shard_size
            room -= draft.nbytes
        parts[-1].append(draft)
    return parts


def _shard(name: str, drafts: Iterable[Draft]) -> Shard:
    by_name = {draft.name: draft for draft in drafts}
    ordered = storage_order((draft.name, draft.dtype, draft.shape) for draft in by_name.values())
    header, tensors = build_header(ordered)
    return Shard(name, header, tuple(by_name[tensor] for tensor, _, _ in ordered), tensors)


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
    shard = re.compile(re.escape(stem) + r"(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?")
    kept = set(names)
    return sorted(name for name in existing if shard.fullmatch(name) and name not in kept)
