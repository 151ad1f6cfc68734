"""Writes checkpoints in processes that are killed, and looks at what is left; test_crashes runs it.

It forks from a process that has no threads, so that a child costs a few milliseconds.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyinit as pi
from pyinit.checkpoint import naming, share, writer
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.local import LocalTarget
from pyinit.checkpoint.parts import WHOLE, Part
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint

SHAPES = {"emb": (301, 40), "deep": (4, 50, 60), "bias": (60,), "none": (0, 3), "head": (60, 170)}
RECIPES = [("deep", pi.orthogonal(layout="jax", batch_axis=0)), ("bias", "ones"), ("*", "normal")]
# the calls at which a crash leaves something else on the disk
CALLS = (
    "open",
    "mkdir",
    "rename",
    "link",
    "unlink",
    "rmdir",
    "write",
    "pwrite",
    "fsync",
    "posix_fallocate",
    "ftruncate",
)


# seconds for each block: 40 extents of two blocks take longer than 50 times the mean life of a writer
_PAUSE, _LONGEST = 0.01, 0.03
_EXTENT_BYTES = 4_000 if sys.argv[1:2] == ["kills"] else 16_000
_LAYOUT = sys.argv[6] if len(sys.argv) > 6 else "huggingface"


def plan_of(folder: Path, shard_size: int | None = 60_000) -> CheckpointPlan:
    """Return a plan of a few files and many extents."""
    options: dict[str, Any] = {"extent_bytes": _EXTENT_BYTES, "digest": True, "layout": _LAYOUT}
    if _LAYOUT == "dcp" and shard_size is not None:
        # the larger tensors in several rectangles
        shard_size = 20_000
    return plan_checkpoint(SHAPES, RECIPES, path=folder, key=3, shard_size=shard_size, **options)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder under final names."""
    found = {}
    for path in folder.rglob("*"):
        # what is hidden comes and goes while one looks
        if not path.name.startswith(".") and path.parent == folder:
            found[path.name] = path.read_bytes()
    return found


def forked(run: Callable[[], Any]) -> int:
    """Start a process that calls `run`."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            run()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return process


def status_of(process: int) -> int:
    """Wait for a process; a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def write(folder: Path, part: Part = WHOLE, *, shard_size: int | None = 60_000, threads: int = 1) -> None:
    """Write what this process has to; small blocks and commits, so that there is much to be interrupted."""
    writer._BLOCK_BYTES = writer._SMALLEST_BLOCK_BYTES = writer._DIGEST_BLOCK_BYTES = _EXTENT_BYTES // 2
    share._COMMIT_BYTES = 2 * _EXTENT_BYTES if _EXTENT_BYTES > 4_000 else 1
    write_plan(plan_of(folder, shard_size), part, threads=threads)


def killed_at_call(number: int, run: Callable[[], Any]) -> Callable[[], None]:
    """Return a function that runs, and kills its process before the call of that number."""
    left = [number]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return wrapped

    def all_counted() -> None:
        for name in CALLS:
            if hasattr(os, name):
                setattr(os, name, counted(getattr(os, name)))
        fcntl.flock = counted(fcntl.flock)
        naming._rename_exclusively = counted(naming._rename_exclusively)
        run()

    return all_counted


def check_left(folder: Path, expected: dict[str, bytes]) -> None:
    """Check that whatever has a final name is complete."""
    for name, content in (contents(folder) if folder.is_dir() else {}).items():
        assert content == expected[name], f"{name} is not complete"


def check_whole(folder: Path, expected: dict[str, bytes]) -> None:
    """Check that everything is there, and nothing else."""
    found = contents(folder)
    assert set(found) == set(expected), f"{sorted(found)} is not {sorted(expected)}"
    assert found == expected
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def remove(folder: Path) -> None:
    """Remove a folder."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def every_call(folder: Path, expected: dict[str, bytes], parts: int) -> int:
    """Kill a process before each of its calls in turn, and let another one continue; return how many."""
    shard_size = 60_000 if parts else None
    last = Part(parts - 1, parts) if parts else WHOLE
    number = 0
    while True:
        for index in range(parts - 1):
            write(folder, Part(index, parts))
        status = status_of(forked(killed_at_call(number, lambda: write(folder, last, shard_size=shard_size))))
        check_left(folder, expected)
        if status == 0:
            check_whole(folder, expected)
            remove(folder)
            return number
        assert status == -signal.SIGKILL, f"call {number}: status {status}"
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        logs = [path for path in folder.glob(".pyinit-*/*.log") if not path.parent.name.endswith(".gone")]
        again = status_of(forked(lambda: write(folder, last, shard_size=shard_size)))
        # without a log, a checkpoint that is complete exists, and nothing more; a part has nothing to do then
        is_refused = set(expected) <= names and not logs and parts < 2
        assert again == int(is_refused), f"the run after a kill at call {number}: status {again}"
        check_whole(folder, expected)
        if folder.is_dir():
            remove(folder)
        number += 1


def slow(run: Callable[[], Any], threads: int) -> Callable[[], None]:
    """Return a function that runs with a pause at every block, so that a kill meets it somewhere."""

    def slowed() -> None:
        plain = LocalTarget.write

        def write(target: LocalTarget, name: str, offset: int, data: memoryview) -> None:
            time.sleep(_PAUSE * threads)
            plain(target, name, offset, data)

        LocalTarget.write = write  # type: ignore[method-assign]
        run()

    return slowed


def random_kills(folder: Path, expected: dict[str, bytes], count: int, parts: int, seed: int) -> int:
    """Kill writers at random times, `count` times and until they end; return the number of writes."""
    chance, kills, writes, threads = random.Random(seed), 0, 1, 1 + seed % 2
    every = [Part(index, parts) for index in range(parts)]
    living: dict[Part, int] = {}
    waiting = list(every)
    while waiting or living:
        for part in waiting:
            living[part] = forked(slow(partial(write, folder, part, threads=threads), threads))
        waiting = []
        if kills < count:
            watched(folder, expected, chance.uniform(0, _LONGEST))
            part = chance.choice(sorted(living, key=str))
            process = living.pop(part)
            os.kill(process, signal.SIGKILL)
        else:
            part, process = living.popitem()
        status = status_of(process)
        check_left(folder, expected)
        if status == -signal.SIGKILL:
            kills += 1
            waiting.append(part)
        else:
            assert status == 0, f"part {part}: status {status}"
        if not waiting and not living and kills < count:
            check_whole(folder, expected)
            remove(folder)
            waiting, writes = list(every), writes + 1
    check_whole(folder, expected)
    return writes


def watched(folder: Path, expected: dict[str, bytes], seconds: float) -> None:
    """Look at the final names for some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check_left(folder, expected)
        time.sleep(0.002)


if __name__ == "__main__":
    kind, place, count, parts, seed = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])
    alone = (kind, parts) == ("calls", 0)
    status = status_of(forked(lambda: write(place / "whole", shard_size=None if alone else 60_000)))
    assert status == 0
    expected = contents(place / "whole")
    if kind == "calls":
        print(json.dumps(every_call(place / "out", expected, parts)))
    else:
        print(json.dumps(random_kills(place / "out", expected, count, parts, seed)))
