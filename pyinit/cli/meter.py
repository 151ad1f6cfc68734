"""Progress, speed, and the peak of memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from ..checkpoint.sizes import readable_size

if sys.platform == "win32":
    import ctypes
else:
    import resource

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Meter", "peak_memory"]

_LINE_SECONDS = 2.0
_BAR_SECONDS = 0.05
# Before so long the rate says little of what is left.
_TELLING_SECONDS = 1.0


class Meter:
    """Shows progress: on a terminal as rich's bar or one line; elsewhere as a new line every two seconds.

    A context manager, and a callable of (amount done, amount in all). By default amounts are bytes; `say`
    makes other text of them and of the seconds so far. At the end nothing is left on a terminal.
    """

    def __init__(self, stream: TextIO, say: Callable[[int, int, float], str] | None = None) -> None:
        self._stream = stream
        self._say = _bytes if say is None else say
        self._is_terminal = stream.isatty()
        self._start = self._shown = time.perf_counter()
        self._width = 0
        self._first: float | None = None
        self._bar: Progress | None = None

    def __enter__(self) -> Meter:
        self._bar = _bar(self._stream) if self._is_terminal else None
        if self._bar is not None:
            self._bar.start()
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show the state."""
        now = time.perf_counter()
        share = done / total if total else 1.0
        if not self._is_due(now - self._shown, share):
            return
        self._shown = now
        seconds = max(now - self._start, 1e-9)
        # What an earlier run had done came at once, and says nothing of the rate.
        self._first = share if self._first is None else self._first
        line = f"{share:4.0%}  {self._say(done, total, seconds)}{_left(seconds, share, self._first)}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=share, description=line, refresh=True)
        elif self._is_terminal:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
            self._stream.flush()
        else:
            self._stream.write(line + "\n")
            self._stream.flush()

    def _is_due(self, seconds: float, share: float) -> bool:
        if self._bar is not None:
            return seconds >= _BAR_SECONDS or share == 1.0
        return self._is_terminal or seconds >= _LINE_SECONDS

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._is_terminal and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def _bar(stream: TextIO) -> Progress | None:
    """Return rich's bar, or None without rich or on a terminal that cannot move its cursor."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        return None
    console = Console(file=stream)
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    words = TextColumn("{task.description}", markup=False)
    # drawn only in calls, as a thread would not survive a fork; stdout is for results
    bar = Progress(
        BarColumn(), words, console=console, auto_refresh=False, transient=True, redirect_stdout=False
    )
    bar.add_task("", total=1.0)
    return bar


def _left(seconds: float, share: float, first: float) -> str:
    """Return how long the rest will take at the rate so far; nothing before that can be told."""
    if seconds < _TELLING_SECONDS or not first < share < 1:
        return ""
    rest = seconds * (1 - share) / (share - first)
    if rest < 100:
        return f", {rest:.0f} s left"
    return f", {rest / 60:.0f} min left" if rest < 6000 else f", {rest / 3600:.1f} h left"


def _bytes(written: int, total: int, seconds: float) -> str:
    return f"{readable_size(written)} of {readable_size(total)}, {written / seconds / 1e9:.2f} GB/s"


def peak_memory() -> int:
    """Return the largest number of bytes of memory that this process has held."""
    # Linux's getrusage also counts what the parent held before it started this process
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        # PROCESS_MEMORY_COUNTERS of psapi.h: two numbers of 32 bits, then sizes, of which the peak is first
        counters = (ctypes.c_size_t * 9)()
        counters[0] = ctypes.sizeof(counters)
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        process = ctypes.c_void_p(kernel.GetCurrentProcess())
        known = kernel.K32GetProcessMemoryInfo(process, ctypes.byref(counters), ctypes.sizeof(counters))
        return int(counters[1]) if known else 0
    else:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
