"""The log of one writer, a file that only grows, by whole lines.

- ``17 (9 0.5 0.1) 1a2b3c4d``: extent 17 is durable, with this CRC-32 (or ``-``) and, of floating numbers, how
  many are finite, their mean, and their sum of squares about it; no part of the line is one itself;
- ``named 2``: the file at place 2 of the plan's names is about to get its final name;
- ``again 2``: that file was begun again; earlier lines about it no longer count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .digest import Digest
from .found import Found
from .plan import CheckpointPlan

__all__ = ["Known", "extents_of", "line_of", "read_log"]

_LINE = re.compile(r"(\d+) (?:\((\d+) (\S+) (\S+)\) )?([0-9a-f]{8}|-)|(named|again) (\d+)")


@dataclass
class Known:
    """What the logs say: the extents that are durable with their digest, and the files with final names."""

    done: dict[int, Digest | None] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)


def line_of(index: int, digest: Digest | None) -> str:
    """Return the line of an extent that is durable."""
    if digest is None:
        return f"{index} -"
    found = digest.found
    moments = "" if found is None else f"({found.count} {found.mean!r} {found.m2!r}) "
    return f"{index} {moments}{digest.crc32:08x}"


def read_log(path: Path, plan: CheckpointPlan) -> Known:
    """Return what a log says about the extents and files of a plan."""
    known = Known()
    # what follows the last end of a line was torn
    for line in path.read_bytes().decode("ascii", "replace").split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        if match[1] is not None:
            if int(match[1]) < len(plan.extents):
                known.done[int(match[1])] = _digest(match, plan)
        elif match[6] == "named":
            known.named.add(int(match[7]))
        else:
            known.named.discard(int(match[7]))
            for index in extents_of(known, plan, int(match[7])):
                del known.done[index]
    return known


def extents_of(known: Known, plan: CheckpointPlan, place: int) -> list[int]:
    """Return the extents that are known of the file at a place of the plan's names."""
    file = place - len(plan.first)
    return [index for index in known.done if plan.extents[index].file == file]


def _digest(match: re.Match[str], plan: CheckpointPlan) -> Digest | None:
    if match[5] == "-":
        return None
    found = None if match[2] is None else Found(int(match[2]), float(match[3]), float(match[4]))
    return Digest(int(match[5], 16), plan.extents[int(match[1])].nbytes, found)
