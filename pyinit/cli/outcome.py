"""What ``pyinit init`` will do, or has done: as lines for people, as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..checkpoint.parts import WHOLE, Part, assigned
from ..checkpoint.plan import CheckpointPlan
from ..checkpoint.shards import Shard
from ..checkpoint.sizes import readable_size
from ..stream.strict_json import finite
from .meter import peak_memory

__all__ = ["Outcome", "as_json", "foreseen", "table"]


def as_json(content: Any) -> str:
    """Return `content` as lines of JSON, which has no number for an infinity: it becomes "inf"."""
    return json.dumps(finite(content), indent=1, allow_nan=False)


def table(plan: CheckpointPlan, part: Part | None) -> Iterator[str]:
    """Yield the lines of a dry run: every tensor, the files where there are several, and the sum."""
    yield from plan.blueprint.table()
    files = _files(plan, part)
    if len(files) > 1 or part is not None:
        for file in files:
            line = f"{file['name']}  {readable_size(file['bytes'])}  {file['tensors']} tensors  "
            yield line + f"{file['extents']} extents" + (f"  part {part}" if part and file["is_mine"] else "")
    yield f"{plan.blueprint.spec.source}: {_amount(plan)}"


def foreseen(plan: CheckpointPlan, part: Part | None) -> dict[str, Any]:
    """Return the same as JSON-able data: of each tensor what the receipt will say of it."""
    model = plan.blueprint.spec
    return {
        "source": model.source,
        "parameters": model.parameters,
        "bytes": model.nbytes,
        "files": _files(plan, part),
        "tensors": {draft.name: draft.to_dict() for draft in plan.blueprint.drafts},
        "ties": dict(model.ties),
    }


def _files(plan: CheckpointPlan, part: Part | None) -> list[dict[str, Any]]:
    mine = assigned([shard.nbytes for shard in plan.shards], part or WHOLE)
    return [
        {
            "name": shard.name,
            "bytes": shard.nbytes,
            "tensors": len(shard.drafts),
            "extents": sum(extent.file == file for extent in plan.extents),
            "is_mine": file in mine,
        }
        for file, shard in enumerate(plan.shards)
    ]


def _amount(plan: CheckpointPlan) -> str:
    model = plan.blueprint.spec
    return f"{len(model.tensors)} tensors, {model.parameters} parameters, {readable_size(model.nbytes)}"


@dataclass(frozen=True)
class Outcome:
    """What a run did of a plan.

    Parameters
    ----------
    plan : CheckpointPlan
    part : Part or None
        None for the whole.
    is_complete : bool
        Whether the checkpoint is.
    has_finished : bool
        Whether the run was there to complete what others had written.
    seconds : float or None
        None where nothing was written.
    nbytes_before : int
        Bytes that an earlier run had written.
    uses_engine : bool
        Whether other processes wrote.
    """

    plan: CheckpointPlan
    part: Part | None
    is_complete: bool = False
    has_finished: bool = False
    seconds: float | None = None
    nbytes_before: int = 0
    uses_engine: bool = False

    @property
    def files(self) -> list[Shard]:
        """The files of the part."""
        shards = self.plan.shards
        return [shards[file] for file in assigned([shard.nbytes for shard in shards], self.part or WHOLE)]

    @property
    def nbytes(self) -> int:
        """Bytes of these files."""
        return sum(shard.nbytes for shard in self.files)

    @property
    def amount(self) -> str:
        """What the run has to write, in words."""
        if self.part is None:
            return _amount(self.plan)
        files = f"{len(self.files)} of {len(self.plan.shards)} files"
        return f"part {self.part}, {files}, {readable_size(self.nbytes)}"

    def lines(self) -> Iterator[str]:
        """Yield what a person is told."""
        path, files = self.plan.path, self.files
        if self.has_finished:
            amount = f"{len(self.plan.shards)} files, {readable_size(self.nbytes)}"
            yield f"all parts are there: {amount} in {path}"
        elif self.seconds is not None:
            names = ", ".join(shard.name for shard in files[:3]) + (", ..." if len(files) > 3 else "")
            yield f"wrote {names} in {path}: {self.amount}"
            if self.nbytes_before:
                yield f"{readable_size(self.nbytes_before)} of it were there already"
            yield self._speed(self.seconds)
            if self.part is not None and self.is_complete:
                yield "all parts are there: the checkpoint is complete"
            elif self.part is not None:
                yield "other parts are missing: the last one, or --finish, completes the checkpoint"
        elif self.is_complete:
            yield f"nothing to do: the checkpoint in {path} is complete"
        else:
            count = len(self.plan.shards)
            yield f"nothing to do for part {self.part}: the checkpoint has {count} file{'s' * (count > 1)}"

    def _speed(self, seconds: float) -> str:
        new = self.nbytes - self.nbytes_before
        elements = sum(math.prod(slab.shape) for shard in self.files for slab in shard.slabs)
        rate = elements * new / self.nbytes / seconds / 1e9
        memory = f"peak memory{' of this process' * self.uses_engine} {readable_size(peak_memory())}"
        return f"{seconds:.2f} s, {new / seconds / 1e9:.2f} GB/s, {rate:.3f} Gparam/s, {memory}"

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON-able data."""
        model = self.plan.blueprint.spec
        return {
            "source": model.source,
            "path": str(self.plan.path),
            "part": None if self.part is None else str(self.part),
            "files": [{"name": shard.name, "bytes": shard.nbytes} for shard in self.files],
            "tensors": len(model.tensors),
            "parameters": model.parameters,
            "bytes": self.nbytes,
            "bytes_before": self.nbytes_before,
            "seconds": self.seconds,
            "peak_memory": peak_memory(),
            "is_complete": self.is_complete,
        }
