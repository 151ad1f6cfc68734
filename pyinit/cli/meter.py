"""How far work is, how fast it goes, how much memory it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ..staging import readable_size

__all__ = ["Meter", "peak_memory"]

_LINE_SECONDS = 2.0


class Meter:
    """Shows progress: a line that renews itself on a terminal, else a line now and then.

    A context manager and a callable of (amount done, amount in all): bytes, unless `say` turns these and
    the seconds so far into other words.
    """

    def __init__(self, stream: TextIO, say: Callable[[int, int, float], str] | None = None) -> None:
        self._stream = stream
        self._say = _bytes if say is None else say
        self._is_terminal = stream.isatty()
        self._start = self._shown = time.perf_counter()
        self._width = 0

    def __enter__(self) -> Meter:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show the state."""
        now = time.perf_counter()
        if not self._is_terminal and now - self._shown < _LINE_SECONDS:
            return
        self._shown = now
        share = done / total if total else 1.0
        line = f"{share:4.0%}  {self._say(done, total, max(now - self._start, 1e-9))}"
        if self._is_terminal:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def _bytes(written: int, total: int, seconds: float) -> str:
    return f"{readable_size(written)} of {readable_size(total)}, {written / seconds / 1e9:.2f} GB/s"


def peak_memory() -> int:
    """Return the largest number of bytes of memory that this process has held."""
    # Linux's getrusage also counts what the parent held before it started this process
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
