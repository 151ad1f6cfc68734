"""A file with a name that nobody else knows: who finds it sees the same directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..locations import Url
from ..plan import CheckpointPlan
from ..remote.store import Store

__all__ = ["is_marked", "marked"]


@contextmanager
def marked(plan: CheckpointPlan, mark: str) -> Iterator[None]:
    """Leave a mark meanwhile among the files that say what is finished of a plan."""
    name = _name(plan, mark)
    if isinstance(plan.directory, Url):
        store = Store(plan.directory)
        store.put(name, b"")
        try:
            yield
        finally:
            with suppress(OSError):
                store.remove([name])
        return
    path = plan.directory / name
    path.touch()
    try:
        yield
    finally:
        # the directory may be gone with the last unfinished file
        with suppress(OSError):
            path.unlink()


def is_marked(plan: CheckpointPlan, mark: str) -> bool:
    """Tell whether the mark is there."""
    name = _name(plan, mark)
    if isinstance(plan.directory, Url):
        return Store(plan.directory).read(name) is not None
    return (plan.directory / name).exists()


def _name(plan: CheckpointPlan, mark: str) -> str:
    return f".pyinit-{plan.tag}/{mark}.mark"
