"""Which kind of file system a directory is on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["is_in_memory"]

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def is_in_memory(directory: Path) -> bool:
    """Return whether the files of a directory are memory; False where the system does not say.

    Examples
    --------
    >>> from pathlib import Path
    >>> from pyinit.checkpoint.mounts import is_in_memory
    >>> is_in_memory(Path("/proc"))
    False
    """
    try:
        device = directory.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    number = _number(device)
    for line in mounts.splitlines():
        fields, _, kind = line.partition(" - ")
        if fields.split()[2:3] == [number]:
            return kind.split(" ")[0] in _IN_MEMORY
    return False


def _number(device: int) -> str:
    if sys.platform == "win32":
        return ""
    else:
        return f"{os.major(device)}:{os.minor(device)}"
