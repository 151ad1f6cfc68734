"""The end of a checkpoint: files get their names, and whoever is last adds what lies beside them."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from .completion import companions, receipt_of
from .log import Known
from .neighbours import existing, obsolete, refuse_existing
from .places import AnyJournal
from .plan import CheckpointPlan
from .receipt import Receipt
from .targets import Target

__all__ = ["Publication"]


class Publication:
    """The final names of some files of a plan.

    Parameters
    ----------
    plan : CheckpointPlan
        The checkpoint.
    files : sequence of int
        The files that this process publishes.
    target : Target
        Where they are.
    journal : Journal or RemoteJournal
        What is noted of them.
    """

    def __init__(
        self, plan: CheckpointPlan, files: Sequence[int], target: Target, journal: AnyJournal
    ) -> None:
        self._plan = plan
        self._files = files
        self._target = target
        self._journal = journal

    def is_published(self, file: int, known: Known, sizes: Mapping[str, int]) -> bool:
        """Tell whether a file has its final name: it is noted, has its size, and is not another one since."""
        # who notes that a file gets its name may die before it does
        name, is_noted = self._plan.shards[file].name, len(self._plan.first) + file in known.named
        return is_noted and sizes.get(name) == self._plan.shards[file].nbytes and self._target.is_own(name)

    def publish(self, names: Sequence[str], *, overwrite: bool) -> Receipt | None:
        """Give complete files of tensors their names, and the others if nothing is missing then.

        Returns
        -------
        Receipt or None
            None if files of other parts are still missing.

        Raises
        ------
        FileExistsError
            If there is a file of such a name and `overwrite` is false.
        """
        plan, target = self._plan, self._target
        own: set[str] | None = None
        with self._journal.guarded():
            taken = target.names()
            known = self._journal.known()
            if overwrite:
                target.make_way(existing(plan, target, known, self._files, taken))
            else:
                refuse_existing(plan, target, known, self._files, taken)
                # what is there now is this plan's own, of a run that was killed
                own = {name for name in taken if name in plan.names}
            if receipt := self._receipt():
                names = [*plan.first, *names, *plan.last]
            if plan.layout.is_cut and overwrite:
                # until the receipt appears, nothing there may be taken for complete
                target.remove([plan.last[-1], *obsolete(plan, target)])
            self._name(names, own)
            # where nothing keeps others out, two may have ended at the same time, and both add the same
            if receipt is None and (receipt := self._receipt()):
                self._name([*plan.first, *plan.last], own)
            if receipt is not None:
                target.remove(obsolete(plan, target))
                self._journal.remove()
        return receipt

    def _receipt(self) -> Receipt | None:
        """Put what lies beside the files, if all files of other parts are there."""
        plan, known = self._plan, self._journal.known()
        sizes = self._target.sizes()
        for file in range(len(plan.shards)):
            if file not in self._files and not self.is_published(file, known, sizes):
                return None
        if plan.digest and len(known.done) < len(plan.extents):
            if sizes.keys() >= set(plan.names):
                # another process has completed it, and is clearing away
                return None
            raise OSError(
                errno.EIO,
                f"not all checksums of {plan.directory} are noted any more; remove its files and write again",
            )
        receipt = receipt_of(plan, known.done)
        for name, content in companions(plan, receipt):
            self._target.put(name, content)
        return receipt

    def _name(self, names: Sequence[str], own: set[str] | None) -> None:
        self._journal.add_named(map(self._plan.names.index, names))
        self._target.publish(names, own)
