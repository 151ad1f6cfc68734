"""``init.json``: what is needed to make the same bytes again, and to check that they are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..recipes.matching import effective
from ..stream.key import STREAM_VERSION
from ..stream.release import version
from ..stream.strict_json import finite
from .blueprint import Blueprint
from .shards import Shard

__all__ = ["Receipt"]


@dataclass(frozen=True)
class Receipt:
    """The files of a checkpoint and the numbers that made them.

    Parameters
    ----------
    blueprint : Blueprint
        What was decided beforehand.
    shards : tuple of Shard
        The files.
    crc32 : mapping of str to int
        Checksum of each tensor's bytes, where it was requested.
    plan : str
        The fingerprint of the plan.
    """

    blueprint: Blueprint
    shards: tuple[Shard, ...]
    crc32: Mapping[str, int]
    plan: str

    @property
    def nbytes(self) -> int:
        """Bytes of the safetensors files, headers included."""
        return sum(shard.nbytes for shard in self.shards)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of init.json; it depends on nothing but the arguments."""
        spec, key = self.blueprint.spec, self.blueprint.key
        return {
            "pyinit": version(),
            "stream_version": STREAM_VERSION,
            "plan": self.plan,
            "key": [key.seed, key.offset],
            "spec": spec.source,
            "parameters": spec.parameters,
            "bytes": spec.nbytes,
            "dtype": _only({tensor.dtype for tensor in spec.tensors if tensor.is_float}),
            "rules": [
                rule.to_dict()
                for rule in effective(
                    self.blueprint.rules, ((tensor.name, tensor.is_kernel) for tensor in spec.tensors)
                )
            ],
            "ties": dict(spec.ties),
            "files": {shard.name: shard.nbytes for shard in self.shards},
            "tensors": dict(self._tensors()),
        }

    def _tensors(self) -> Iterator[tuple[str, dict[str, Any]]]:
        file_of = {draft.name: shard.name for shard in self.shards for draft in shard.drafts}
        for draft in self.blueprint.drafts:
            entry = {"file": file_of[draft.name], **draft.to_dict()}
            if draft.name in self.crc32:
                entry["crc32"] = f"{self.crc32[draft.name]:08x}"
            yield draft.name, entry

    def to_json(self) -> str:
        """Return init.json as text."""
        return json.dumps(finite(self.to_dict()), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
