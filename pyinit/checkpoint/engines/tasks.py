"""What an engine runs: groups of extents, and what all of them share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from ...errors import RecipeError
from ..contents import READERS
from ..extents import EXTENT_BYTES, Extent
from ..plan import CheckpointPlan

__all__ = ["TASK_BYTES", "Answer", "Work", "grouped", "work_of"]

#: Least bytes of a task: seconds of work, beside which it costs nothing to schedule it.
TASK_BYTES = EXTENT_BYTES

#: What a task sends back: names and numbers, which can be read whatever pyinit the worker has.
Answer = dict[str, Any]

_KIND = re.compile(r'"kind": "(\w+)"')


@dataclass(frozen=True)
class Work:
    """What all tasks of one run share, as text and names that any version of pyinit can read.

    Parameters
    ----------
    plan : str
        The plan as JSON, for an absolute path.
    mark : str
        Name of the mark that a worker must find beside the unfinished files.
    readers : tuple of str
        Modules that read the contents of the plan.
    threads : int
        Threads of a task.
    """

    plan: str
    mark: str
    readers: tuple[str, ...]
    threads: int


def work_of(plan: CheckpointPlan, threads: int) -> Work:
    """Return what the tasks of a plan share.

    Raises
    ------
    RecipeError
        If a worker could not make a tensor from the plan in JSON.
    """
    # contents name those that they are made from, too
    kinds = set(_KIND.findall(plan.text))
    for draft in plan.blueprint.drafts if kinds - READERS.keys() else ():
        for kind in _KIND.findall(json.dumps(draft.content.to_dict())):
            if kind not in READERS:
                raise RecipeError(
                    f"tensor '{draft.name}' is {kind} in this process, which workers of an engine cannot "
                    "repeat from a plan; write it without an engine, or in parts (--part)"
                )
    readers = {READERS[kind].__module__ for kind in kinds}
    path = plan.path.absolute() if isinstance(plan.path, Path) else plan.path
    text = plan.at(path).to_json()
    return Work(text, token_hex(8), tuple(sorted(readers)), threads)


def grouped(extents: Iterable[Extent], nbytes: int | None = None) -> list[list[int]]:
    """Return the numbers of extents in groups of at least `nbytes`, by default `TASK_BYTES`.

    Examples
    --------
    >>> import pyinit as pi
    >>> from pyinit.checkpoint.engines.tasks import grouped
    >>> plan = pi.plan_checkpoint({"w": (8, 4), "b": (4,)}, "normal", path="out", extent_bytes=32)
    >>> [extent.nbytes for extent in plan.extents]
    [32, 32, 32, 32, 16]
    >>> grouped(plan.extents, 40)
    [[0, 1], [2, 3], [4]]
    """
    least = TASK_BYTES if nbytes is None else nbytes
    groups: list[list[int]] = []
    held = least
    for extent in extents:
        if held >= least:
            groups.append([])
            held = 0
        groups[-1].append(extent.index)
        held += extent.nbytes
    return groups
