"""A file with a name that nobody else knows: who finds it sees the same directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..journal import Journal
from ..plan import CheckpointPlan

__all__ = ["is_marked", "marked"]


@contextmanager
def marked(plan: CheckpointPlan, mark: str) -> Iterator[None]:
    """Leave a mark meanwhile among the files that say what is finished of a plan."""
    path = _path(plan, mark)
    path.touch()
    try:
        yield
    finally:
        # the directory may be gone with the last unfinished file
        with suppress(OSError):
            path.unlink()


def is_marked(plan: CheckpointPlan, mark: str) -> bool:
    """Tell whether the mark is there."""
    return _path(plan, mark).exists()


def _path(plan: CheckpointPlan, mark: str) -> Path:
    return Journal(plan).place / f"{mark}.mark"
