"""What one process does of a plan: it claims files, knows what is missing of them, and publishes them."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import SpecError
from .completion import companions, incomplete, receipt_of
from .contents import Copied
from .extents import Extent
from .journal import Known
from .parts import WHOLE, Part
from .places import opened
from .plan import CheckpointPlan
from .receipt import Receipt
from .shards import Shard, contradicting
from .targets import exists_already
from .writer import ExtentResult

__all__ = ["Share"]

#: Extents are noted together: waiting for the disk after each small one would take longer than drawing them.
_COMMIT_BYTES = 1 << 30


class Share:
    """One process's share of a checkpoint, from the claim of its files to their final names.

    A context manager. Entering it claims the files of a part, or takes over what a dead process left of
    them; then `missing` says which extents have to be made, whoever makes them: threads, or workers of an
    engine. `finished` takes their results, `publish` gives the files their names. If it is left with an
    interrupt, an OSError such as a full disk, or for want of memory, what is finished stays for the next run;
    with any other error, or if nothing is finished, everything is removed.

    Parameters
    ----------
    plan : CheckpointPlan
        The checkpoint.
    part : Part
        Which files; by default all.
    overwrite : bool
        Whether existing files may be replaced.
    results : iterable of ExtentResult, optional
        Extents that others have made. Only given to finish: nothing is prepared then for what is missing.

    Raises
    ------
    SpecError
        If the path is of the wrong kind.
    RecipeError
        If the receipt cannot say what a tensor is.
    """

    def __init__(
        self,
        plan: CheckpointPlan,
        part: Part = WHOLE,
        *,
        overwrite: bool = False,
        results: Iterable[ExtentResult] | None = None,
    ) -> None:
        path = plan.path
        if isinstance(path, Path) and plan.is_file and path.is_dir():
            raise SpecError(
                f"{path} is a directory; name a file ending in .safetensors, or a directory without it"
            )
        if isinstance(path, Path) and not plan.is_file and path.is_file():
            raise SpecError(f"{path} is a file; name a directory, or a file ending in .safetensors")
        if not plan.is_file:
            # what the receipt cannot say is refused now, not after the work
            receipt_of(plan, dict.fromkeys(range(len(plan.extents)), 0)).to_json()
        self.plan = plan
        self.part = part
        self.target, self._journal = opened(plan)
        self.missing: tuple[Extent, ...] = ()
        self._files = self._journal.files_of(part)
        self._overwrite = overwrite
        self._results = None if results is None else list(results)
        self._fresh: list[ExtentResult] = []
        self._fresh_bytes = 0
        self._left: dict[int, int] = {}
        self._pending: list[int] = []
        self._lock = threading.Lock()
        self._commits = threading.Lock()
        if part.count > 1 and overwrite:
            self._refuse_own_source()

    @property
    def shards(self) -> list[Shard]:
        """The files of this share."""
        return [self.plan.shards[file] for file in self._files]

    @property
    def nbytes(self) -> int:
        """Bytes of the files of this share."""
        return sum(shard.nbytes for shard in self.shards)

    def __enter__(self) -> Share:
        self.target.begin()
        try:
            self._claim()
            self._meet_others()
            self._prepare()
        except BaseException as error:
            self._leave(error)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.target.close()
            self._journal.release()
            return
        kept = self._leave(error)
        if not kept:
            return
        amount = sum(extent.file in self._files for extent in self.plan.extents)
        sentence = f"{kept} of {amount} extents are kept: run the same command again to continue"
        if isinstance(error, OSError):
            raise OSError(error.errno, f"{error.strerror or error}. {sentence}") from None
        error.args = (f"{error}. {sentence}" if str(error) else sentence,)

    def finished(self, result: ExtentResult) -> None:
        """Note that an extent of `missing` was made and written; any thread may call it.

        A file whose last extent it is becomes durable before this returns.
        """
        extent = self.plan.extents[result.index]
        with self._lock:
            self._fresh.append(result)
            self._left[extent.file] -= 1
            is_last = self._left[extent.file] == 0
            self._fresh_bytes += result.nbytes
            is_due = is_last or self._fresh_bytes >= _COMMIT_BYTES
        if is_due:
            self._commit(extent.file if is_last else None)

    def publish(self) -> Receipt | None:
        """Give the files of this share their names; the last process adds configuration, receipt and index.

        Returns
        -------
        Receipt or None
            None if files of other parts are still missing.

        Raises
        ------
        FileExistsError
            If a file has appeared meanwhile and `overwrite` is false.
        """
        assert not any(self._left.values()), "every extent is finished"
        plan = self.plan
        for file in self._pending:
            if file not in self._left:
                # its last extent was made by a former run
                self.target.complete(plan.shards[file].name)
        names = [plan.shards[file].name for file in self._pending]
        with self._journal.guarded():
            self._refuse_existing(self._journal.known())
            if receipt := self._receipt():
                names = [*plan.first, *names, *plan.last]
            self._name(names)
            # where nothing keeps others out, two may have ended at the same time, and both add the same
            if receipt is None and (receipt := self._receipt()):
                self._name([*plan.first, *plan.last])
            if receipt is not None:
                self.target.remove(self._obsolete())
                self._journal.remove()
        return receipt

    def _receipt(self) -> Receipt | None:
        """Put what lies beside the files, if all files of other parts are there."""
        plan, known = self.plan, self._journal.known()
        taken, first = set(self.target.names()), len(self.plan.first)
        for file, shard in enumerate(plan.shards):
            # who notes that a file gets its name may die before it does
            if file not in self._files and not (first + file in known.named and shard.name in taken):
                return None
        receipt = receipt_of(plan, known.done)
        for name, content in companions(plan, receipt):
            self.target.put(name, content)
        return receipt

    def _name(self, names: Sequence[str]) -> None:
        self._journal.add_named(map(self.plan.names.index, names))
        self.target.publish(names)

    def _claim(self) -> None:
        plan, first, extents = self.plan, len(self.plan.first), self.plan.extents
        with self._journal.guarded():
            self._journal.claim(self.part)
            self._journal.add_done((each.index, each.crc32) for each in self._results or ())
            known = self._journal.known()
            begun = {extents[index].file for index in known.done}
            for file in self._files:
                shard = plan.shards[file]
                if self.target.begun(shard.name, shard.nbytes):
                    self._pending.append(file)
                elif not (first + file in known.named and self.target.exists(shard.name)):
                    self._pending.append(file)
                    if file in begun or first + file in known.named:
                        self._journal.forget(first + file)
            known = self._journal.known()
        pending = set(self._pending)
        self.missing = tuple(
            extent
            for extent in extents
            if extent.file in pending
            and (extent.index not in known.done or (plan.digest and known.done[extent.index] is None))
        )
        for extent in self.missing:
            self._left[extent.file] = self._left.get(extent.file, 0) + 1

    def _meet_others(self) -> None:
        """Refuse living writers of other plans, and what exists; remove what the dead left."""
        differing = None
        # a list, so that none of them stays locked when this raises
        for _, content, is_alive in list(self._journal.others()):
            differing = self._journal.differs(content)
            if is_alive is None and not self._overwrite:
                raise BlockingIOError(
                    errno.EWOULDBLOCK,
                    f"other content for the same files in {self.plan.directory} is unfinished: {differing}. "
                    "Whether a process of another machine still writes it cannot be known here; wait for it, "
                    "or remove it with --force (overwrite=True)",
                )
            if is_alive:
                raise BlockingIOError(
                    errno.EWOULDBLOCK,
                    f"another process is writing other content for the same files in {self.plan.directory}: "
                    f"{differing}. Wait for it, or write elsewhere",
                )
        with self._journal.guarded():
            known = self._journal.known()
            if self.part.count > 1 and self._overwrite:
                # the parts appear one by one: what was there must not be taken for one of them
                self.target.remove([*self._existing(known), *self._obsolete()])
            self._refuse_existing(known, differing)
        self._journal.remove_others()

    def _prepare(self) -> None:
        for file in self._pending:
            if self._results is None or file not in self._left:
                shard = self.plan.shards[file]
                self.target.prepare(shard.name, shard.nbytes, shard.header)
        if self._results is not None and self._left:
            message = incomplete(self.plan, sorted(self._left), self._journal.parts())
            raise FileNotFoundError(errno.ENOENT, message)

    def _commit(self, completed: int | None) -> None:
        # one at a time: meanwhile the other threads draw
        with self._commits:
            with self._lock:
                fresh, self._fresh, self._fresh_bytes = self._fresh, [], 0
            for file in sorted({self.plan.extents[each.index].file for each in fresh} - {completed}):
                self.target.flush(self.plan.shards[file].name)
            if completed is not None:
                self.target.complete(self.plan.shards[completed].name)
            self._journal.add_done((each.index, each.crc32) for each in fresh)

    def _leave(self, error: BaseException) -> int:
        """Keep what is finished, if the next run can go on from it, or remove it; return the extents kept."""
        goes_on = isinstance(error, OSError | MemoryError) or not isinstance(error, Exception)
        names = [self.plan.shards[file].name for file in self._pending]
        # whatever is wrong with the disk was said by the first error
        with suppress(OSError):
            if goes_on and self._journal.is_held:
                self._commit(None)
        self.target.close()
        with suppress(OSError), self._journal.guarded():
            if not self._journal.is_held:
                self._journal.discard()
                names = []
            elif kept := self._kept() if goes_on else 0:
                self._journal.release()
                return kept
            else:
                for name in names:
                    self._journal.forget(self.plan.names.index(name))
                self._journal.discard()
                names = [*self.plan.first, *names, *self.plan.last]
            self.target.abandon(names)
        with suppress(OSError):
            self._journal.release()
        self.target.abandon(())
        return 0

    def _kept(self) -> int:
        done = self._journal.known().done
        return sum(self.plan.extents[index].file in self._files for index in done)

    def _refuse_existing(self, known: Known, differing: str | None = None) -> None:
        if self._overwrite:
            return
        for name in (*self._existing(known), *self._obsolete()):
            why = "" if differing is None else f", and an unfinished checkpoint there differs: {differing}"
            raise exists_already(self.plan.directory / name, why)

    def _existing(self, known: Known) -> list[str]:
        """Return the final names that are taken by what this plan has not written."""
        taken, names = set(self.target.names()), enumerate(self.plan.names)
        return [name for place, name in names if place not in known.named and name in taken]

    def _obsolete(self) -> list[str]:
        return contradicting(self.target.names(), self.plan.stem, self.plan.names)

    def _refuse_own_source(self) -> None:
        directory = self.plan.directory
        if not isinstance(directory, Path):
            return
        for draft in self.plan.blueprint.drafts:
            if isinstance(draft.content, Copied) and draft.content.path.parent.resolve() == (
                directory.resolve()
            ):
                raise SpecError(
                    f"tensor '{draft.name}' is copied from {draft.content.path}, which parts would replace "
                    "before all have read it; write into another directory"
                )
