"""What else is where a checkpoint goes: files of its names, and other plans, alive or dead."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import FormatError, SpecError
from ..stream.pretrained import FileSource
from ..stream.strict_json import parsed
from .contents import Content, Copied, Drawn
from .digest import crc32_of_file
from .log import Known
from .parts import Part
from .places import AnyJournal
from .plan import CheckpointPlan
from .quantized import BlockScales, Quantized
from .rectangles import Rearranged
from .shards import contradicting
from .sources import source_crc32
from .targets import Target, exists_already

__all__ = ["clear_place", "existing", "obsolete", "refuse_changed", "refuse_existing", "refuse_own_source"]


def clear_place(
    plan: CheckpointPlan, part: Part, target: Target, journal: AnyJournal, *, overwrite: bool
) -> None:
    """Refuse living writers of other plans, and files that exist; remove what dead writers left.

    Raises
    ------
    BlockingIOError
        If a process writes other content for the same files, or may do so for all that can be known.
    FileExistsError
        If there is a file that may not be replaced.
    """
    differing = None
    # a list, so that none of them stays locked when this raises
    for _, content, is_alive in list(journal.others()):
        differing = journal.differs(content)
        if is_alive is None and not overwrite:
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                f"other content for the same files in {plan.directory} is unfinished: {differing}. Whether a "
                "process of another machine still writes it cannot be known here; wait for it, or remove it "
                "with --force (overwrite=True)",
            )
        if is_alive:
            raise BlockingIOError(
                errno.EWOULDBLOCK,
                f"another process is writing other content for the same files in {plan.directory}: "
                f"{differing}. Wait for it, or write elsewhere",
            )
    if isinstance(plan.directory, Path):
        for name in (*plan.names, *obsolete(plan, target)):
            path = plan.directory / name
            if path.is_dir() and not path.is_symlink():
                raise IsADirectoryError(
                    errno.EISDIR,
                    f"{path} is a directory, where a file is to be; remove it or write elsewhere",
                )
    with journal.guarded():
        taken = target.names()
        known = journal.known()
        files = journal.files_of(part)
        if not overwrite:
            refuse_existing(plan, target, known, files, taken, differing)
        elif part.count > 1:
            # the parts appear one by one: what was there must not be taken for one of them
            target.remove([*existing(plan, target, known, files, taken), *obsolete(plan, target)])
    journal.remove_others()


def refuse_existing(
    plan: CheckpointPlan,
    target: Target,
    known: Known,
    files: Sequence[int],
    taken: Iterable[str],
    differing: str | None = None,
) -> None:
    """Refuse final names that are taken, and files that would contradict the new ones."""
    for name in (*existing(plan, target, known, files, taken), *obsolete(plan, target)):
        why = "" if differing is None else f", and an unfinished checkpoint there differs: {differing}"
        raise exists_already(plan.directory / name, why)


def existing(
    plan: CheckpointPlan, target: Target, known: Known, files: Sequence[int], taken: Iterable[str]
) -> list[str]:
    """Return the final names that are taken by what this plan has not written.

    Where nothing keeps other writers out, `taken` are the names that were there before `known` was read: a
    file is noted before it gets its name, so none of this plan's own is taken for another's. Of the `files`
    of a part, one that is noted and was replaced since counts, too; those of others are theirs to look at.
    """
    there, apart = (
        set(taken),
        {shard.name for shard in plan.shards} - {plan.shards[file].name for file in files},
    )
    return [
        name
        for place, name in enumerate(plan.names)
        if name in there and not (place in known.named and (name in apart or target.is_own(name)))
    ]


def obsolete(plan: CheckpointPlan, target: Target) -> list[str]:
    """Return the files of a former checkpoint that would be taken for a part of the new one.

    A receipt is among them if a file that it speaks of is replaced alone: it would say what is not so.
    """
    found = contradicting(names := target.names(), plan.stem, plan.names)
    if plan.is_file and "init.json" in names and _speaks_of(target.read("init.json"), plan):
        found.append("init.json")
    return found


def _speaks_of(receipt: bytes | None, plan: CheckpointPlan) -> bool:
    try:
        content = parsed(receipt or b"", "init.json", FormatError)
    except FormatError:
        return False
    files = content.get("files") if isinstance(content, dict) and "plan" in content else None
    return isinstance(files, dict) and any(shard.name in files for shard in plan.shards)


def refuse_own_source(plan: CheckpointPlan) -> None:
    """Refuse to replace, part by part, the directory that values are copied from."""
    directory = plan.directory
    if not isinstance(directory, Path):
        return
    for draft in plan.blueprint.drafts:
        for path in sources(draft.content):
            if path.parent.resolve() == directory.resolve():
                raise SpecError(
                    f"tensor '{draft.name}' is copied from {path}, which parts would replace before all have "
                    "read it; write into another directory"
                )


def sources(content: Content) -> list[Path]:
    """Return the files that a content copies values from."""
    if isinstance(content, Rearranged):
        return [path for piece in content.pieces for path in sources(piece.content)]
    if isinstance(content, Quantized | BlockScales):
        return sources(content.weight)
    if isinstance(content, Drawn) and isinstance(content.plan.source, FileSource):
        return [Path(content.plan.source.path)]
    return [content.path] if isinstance(content, Copied) else []


def refuse_changed(contents: Iterable[Content]) -> None:
    """Refuse, before files get their names, contents whose file has changed since the plan was made.

    Raises
    ------
    FormatError
        If the bytes of one are others now.
    """
    for content in contents:
        source = content.plan.source if isinstance(content, Drawn) else None
        if isinstance(content, Rearranged):
            refuse_changed(piece.content for piece in content.pieces)
        elif isinstance(content, Quantized | BlockScales):
            refuse_changed([content.weight])
        elif isinstance(content, Copied):
            content.check(crc32_of_file(content.path, content.info.start, content.info.nbytes))
        elif isinstance(content, Drawn) and isinstance(source, FileSource):
            content.check(source_crc32(source))
