"""The function of a task, in a form that can be sent to a worker without pyinit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["Function", "portable"]

#: From (numbers of extents, and what `Work` has) to the answer of a worker.
Function = Callable[..., dict[str, Any]]


def portable() -> Function:
    """Return the function that a worker runs.

    Why a function in a function: it has no name by which it could be imported, so that pickles hold its code.
    A worker without pyinit then says so in words, where an engine would fail to read the task.
    """

    def extents_of_a_checkpoint(
        indices: Sequence[int], plan: str, mark: str, readers: Sequence[str], threads: int
    ) -> dict[str, Any]:
        import socket

        try:
            from pyinit.checkpoint.engines.worker import run
        except ImportError as error:
            return {"host": socket.gethostname(), "unfit": f"it cannot import pyinit ({error})"}
        return run(indices, plan, mark, readers, threads)

    return extents_of_a_checkpoint
