"""How fast a directory takes a file, and how much it has room for."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...checkpoint.mounts import is_in_memory
from ...checkpoint.sizes import readable_size
from .finding import FAILS, FINE, NOTE, Finding

__all__ = ["disk"]

_BYTES = 256 << 20
_BLOCK = 4 << 20
# At this rate a 70 B model in bfloat16, 140 GB, takes 23 minutes.
_SLOW_BYTES_PER_SECOND = 100e6


def disk(directory: Path) -> Iterator[Finding]:
    """Yield what was found about `directory`."""
    free = shutil.disk_usage(directory).free
    name = str(directory)
    if free < 2 * _BYTES:
        yield Finding("disk", NOTE, f"{name}: {readable_size(free)} free", "Give another with --directory.")
        return
    try:
        seconds = _written(directory)
    except OSError as error:
        advice = "Give a directory that can be written with --directory."
        yield Finding("disk", FAILS, f"{name}: {error.strerror or error}", advice)
        return
    rate = _BYTES / seconds
    found = f"{name}: {rate / 1e9:.2f} GB/s to durable files, {readable_size(free)} free"
    if is_in_memory(directory):
        advice = "Its files are memory: they take room from the model, and end with the machine."
        yield Finding("disk", NOTE, found, advice)
    elif rate < _SLOW_BYTES_PER_SECOND:
        yield Finding(
            "disk", NOTE, found, "The disk limits pyinit init. Write to a faster one, or to a store."
        )
    else:
        yield Finding("disk", FINE, found)


def _written(directory: Path) -> float:
    """Return the seconds that a plain file takes until it is durable."""
    block = os.urandom(_BLOCK)
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        start = time.perf_counter()
        for _ in range(_BYTES // _BLOCK):
            file.write(block)
        os.fsync(file.fileno())
        return time.perf_counter() - start
