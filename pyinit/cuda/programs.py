"""The kernels of csrc/cuda as programs: what is compiled together, and the text that is compiled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from ..errors import DeviceError
from ..stream.key import STREAM_VERSION

__all__ = ["OPTIONS", "Program", "program_of", "programs", "sources"]

OPTIONS = ("-std=c++20", "-default-device", "-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true")
"""What the compiler is told. The sources name every rounding, so the first two would do."""

_LIST, _KERNELS = "cuda/kernels.inc", "cuda/kernels.hpp"

# All that the sources take of the standard library; the compiler brings none along.
_STANDARD = {
    "cstddef": "#include <cstdint>\n",
    "cstdint": """#pragma once
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef int int32_t;
typedef unsigned long uint64_t;
typedef long int64_t;
typedef unsigned long size_t;
typedef long ptrdiff_t;
typedef unsigned long uintptr_t;
""",
}


@dataclass(frozen=True)
class Program:
    """Kernels that are compiled together.

    Parameters
    ----------
    name : str
        Its name in kernels.inc: that of its kernel, or "reflectors_32" and "reflectors_64" for several.
    text : str
        What is compiled, over the headers that `sources` returns.
    """

    name: str
    text: str

    def digest(self, *more: object) -> str:
        """Return a hash of what decides the compiled program: the sources, the stream version and `more`."""
        found = sha256(f"{STREAM_VERSION}\n{OPTIONS}\n{self.text}\n{more}\n".encode())
        for name, text in sources().items():
            found.update(f"{name}\n{text}\n".encode())
        return found.hexdigest()


@lru_cache(maxsize=1)
def programs() -> dict[str, Program]:
    """Return every program by its name."""
    lines = re.findall(r"^(\w+_PROGRAM\((\w+).*\))$", _read(_LIST), re.MULTILINE)
    return {name: Program(name, f'#include "{_KERNELS}"\n{line}\n') for line, name in lines}


def program_of(kernel: str) -> Program:
    """Return the program that has a kernel."""
    known = programs()
    return known[kernel] if kernel in known else known[f"reflectors_{kernel.rpartition('_')[2]}"]


@lru_cache(maxsize=1)
def sources() -> dict[str, str]:
    """Return the headers that the programs include, by the names that they are included by."""
    found = dict(_STANDARD)
    waiting = [_KERNELS]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _read(name)
            waiting += re.findall(r'^#include "([^"]+)"$', found[name], re.MULTILINE)
    return dict(sorted(found.items()))


def _read(name: str) -> str:
    try:
        return (_place() / name).read_text(encoding="utf-8")
    except OSError as error:
        raise DeviceError(
            f"pyinit's kernels for CUDA need their sources; {name} cannot be read: {error.strerror}. "
            "Install pyinit-nn again."
        ) from None


@lru_cache(maxsize=1)
def _place() -> Path:
    """Return where the sources lie: beside this file in what is installed, in csrc/ in the repository."""
    installed = Path(__file__).with_name("source")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "csrc"
