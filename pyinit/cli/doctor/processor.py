"""What the processor offers: instruction sets and their bits, CPUs, huge pages, the rate of memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import pyinit as pi

from ... import _core
from ..bench.answer import digest
from ..bench.engine import KEY, KNOWN, forced
from .finding import FAILS, FINE, NOTE, Finding

__all__ = ["processor"]

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_BYTES = 256 << 20
# Fresh memory that comes at less than this share of what is drawn decides how long a start takes.
_SLOW_SHARE = 0.5


def processor() -> Iterator[Finding]:
    """Yield what was found about the processor."""
    yield _bits()
    yield _instruction_set()
    yield _threads()
    yield huge_pages(_HUGE_PAGES)
    yield _memory()


def _bits() -> Finding:
    """Compare the first elements of the stream with what they must be, on every instruction set."""
    wrong = []
    for isa in _core.available_isas():
        with forced(isa):
            drawn = pi.normal()((4096,), key=KEY)
        if digest(drawn) != KNOWN["normal", "float32"]:
            wrong.append(isa)
    if wrong:
        advice = "This build must not be used. Build it again with another compiler, and report both."
        return Finding("bits", FAILS, f"other than stream version 1 on {', '.join(wrong)}", advice)
    return Finding("bits", FINE, f"those of stream version 1 on {', '.join(_core.available_isas())}")


def _instruction_set() -> Finding:
    active, widest = _core.info()["isa"], _core.available_isas()[0]
    if active != widest:
        advice = "Unset PYINIT_ISA, unless you want the narrower one."
        return Finding("instructions", NOTE, f"{active}, where this machine runs {widest}", advice)
    if active == "scalar":
        advice = "Normals are about 20 times slower than with AVX2, uniforms 3 times; the bits are the same."
        return Finding(
            "instructions", NOTE, "scalar: this processor has none that pyinit is built for", advice
        )
    return Finding("instructions", FINE, active)


def _threads() -> Finding:
    threads, cpus = int(_core.info()["threads"]), os.cpu_count() or 1
    if _core.environment_threads():
        advice = "Unset PYINIT_NUM_THREADS for all CPUs." if threads < cpus else ""
        state = NOTE if threads != cpus else FINE
        return Finding("threads", state, f"{threads} of {cpus} CPUs, as PYINIT_NUM_THREADS says", advice)
    if threads < cpus:
        advice = "This process may use no more: its affinity or the quota of its container says so."
        return Finding("threads", NOTE, f"{threads} of {cpus} CPUs", advice)
    return Finding("threads", FINE, f"{threads}, one for each CPU")


def huge_pages(setting: Path) -> Finding:
    """Return what the system's `setting` says of huge pages."""
    try:
        text = setting.read_text()
    except OSError:
        return Finding("huge pages", FINE, "this system decides by itself")
    chosen = text[text.find("[") + 1 : text.find("]")]
    if chosen == "never":
        advice = (
            f"Fresh memory comes in pages of 4 KiB, several times slower. As root: echo madvise > {setting}"
        )
        return Finding("huge pages", NOTE, "never", advice)
    return Finding("huge pages", FINE, chosen)


def _memory() -> Finding:
    """Fill fresh memory, then the same again."""
    recipe = pi.normal()
    out = np.empty(_BYTES // 4, np.float32)
    fresh = _rate(lambda: pi.fill(out, recipe, key=0))
    warm = max(_rate(lambda: pi.fill(out, recipe, key=0)) for _ in range(3))
    found = f"normals at {warm:.1f} GB/s, into fresh memory at {fresh:.1f} GB/s"
    if fresh < _SLOW_SHARE * warm:
        advice = "The system is slow to supply memory. Fill memory that is in use already where you can."
        return Finding("memory", NOTE, found, advice)
    return Finding("memory", FINE, found)


def _rate(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return _BYTES / (time.perf_counter() - start) / 1e9
