"""`pyinit.fill` for memory of a CUDA device."""

from __future__ import annotations

from typing import TypeVar

from ..stream.fill import Plannable, planned
from ..stream.key import Key, as_key
from ..stream.window import Window
from .borrowing import borrow
from .kernels import execute

__all__ = ["fill"]

Buffer = TypeVar("Buffer")


def fill(out: Buffer, recipe: Plannable, *, key: int | Key, window: Window | None = None) -> Buffer:
    """Fill a buffer on its device; see `pyinit.fill`. `out` is kept until everything is launched."""
    memory, keeper = borrow(out)
    plan, start = planned(recipe, memory.shape, memory.dtype, window)
    execute(plan, memory, as_key(key), start)
    del keeper
    return out
