"""The race on disk: a checkpoint drawn and written, against the same number of bytes merely written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import pyinit as pi

from ...checkpoint.checkpoint import write_checkpoint
from .answer import AnswerError
from .contender import Job, Place, Trial
from .engine import KEY

_LAYER = (1024, 4096)
_CHUNK_BYTES = 8 << 20
_MIB = 1 << 20

# A process of its own: nothing that the benchmark holds may hide the peak. Linux keeps it as VmHWM.
_PEAK_SCRIPT = """
import sys
import pyinit as pi
from pyinit import write_checkpoint
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
spec = {f"layer.{i}": (int(sys.argv[3]), int(sys.argv[4])) for i in range(int(sys.argv[2]))}
before = peak()
write_checkpoint(spec, pi.normal(), key=pi.key(0), path=sys.argv[1])
print(peak() - before)
"""


class Written:
    """A file that lasts as long as this object: the clock has stopped when it is removed."""

    def __init__(self, directory: Path) -> None:
        handle, name = tempfile.mkstemp(suffix=".safetensors", dir=directory)
        os.close(handle)
        self.path = Path(name)
        self.path.unlink()

    def __del__(self) -> None:
        self.path.unlink(missing_ok=True)


def _spec(job: Job) -> dict[str, tuple[int, int]]:
    rows, columns = _LAYER
    return {f"layer.{index}": _LAYER for index in range(max(1, job.elements // (rows * columns)))}


def _bytes(job: Job) -> int:
    return len(_spec(job)) * _LAYER[0] * _LAYER[1] * 4


def peak_bytes(job: Job, directory: Path) -> int | None:
    """Return how far writing the job's checkpoint lifts the peak above the imported interpreter."""
    if not Path("/proc/self/status").exists():
        return None
    scratch = Written(directory)
    arguments = [str(scratch.path), str(len(_spec(job))), *map(str, _LAYER)]
    done = subprocess.run(
        [sys.executable, "-c", _PEAK_SCRIPT, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=directory,
    )
    return int(done.stdout)


class CheckpointWriter:
    """`pyinit.write_checkpoint` of float32 normals, layers of 16 MiB."""

    name = "pyinit"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial that writes into the directory `place`."""
        if not isinstance(place, Path):
            return None
        spec = _spec(job)
        notes: dict[str, float] = {}

        def step() -> Written:
            scratch = Written(place)
            write_checkpoint(spec, pi.normal(), key=KEY, path=scratch.path, threads=job.threads or None)
            return scratch

        def check(made: Written) -> None:
            with made.path.open("rb") as file:
                header_bytes = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(header_bytes))
                name = list(spec)[-1]
                begin, end = header[name]["data_offsets"]
                file.seek(8 + header_bytes + begin)
                values = np.frombuffer(file.read(end - begin), "<f4").reshape(_LAYER)
            if not np.array_equal(values, pi.normal()(_LAYER, key=KEY.fold_in(name))):
                raise AnswerError(f"write_checkpoint: {name} needs the recipe's bits; got others.")
            peak = peak_bytes(job, place)
            if peak is not None:
                notes["peak_mib"] = round(peak / _MIB, 1)

        return Trial(step, check, notes=notes)


class PlainWriter:
    """The same number of bytes from one buffer, written in order, synced and renamed."""

    name = "plain write"
    isa = None

    def start(self, job: Job, place: Place) -> Trial | None:
        """Return a trial that writes into the directory `place`."""
        if not isinstance(place, Path):
            return None
        size = _bytes(job)
        chunk = np.random.Generator(np.random.SFC64(1)).bytes(_CHUNK_BYTES)

        def step() -> Written:
            scratch = Written(place)
            partial = scratch.path.with_suffix(".partial")
            with partial.open("wb", buffering=0) as file:
                for start in range(0, size, _CHUNK_BYTES):
                    file.write(chunk[: size - start])
                os.fsync(file.fileno())
            partial.replace(scratch.path)
            return scratch

        def check(made: Written) -> None:
            if made.path.stat().st_size != size:
                raise AnswerError(f"plain write: needs {size} bytes; got {made.path.stat().st_size}.")

        return Trial(step, check)
