"""Which process wrote a record, and whether it lives: known on its own machine, elsewhere not.

An object store has no locks, and clocks of several machines disagree. A process is named by the machine's
boot, its namespace of processes, its number, and when it began in ticks since that boot, which no other
process has. Who reads that name in the same namespace can tell; everybody else cannot.
"""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

__all__ = ["begin_life", "end_life", "is_alive"]

# what this process writes now, by the names that it gave out
_OWN: set[str] = set()


def begin_life() -> str:
    """Return a name that lives until `end_life`, and no longer than the process."""
    name = f"{_machine()}.{os.getpid()}.{_began(os.getpid())}.{token_hex(4)}"
    _OWN.add(name)
    return name


def end_life(name: str) -> None:
    """Let a name of this process be that of a dead writer."""
    _OWN.discard(name)


def is_alive(name: str) -> bool | None:
    """Tell whether the writer of that name lives; None if that cannot be known here."""
    machine, number, began, *_ = *name.split("."), "", ""
    is_own = number == str(os.getpid())
    if name in _OWN and is_own:
        return True
    if machine != _machine() or not machine or not number.isdecimal() or not began:
        return None
    return not is_own and _began(int(number)) == began


def _machine() -> str:
    """Return the name of this boot and namespace; it is empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _began(process: int) -> str:
    """Return when a process began; it is empty if there is none, or one that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # a process that nobody waited for has ended
    return "" if fields[0] in "ZX" else fields[19]
