"""What one process does of a plan: it claims files, knows what is missing of them, and publishes them."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import ArgumentError, SpecError
from .completion import incomplete, intact, is_complete, receipt_of
from .contents import check_made
from .digest import Digest
from .extents import Extent
from .neighbours import clear_place, refuse_changed, refuse_own_source
from .parts import WHOLE, Part
from .places import opened
from .plan import CheckpointPlan
from .publication import Publication
from .receipt import Receipt
from .results import ExtentResult, check_result
from .shards import Shard

__all__ = ["Share", "is_finished"]

#: Extents are noted together: waiting for the disk after each small one would take longer than drawing them.
_COMMIT_BYTES = 1 << 30


def is_finished(plan: CheckpointPlan) -> bool:
    """Tell whether a checkpoint is complete, and nothing of its making is left to be cleared away."""
    return opened(plan)[1].is_gone() and is_complete(plan)


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
        If the receipt cannot say what a tensor is, or nothing here can make it.
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
            receipt_of(plan, dict.fromkeys(range(len(plan.extents)), Digest(0, 0))).to_json()
        for draft in plan.blueprint.drafts:
            check_made(draft.content)
        self.plan = plan
        self.part = part
        self.target, self._journal = opened(plan)
        self.missing: tuple[Extent, ...] = ()
        self._files = self._journal.files_of(part)
        self._publication = Publication(plan, self._files, self.target, self._journal)
        self._overwrite = overwrite
        self._results = None if results is None else list(results)
        for result in self._results or ():
            check_result(plan, result)
        self._fresh: list[ExtentResult] = []
        self._fresh_bytes = 0
        self._awaited: set[int] = set()
        self._left: dict[int, int] = {}
        self._pending: list[int] = []
        self._lock = threading.Lock()
        self._commits = threading.Lock()
        if part.count > 1 and overwrite:
            refuse_own_source(plan)

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
            place = (self.plan, self.part, self.target, self._journal)
            clear_place(*place, overwrite=self._overwrite)
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

        A file whose last extent it is becomes durable before this returns. An engine that has run an extent
        twice may say so twice.

        Raises
        ------
        ArgumentError
            If it is no result of this plan.
        """
        extent = check_result(self.plan, result)
        with self._lock:
            if result.index not in self._awaited:
                return
            self._awaited.remove(result.index)
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
        ArgumentError
            If an extent is not finished.
        """
        if self._awaited:
            raise ArgumentError(
                f"publish needs all extents of missing to be finished; {len(self._awaited)} are not, "
                f"the first of them {min(self._awaited)}. Run them before"
            )
        plan = self.plan
        for file in self._pending:
            if file not in self._left:
                # its last extent was made by a former run
                self.target.complete(plan.shards[file].name)
        names = [plan.shards[file].name for file in self._pending]
        refuse_changed(draft.content for shard in self.shards for draft in shard.drafts)
        return self._publication.publish(names, overwrite=self._overwrite)

    def _claim(self) -> None:
        plan, first, extents = self.plan, len(self.plan.first), self.plan.extents
        with self._journal.guarded():
            self._journal.claim(self.part)
            self._journal.add_done(intact(plan, self.target, self._results or ()))
            known, sizes = self._journal.known(), self.target.sizes()
            begun = {extents[index].file for index in known.done}
            for file in self._files:
                shard = plan.shards[file]
                if self.target.begun(shard.name, shard.nbytes):
                    self._pending.append(file)
                elif not self._publication.is_published(file, known, sizes):
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
        self._awaited = {extent.index for extent in self.missing}
        for extent in self.missing:
            self._left[extent.file] = self._left.get(extent.file, 0) + 1

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
            self._journal.add_done((each.index, each.digest) for each in fresh)

    def _leave(self, error: BaseException) -> int:
        """Keep what is finished, if the next run can go on from it, or remove it; return the extents kept."""
        goes_on = isinstance(error, OSError | MemoryError) or not isinstance(error, Exception)
        names = [self.plan.shards[file].name for file in self._pending]
        # the first error has reported what is wrong with the disk
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
