"""Compiled programs, kept on disk: each under a hash of all that decides it."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from .compiler import Compiler
from .programs import Program

__all__ = ["code_of", "folder"]

_DIGEST = 32


def code_of(program: Program, compiler: Compiler, target: str) -> bytes:
    """Return a compiled program: from the cache, else from the compiler.

    A file of the cache that is not what was written there is made anew. Where nothing can be written, each
    process compiles for itself.
    """
    place = folder()
    name = program.digest(target, compiler.version)
    if place is not None:
        with suppress(OSError):
            held = (place / name).read_bytes()
            if sha256(held[_DIGEST:]).digest() == held[:_DIGEST]:
                return held[_DIGEST:]
    code = compiler.compile(program, target)
    if place is not None:
        with suppress(OSError):
            _write(place, name, sha256(code).digest() + code)
    return code


def folder() -> Path | None:
    """Return where programs are kept: PYINIT_CACHE_DIR, or pyinit in the user's cache; None for nowhere."""
    named = os.environ.get("PYINIT_CACHE_DIR")
    if named is not None:
        return Path(named) if named else None
    with suppress(RuntimeError):
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(home) / "pyinit" / "cuda"
    return None


def _write(place: Path, name: str, content: bytes) -> None:
    """Write a file that appears when it is whole."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, place / name)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
