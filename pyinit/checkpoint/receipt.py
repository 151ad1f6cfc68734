"""``init.json``: what is needed to make the same bytes again, and to check that they are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from ..recipes.matching import effective
from ..stream.key import STREAM_VERSION
from ..stream.release import version
from ..stream.strict_json import finite
from .blueprint import Blueprint
from .digest import Digest
from .shards import HUGGINGFACE, Layout, Shard

__all__ = ["FORMAT", "Receipt", "digests_of"]

#: The number of this format.
FORMAT = 1


@dataclass(frozen=True)
class Receipt:
    """The files of a checkpoint and the numbers that made them.

    Parameters
    ----------
    blueprint : Blueprint
        What was decided beforehand.
    shards : tuple of Shard
        The files.
    digests : mapping of str to Digest
        Checksum of each tensor's bytes, mean and std of its numbers, where they were requested.
    plan : str
        The fingerprint of the plan.
    layout : Layout
        How tensors are put into files.
    texts : mapping of str to str
        Names of the small files beside them, such as config.json, and the SHA-256 of each.
    """

    blueprint: Blueprint
    shards: tuple[Shard, ...]
    digests: Mapping[str, Digest]
    plan: str
    layout: Layout = HUGGINGFACE
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def crc32(self) -> dict[str, int]:
        """Checksum of each tensor's bytes, where it was asked for."""
        return {name: digest.crc32 for name, digest in self.digests.items()}

    @property
    def nbytes(self) -> int:
        """Bytes of the safetensors files, headers included."""
        return sum(shard.nbytes for shard in self.shards)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of init.json; it depends on nothing but the arguments."""
        spec, key = self.blueprint.spec, self.blueprint.key
        return {
            "pyinit_receipt": FORMAT,
            "pyinit": version(),
            "stream_version": STREAM_VERSION,
            "plan": self.plan,
            "key": [key.seed, key.offset],
            "spec": _shown(spec.source),
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
            "layout": self.layout.name,
            **({"shard_size": self.layout.shard_size} if self.layout.is_cut else {}),
            "texts": dict(self.texts),
            "files": {shard.name: shard.nbytes for shard in self.shards},
            "tensors": dict(self._tensors()),
        }

    def _tensors(self) -> Iterator[tuple[str, dict[str, Any]]]:
        files: dict[str, list[str]] = {}
        for shard in self.shards:
            for draft in shard.drafts:
                files.setdefault(draft.name, []).append(shard.name)
        for draft in self.blueprint.drafts:
            first, *others = files[draft.name]
            # the files of a tensor follow each other
            entry = {"file": first, **({"last_file": others[-1]} if others else {}), **draft.to_dict()}
            if (digest := self.digests.get(draft.name)) is not None:
                if digest.found is not None:
                    entry["found"] = digest.found.to_dict()
                entry["crc32"] = f"{digest.crc32:08x}"
            yield draft.name, entry

    def to_json(self) -> str:
        """Return init.json as text: one line for each tensor, rule and file."""
        return "{\n" + ",\n".join(_lines(finite(self.to_dict()))) + "\n}\n"


def digests_of(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of small files, by their names, as hexadecimal digits."""
    return {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    for name, value in content.items():
        if name in ("tensors", "files") and value:
            inner = ",\n".join(f" {_json(key)}: {_json(each)}" for key, each in value.items())
            yield f"{_json(name)}: {{\n{inner}\n}}"
        elif name == "rules" and value:
            yield f"{_json(name)}: [\n" + ",\n".join(f" {_json(each)}" for each in value) + "\n]"
        else:
            yield f"{_json(name)}: {_json(value)}"


def _shown(source: str) -> str:
    """Return the name of a source; of a file without its directory, which may be spelled in many ways."""
    return source.rpartition("/")[2] if source.endswith((".json", ".safetensors")) else source


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
