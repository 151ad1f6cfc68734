"""Which files a part writes, and which part a process is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyinit.checkpoint.parts import WHOLE, Part, assigned, part_of_environment
from pyinit.errors import ArgumentError


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 12))
def test_each_file_has_one_part_and_parts_are_balanced(sizes: list[int], count: int) -> None:
    parts = [assigned(sizes, Part(index, count)) for index in range(count)]
    assert sorted(file for part in parts for file in part) == list(range(len(sizes)))
    loads = [sum(sizes[file] for file in part) for part in parts]
    assert max(loads) - min(loads) <= max(sizes)
    # where there are fewer files than parts, the first parts have one each
    assert [bool(part) for part in parts] == [index < len(sizes) for index in range(count)]
    assert assigned(sizes, WHOLE) == tuple(range(len(sizes)))


@pytest.mark.parametrize(("text", "part"), [("0/1", WHOLE), ("3/4", Part(3, 4)), (" 7 / 16 ", Part(7, 16))])
def test_parts_are_read(text: str, part: Part) -> None:
    assert Part.read(text) == part
    assert Part.read(str(part)) == part


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4/4", "a part i/n counts from 0: 0/4 to 3/4; got 4/4"),
        ("0/0", "a part i/n counts from 0: 0/1; got 0/0"),
        ("-1/4", "a part is i/n, such as 0/4 for the first of four; got '-1/4'"),
        ("1", "a part is i/n, such as 0/4"),
        ("one/two", "a part is i/n, such as 0/4"),
    ],
)
def test_parts_that_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Part.read(text)


SLURM = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}
ARRAY = {
    "SLURM_ARRAY_TASK_ID": "7",
    "SLURM_ARRAY_TASK_MIN": "5",
    "SLURM_ARRAY_TASK_MAX": "8",
    "SLURM_ARRAY_TASK_COUNT": "4",
}


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8"}, Part(3, 8)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, Part(1, 2)),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, Part(0, 2)),
        ({"JAX_PROCESS_ID": "5", "JAX_NUM_PROCESSES": "6"}, Part(5, 6)),
        (SLURM, Part(2, 4)),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": "3"}, Part(2, 3)),
        (ARRAY, Part(2, 4)),
        ({**ARRAY, "SLURM_ARRAY_TASK_MAX": "11", "SLURM_ARRAY_TASK_STEP": "2"}, Part(1, 4)),
        # an array of steps: the tasks of one element come one after the other
        ({**ARRAY, **SLURM}, Part(10, 16)),
        # torchrun within a step: the innermost launcher counts
        ({**SLURM, "RANK": "6", "WORLD_SIZE": "8"}, Part(6, 8)),
        # Slurm sets the number of tasks in a script that is no task
        ({**ARRAY, "SLURM_NTASKS": "4"}, Part(2, 4)),
    ],
)
def test_launchers_say_which_part(environment: dict[str, str], part: Part) -> None:
    assert part_of_environment(environment) == part


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "--part auto needs a variable of a launcher, one of SLURM_ARRAY_TASK_ID, RANK"),
        ({"SLURM_NTASKS": "4"}, "none is set"),
        ({"RANK": "1"}, "torchrun set RANK=1, but not WORLD_SIZE; give --part i/n"),
        ({"SLURM_PROCID": "1"}, "but not SLURM_STEP_NUM_TASKS or SLURM_NTASKS"),
        ({"RANK": "4", "WORLD_SIZE": "4"}, "counts from 0: 0/4 to 3/4; got 4/4"),
        ({"RANK": "x", "WORLD_SIZE": "4"}, "RANK must be a number to be used by --part auto; got 'x'"),
        ({"SLURM_ARRAY_TASK_ID": "1"}, "but not SLURM_ARRAY_TASK_MIN"),
        # --array=5,6,8,20 says neither which numbers there are nor which comes when
        ({**ARRAY, "SLURM_ARRAY_TASK_MAX": "20"}, r"evenly spaced numbers, such as --array=0-3; got 4 tasks"),
        ({**ARRAY, "SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_STEP": "2"}, "evenly spaced"),
    ],
)
def test_half_of_a_launcher_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        part_of_environment(environment)


def test_the_environment_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert part_of_environment() == Part(1, 2)
