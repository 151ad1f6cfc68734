"""Opens the place of a plan: a directory of this machine, or one of an object store."""

from __future__ import annotations

from typing import TypeAlias

from .journal import Journal
from .local import LocalTarget
from .locations import Url
from .plan import CheckpointPlan
from .remote.journal import PREFIX, RemoteJournal
from .remote.store import Store
from .remote.target import RemoteTarget
from .targets import Target

__all__ = ["AnyJournal", "opened", "target_of"]

AnyJournal: TypeAlias = Journal | RemoteJournal


def target_of(plan: CheckpointPlan) -> Target:
    """Return where the files of a plan go."""
    return opened(plan)[0]


def opened(plan: CheckpointPlan) -> tuple[Target, AnyJournal]:
    """Return where the files of a plan go, and what is noted beside them.

    Raises
    ------
    MissingLibraryError
        If the place is a URL, and fsspec or its package for the store is not installed.
    """
    if not isinstance(plan.directory, Url):
        return LocalTarget(plan.directory, plan.tag), Journal(plan)
    store = Store(plan.directory)
    target = RemoteTarget(store, f"{PREFIX}{plan.tag}")
    return target, RemoteJournal(plan, store, target)
