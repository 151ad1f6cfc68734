"""What else is where a checkpoint goes: files of its names, and other plans, alive or dead."""

from __future__ import annotations

import errno

from ..errors import SpecError
from .contents import Copied
from .journal import Journal, Known
from .parts import Part
from .plan import CheckpointPlan
from .shards import contradicting
from .targets import Target, exists_already

__all__ = ["clear_place", "obsolete", "refuse_existing", "refuse_own_source"]


def clear_place(
    plan: CheckpointPlan, part: Part, target: Target, journal: Journal, *, overwrite: bool
) -> None:
    """Refuse living writers of other plans, and files that exist; remove what dead writers left.

    Raises
    ------
    BlockingIOError
        If a process writes other content for the same files.
    FileExistsError
        If there is a file that may not be replaced.
    """
    differing = None
    # a list, so that none of them stays locked when this raises
    for _, content, is_alive in list(journal.others()):
        differing = journal.differs(content)
        if is_alive:
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                f"another process is writing other content for the same files in {plan.directory}: "
                f"{differing}. Wait for it, or write elsewhere",
            )
    with journal.guarded():
        known = journal.known()
        if not overwrite:
            refuse_existing(plan, target, known, differing)
        elif part.count > 1:
            # the parts appear one by one: what was there must not be taken for one of them
            target.remove([*_existing(plan, target, known), *obsolete(plan, target)])
    journal.remove_others()


def refuse_existing(plan: CheckpointPlan, target: Target, known: Known, differing: str | None = None) -> None:
    """Refuse final names that are taken, and files that would contradict the new ones."""
    for name in (*_existing(plan, target, known), *obsolete(plan, target)):
        why = "" if differing is None else f", and an unfinished checkpoint there differs: {differing}"
        raise exists_already(plan.directory / name, why)


def _existing(plan: CheckpointPlan, target: Target, known: Known) -> list[str]:
    """Return the final names that are taken by what this plan has not written."""
    names = enumerate(plan.names)
    return [name for place, name in names if place not in known.named and target.exists(name)]


def obsolete(plan: CheckpointPlan, target: Target) -> list[str]:
    """Return the files of a former checkpoint that loaders would read as part of the new one."""
    return contradicting(target.names(), plan.stem, plan.names)


def refuse_own_source(plan: CheckpointPlan) -> None:
    """Refuse to replace, part by part, the directory that integers are copied from."""
    for draft in plan.blueprint.drafts:
        content = draft.content
        if isinstance(content, Copied) and content.path.parent.resolve() == plan.directory.resolve():
            raise SpecError(
                f"tensor '{draft.name}' is copied from {content.path}, which parts would replace before all "
                "have read it; write into another directory"
            )
