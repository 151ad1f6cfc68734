"""What a figure was measured on: processor, memory, threads, versions, and how busy the machine was."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import pyinit

from .peers import installed

# Above this share of the processors, other programs' work would distort the figures.
_QUIET_LOAD = 0.25


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def processors() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """Return the machine and the versions in play as a JSON-able dict."""
    info = pyinit.info()
    return {
        "processor": _processor(),
        "processors": processors(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "pyinit": info["version"],
        "stream_version": info["stream_version"],
        "isa": info["isa"],
        "peers": installed(),
    }


def is_quiet() -> bool:
    """Return whether the load average leaves the processors to the benchmark."""
    return not hasattr(os, "getloadavg") or os.getloadavg()[0] <= _QUIET_LOAD * processors()
