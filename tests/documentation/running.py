"""Run the blocks of a page one after the other, in one namespace and one directory, as a reader would."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyinit

from .blocks import Block

__all__ = ["environment", "run"]

# Stand-ins for `srun -n N` and `torchrun --nproc-per-node N`, which start all ranks and fail if one does.
_LAUNCHER = """#!{python}
import os, socket, subprocess, sys
_, count, *command = sys.argv[1:]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = str(free.getsockname()[1])
ranks = [
    subprocess.Popen({before} + command, env=os.environ | {{
        {rank!r}: str(rank), {size!r}: count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
    }})
    for rank in range(int(count))
]
sys.exit(max(rank.wait() for rank in ranks))
"""


def environment(place: Path) -> dict[str, str]:
    """Return an environment in which `pyinit`, `python`, `srun` and `torchrun` are programs."""
    programs = place / "bin"
    programs.mkdir()
    for name, text in {
        "pyinit": f'#!/bin/sh\nexec {sys.executable} -m pyinit "$@"\n',
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        "srun": _launcher("[]", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
        "torchrun": _launcher("[sys.executable]", "RANK", "WORLD_SIZE"),
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    # the package under test, wherever a program is started
    source = str(Path(pyinit.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
    found = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": paths,
        "OMP_NUM_THREADS": "1",
    }
    return os.environ | found


def _launcher(before: str, rank: str, size: str) -> str:
    return _LAUNCHER.format(python=sys.executable, before=before, rank=rank, size=size)


def run(blocks: list[Block], path: str, place: Path, names: dict[str, Any] | None = None) -> dict[str, Any]:
    """Run blocks in a directory; an assertion fails where one of them does. Return the namespace."""
    names = {"__name__": "__main__"} if names is None else names
    programs = environment(place)
    work = place / "work"
    work.mkdir()
    before = Path.cwd()
    os.chdir(work)
    try:
        for block in blocks:
            if block.file is not None:
                (work / block.file).parent.mkdir(parents=True, exist_ok=True)
                (work / block.file).write_text(block.text, encoding="utf-8")
            elif block.unrun is None:
                _RUN[block.language](block, path, names, programs)
    finally:
        os.chdir(before)
    return names


def _python(block: Block, path: str, names: dict[str, Any], programs: dict[str, str]) -> None:
    if ">>> " in block.text:
        test = doctest.DocTestParser().get_doctest(block.text, names, path, path, block.line - 1)
        said: list[str] = []
        runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
        runner.run(test, out=said.append, clear_globs=False)
        names.update(test.globs)
        assert not said, "".join(said)
    else:
        # the lines of a traceback are those of the page
        exec(compile("\n" * (block.line - 1) + block.text, path, "exec"), names)


def _bash(block: Block, path: str, names: dict[str, Any], programs: dict[str, str]) -> None:
    # no page may fill a disk
    script = "set -euo pipefail\nulimit -f 65536\n" + block.text
    done = subprocess.run(
        ["bash", "-c", script], env=programs, capture_output=True, text=True, timeout=300, check=False
    )
    where = f"{path}:{block.line}"
    assert done.returncode == 0, f"{where} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    names["printed"] = done.stdout


def _shown(block: Block, path: str, names: dict[str, Any], programs: dict[str, str]) -> None:
    """Do nothing: a text is to be read."""


_RUN = {"python": _python, "bash": _bash, "text": _shown, "json": _shown, "cython": _shown}
