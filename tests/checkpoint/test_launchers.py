"""The examples for Slurm and MPI do what they say; stand-ins set the variables of the real launchers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pyinit.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RANKS = 4

# each starts its ranks at the same time and fails if one does
_LAUNCHER = """#!{python}
import os, subprocess, sys
arguments, count = sys.argv[1:], {ranks}
while arguments and arguments[0].startswith("-"):
    arguments = arguments[2:] if arguments[0] == "-np" else arguments[1:]
ranks = [
    subprocess.Popen(arguments, env={{**os.environ, {index!r}: str(rank), {size!r}: str(count)}})
    for rank in range(count)
]
sys.exit(max(rank.wait() for rank in ranks))
"""


@pytest.fixture
def launchers(tmp_path: Path) -> dict[str, str]:
    """An environment with `srun`, `mpirun`, and the command `pyinit` of this Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    ranks = {"python": sys.executable, "ranks": RANKS}
    scripts = {
        "pyinit": f'#!/bin/sh\nexec {sys.executable} -m pyinit "$@"\n',
        "srun": _LAUNCHER.format(**ranks, index="SLURM_PROCID", size="SLURM_STEP_NUM_TASKS"),
        "mpirun": _LAUNCHER.format(**ranks, index="OMPI_COMM_WORLD_RANK", size="OMPI_COMM_WORLD_SIZE"),
    }
    for name, text in scripts.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
    others = {
        name: value
        for name, value in os.environ.items()
        if not re.match("SLURM_|OMPI_|PMI_|RANK$|WORLD_SIZE$|JAX_", name)
    }
    return {**others, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """A small model of several files."""
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"tensors": {f"layer{number}.weight": [50, 40] for number in range(9)}}))
    return [str(spec), "--recipe", "he_normal", "--seed", "7", "--shard-size", "9kB", "--threads", "1"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(example: str, arguments: list[str], environment: dict[str, str]) -> str:
    command = ["bash", str(EXAMPLES / example), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", ["slurm.sbatch", "mpirun.sh"])
def test_all_ranks_together(
    example: str, launchers: dict[str, str], options: list[str], tmp_path: Path
) -> None:
    assert main(["init", *options, "--out", str(tmp_path / "whole")]) == 0
    # Slurm also sets the number of tasks of the job
    environment = {**launchers, "SLURM_NTASKS": "99"} if example == "slurm.sbatch" else launchers
    said = run(example, [*options, "--out", str(tmp_path / "out")], environment)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert all(f"part {rank}/{RANKS}" in said for rank in range(RANKS))


def test_the_tasks_of_an_array_one_by_one(
    launchers: dict[str, str], options: list[str], tmp_path: Path
) -> None:
    assert main(["init", *options, "--out", str(tmp_path / "whole")]) == 0
    said = []
    # an array need not begin at 0
    for task in (5, 3, 4):
        numbers = {"ID": task, "COUNT": 3, "MIN": 3, "MAX": 5, "STEP": 1}
        variables = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in numbers.items()}
        arguments = [*options, "--out", str(tmp_path / "out")]
        said.append(run("slurm_array.sbatch", arguments, {**launchers, **variables}))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert ["the checkpoint is complete" in each for each in said] == [False, False, True]


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {"slurm.sbatch", "slurm_array.sbatch", "mpirun.sh"}
