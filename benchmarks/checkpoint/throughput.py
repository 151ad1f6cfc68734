"""A checkpoint against what its place allows: `python benchmarks/checkpoint/throughput.py [FOLDER]`.

Three take turns in one folder, with one file of the same size and one fsync at its end: `write_checkpoint` of
float32 normals; a plain sequential write from one warm buffer; and, where files are memory, the fills alone
into a fresh mapping of a new file. Before the clock starts the checkpoint's bytes are compared with those of
the fills, and the sizes with one another. Prints medians of wall and processor seconds, and beside them what
is promised: 85 % of the plain write's rate, and in memory 80 % of the rate of the fills.
"""

from __future__ import annotations

import argparse
import mmap
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pyinit as pi
from pyinit.checkpoint.mounts import is_in_memory
from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.machine import describe
from pyinit.stream.safetensors import read_header

_LAYER = (4096, 2048)
_LAYER_BYTES = _LAYER[0] * _LAYER[1] * 4
_CHUNK_BYTES = 4 << 20
_RECIPE = pi.normal(std=0.02)


def spec(layers: int) -> dict[str, tuple[int, int]]:
    """Return the shapes of a model of so many layers of 32 MiB."""
    return {f"layer.{number}.weight": _LAYER for number in range(layers)}


def checkpoint(layers: int, path: Path) -> None:
    """Draw and write a checkpoint."""
    pi.write_checkpoint(spec(layers), _RECIPE, key=0, path=path, digest=False)


def plain(chunk: memoryview, nbytes: int, path: Path) -> None:
    """Write a warm buffer again and again, wait until it is durable, and name the file."""
    partial = path.with_suffix(".partial")
    with partial.open("wb", buffering=0) as file:
        for start in range(0, nbytes, len(chunk)):
            file.write(chunk[: nbytes - start])
        os.fsync(file.fileno())
    partial.replace(path)


def fills(layers: int, path: Path) -> None:
    """Fill the layers in a new mapping of a new file, and wait until it is durable."""
    with path.open("w+b") as file:
        file.truncate(layers * _LAYER_BYTES)
        with mmap.mmap(file.fileno(), 0) as mapping:
            values = np.frombuffer(mapping, np.float32).reshape(layers, *_LAYER)
            for number, name in enumerate(spec(layers)):
                pi.fill(values[number], _RECIPE, key=pi.key(0).fold_in(name))
            del values
        os.fsync(file.fileno())


def timed(step: Callable[[Path], None], path: Path) -> tuple[float, float]:
    """Return wall and processor seconds of a step that makes a file, and remove the file."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    step(path)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    for left in path.parent.iterdir():
        left.unlink()
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check(layers: int, folder: Path) -> int:
    """Raise AnswerError unless the checkpoint has the bytes of the fills; return the size of its file."""
    made, filled = folder / "made.safetensors", folder / "filled"
    checkpoint(layers, made)
    fills(layers, filled)
    data = np.memmap(made, np.uint8, "r")
    values = np.memmap(filled, np.uint8, "r").reshape(layers, _LAYER_BYTES)
    for name, info in read_header(made).tensors.items():
        if not np.array_equal(data[info.start : info.stop], values[int(name.split(".")[1])]):
            raise AnswerError(f"{name} of the checkpoint differs from the fill")
    nbytes = made.stat().st_size
    plain(memoryview(bytes(_CHUNK_BYTES)), nbytes, folder / "plain")
    if (folder / "plain").stat().st_size != nbytes:
        raise AnswerError("the plain write has another size than the checkpoint")
    del data, values
    for left in folder.iterdir():
        left.unlink()
    return nbytes


def main(where: str, mebibytes: int, rounds: int) -> None:
    """Let all take turns, and print the table."""
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    layers = max(mebibytes * (1 << 20) // _LAYER_BYTES, 1)
    with tempfile.TemporaryDirectory(dir=where) as scratch:
        folder = Path(scratch)
        nbytes = check(layers, folder)
        chunk = memoryview(_RECIPE((_CHUNK_BYTES // 4,), key=0)).cast("B")
        ways: dict[str, Callable[[Path], None]] = {
            "write_checkpoint": lambda path: checkpoint(layers, path),
            "plain write": lambda path: plain(chunk, nbytes, path),
        }
        if is_in_memory(folder):
            ways["fills alone"] = lambda path: fills(layers, path)
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, step in ways.items():
                found[way].append(timed(step, folder / "model.safetensors"))
    print(f"{nbytes / 1e9:.2f} GB in {where}, {rounds} rounds, medians{'':6}wall s  processor s   GB/s")
    for way, times in found.items():
        wall, used = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{way:44}{wall:8.2f}{used:13.2f}{nbytes / wall / 1e9:7.2f}")
    ours = found["write_checkpoint"]
    for way, least in (("plain write", 0.85), ("fills alone", 0.80)):
        if way in found:
            pairs = list(zip(ours, found[way], strict=True))
            wall, used = (statistics.median(theirs[at] / mine[at] for mine, theirs in pairs) for at in (0, 1))
            print(f"rate / that of {way}: {wall:.0%} of wall (promised {least:.0%}), {used:.0%} of processor")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", default=".", help="where to write, such as /dev/shm")
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    main(options.folder, options.mib, options.rounds)
