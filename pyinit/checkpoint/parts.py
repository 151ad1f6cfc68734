"""Which files each of several processes writes, and which of them a process is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from ..errors import ArgumentError

__all__ = ["WHOLE", "Part", "assigned", "part_of_environment"]


@dataclass(frozen=True)
class Part:
    """Process `index` of `count`, counted from 0 as ranks are.

    Raises
    ------
    ArgumentError
        If the index is not one of the count.

    Examples
    --------
    >>> from pyinit.checkpoint.parts import Part
    >>> print(Part.read("2/16"))
    2/16
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            last = f"0/{self.count} to {self.count - 1}/{self.count}" if self.count > 0 else "0/1"
            raise ArgumentError(f"a part i/n counts from 0: {last}; got {self.index}/{self.count}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def read(cls, text: str) -> Part:
        """Return the part that a text such as "2/16" names."""
        match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if match is None:
            raise ArgumentError(f"a part is i/n, such as 0/4 for the first of four; got '{text}'")
        return cls(int(match[1]), int(match[2]))


#: All files by one process.
WHOLE = Part(0, 1)


def assigned(sizes: Sequence[int], part: Part) -> tuple[int, ...]:
    """Return the numbers of the files, given by their bytes, that a part writes.

    Each file has one part. The largest file goes first, each to the part with the fewest bytes so far; so
    parts differ by at most one file's bytes, and where there are fewer files than parts, the later parts have
    none.

    Examples
    --------
    >>> from pyinit.checkpoint.parts import Part, assigned
    >>> [assigned([5, 5, 5, 2], Part(i, 3)) for i in range(3)]
    [(0, 3), (1,), (2,)]
    """
    loads = [(0, number) for number in range(min(part.count, len(sizes)))]
    heapify(loads)
    mine = []
    for file in sorted(range(len(sizes)), key=lambda file: (-sizes[file], file)):
        load, number = heappop(loads)
        if number == part.index:
            mine.append(file)
        heappush(loads, (load + sizes[file], number))
    return tuple(sorted(mine))


#: The pairs of variables (index, count) of launchers, the innermost first: torchrun or MPI may run in Slurm.
_LAUNCHERS = (
    ("torchrun", "RANK", ("WORLD_SIZE",)),
    ("Open MPI", "OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE",)),
    ("PMI", "PMI_RANK", ("PMI_SIZE",)),
    ("JAX", "JAX_PROCESS_ID", ("JAX_NUM_PROCESSES",)),
    ("Slurm", "SLURM_PROCID", ("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS")),
)


def part_of_environment(environment: Mapping[str, str] | None = None) -> Part:
    """Return the part that the launcher of this process says it is.

    It reads the variables of torchrun, Open MPI, PMI (MPICH and others), JAX and Slurm's steps, in this
    order. A Slurm array counts around them: its task i, if each has n processes, is parts i n to i n + n - 1.

    Parameters
    ----------
    environment : mapping of str to str, optional
        By default that of the process.

    Raises
    ------
    ArgumentError
        If no launcher says so, or it says half of it.

    Examples
    --------
    >>> from pyinit.checkpoint.parts import part_of_environment
    >>> part_of_environment({"RANK": "3", "WORLD_SIZE": "8"})
    Part(index=3, count=8)
    """
    given = os.environ if environment is None else environment
    inner = next((part for each in _LAUNCHERS if (part := _launched(given, *each)) is not None), None)
    outer = _array(given)
    if inner is None and outer is None:
        names = ", ".join(("SLURM_ARRAY_TASK_ID", *(index for _, index, _ in _LAUNCHERS)))
        raise ArgumentError(
            f"--part auto needs a variable of a launcher, one of {names}; none is set. Give --part i/n"
        )
    inner, outer = inner or WHOLE, outer or WHOLE
    return Part(outer.index * inner.count + inner.index, outer.count * inner.count)


def _launched(given: Mapping[str, str], launcher: str, index: str, counts: tuple[str, ...]) -> Part | None:
    count = next((name for name in counts if name in given), None)
    if index not in given:
        # Slurm sets the number of tasks in scripts that are no task, too
        return None
    if count is None:
        raise ArgumentError(
            f"{launcher} set {index}={given[index]}, but not {' or '.join(counts)}; give --part i/n"
        )
    return Part(_number(given, index), _number(given, count))


def _array(given: Mapping[str, str]) -> Part | None:
    if "SLURM_ARRAY_TASK_ID" not in given:
        return None
    for name in ("SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"):
        if name not in given:
            raise ArgumentError(f"Slurm set SLURM_ARRAY_TASK_ID, but not {name}; give --part i/n")
    first, count = _number(given, "SLURM_ARRAY_TASK_MIN"), _number(given, "SLURM_ARRAY_TASK_COUNT")
    step = _number(given, "SLURM_ARRAY_TASK_STEP") if "SLURM_ARRAY_TASK_STEP" in given else 1
    last = (
        _number(given, "SLURM_ARRAY_TASK_MAX")
        if "SLURM_ARRAY_TASK_MAX" in given
        else first + (count - 1) * step
    )
    distance = _number(given, "SLURM_ARRAY_TASK_ID") - first
    if step < 1 or last != first + (count - 1) * step or distance % step:
        raise ArgumentError(
            f"--part auto needs an array of evenly spaced numbers, such as --array=0-{max(count - 1, 0)}; "
            f"got {count} tasks from {first} to {last}. Give --part i/n"
        )
    return Part(distance // step, count)


def _number(given: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d+", given[name]):
        raise ArgumentError(f"{name} must be a number to be used by --part auto; got '{given[name]}'")
    return int(given[name])
