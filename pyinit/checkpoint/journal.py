"""What is finished of a checkpoint, and who is writing it: files beside it that outlive a crash.

Beside the unfinished files of a plan lies a hidden directory ``.pyinit-TAG``. It holds ``plan.json``;
``lock``, held while names are looked at and changed; ``workers``, shared by those who run single extents; and
one log for each writer, that is, for each part; `log` says what its lines mean. Who published a file gave it
a second name there, ``NAME.INODE.own``, by which it is known from any other file of its name.

Why locks, not clocks: a writer holds its log under an exclusive flock, which the kernel drops when the writer
dies. So a log that can be locked belongs to nobody, and no time has to pass before it is taken over.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from ..errors import FormatError
from ..stream.strict_json import parsed
from .differences import Document, difference
from .digest import Digest
from .locks import check_locks, guarded, held, is_held
from .log import Known, extents_of, line_of, read_log
from .parts import Part, assigned
from .plan import FOLDER, CheckpointPlan
from .plan_json import deciding
from .system import PRIVATE, sync

__all__ = ["Journal"]

_PREFIX = ".pyinit-"
_GUARD = "lock"
_WORKERS = "workers"
# what the name of a directory ends with that is being removed
_GONE = ".gone"
_PARTIAL = re.compile(r"\.(.+)\.([0-9a-f]{12})\.partial")
_LOG = re.compile(r"(\d{5,})-of-(\d{5,})\.log")


class Journal:
    """The hidden directory of one plan.

    Parameters
    ----------
    plan : CheckpointPlan
        Its fingerprint names the directory.

    Raises
    ------
    OSError
        On Windows, which has no locks as these.
    """

    def __init__(self, plan: CheckpointPlan) -> None:
        assert isinstance(plan.directory, Path), "another kind of journal lies beside URLs"
        check_locks(plan.directory)
        self.plan = plan
        self.directory = plan.directory
        self.place = self.directory / f"{_PREFIX}{plan.tag}"
        self._log = -1
        self._name = ""

    def guarded(self) -> AbstractContextManager[None]:
        """Keep others out while names are looked at and changed; the directory is made if needed."""
        return guarded(self.place / _GUARD, is_made=True)

    def claim(self, part: Part) -> None:
        """Become the writer of a part's files; call it guarded.

        Raises
        ------
        BlockingIOError
            If a living process writes one of these files.
        """
        self._keep_plan()
        mine = set(self.files_of(part))
        for other, path in self._logs():
            is_apart = other.count == part.count and other != part
            if not is_apart and mine & set(self.files_of(other)) and is_held(path):
                whose = "all files" if other.count == 1 else f"part {other}"
                raise BlockingIOError(
                    errno.EWOULDBLOCK,
                    f"another process is writing {whose} of this checkpoint into {self.directory}; wait "
                    "for it, or stop it and run the same command again",
                )
        name = f"{part.index:05d}-of-{part.count:05d}.log"
        self._log, self._name = held(self.place / name, wait=False, flags=os.O_APPEND), name

    @property
    def is_held(self) -> bool:
        """Whether this is the writer of a part."""
        return self._log >= 0

    def files_of(self, part: Part) -> tuple[int, ...]:
        """Return the numbers of a part's files."""
        return assigned([shard.nbytes for shard in self.plan.shards], part)

    def parts(self) -> list[Part]:
        """Return the parts that ever wrote."""
        return [part for part, _ in self._logs()]

    def known(self) -> Known:
        """Return what all logs say together."""
        known = Known()
        for _, path in self._logs():
            of_log = read_log(path, self.plan)
            known.done.update(of_log.done)
            known.named |= of_log.named
        return known

    def add_done(self, results: Iterable[tuple[int, Digest | None]]) -> None:
        """Note extents, as (number, digest), that are durable."""
        lines = [line_of(index, digest) for index, digest in results]
        if lines:
            self._append(self._log, lines)

    def add_named(self, places: Iterable[int]) -> None:
        """Note that files are about to get their final names; durable when it returns."""
        self._append(self._log, [f"named {place}" for place in places])
        sync(self._log)

    def forget(self, place: int) -> None:
        """Note in every log that speaks of a file that it was begun again; call it guarded."""
        for _, path in self._logs():
            known = read_log(path, self.plan)
            if place not in known.named and not extents_of(known, self.plan, place):
                continue
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | PRIVATE)
            try:
                self._append(descriptor, [f"again {place}"])
                sync(descriptor)
            finally:
                os.close(descriptor)

    def release(self) -> None:
        """Give the part up; its log stays."""
        if self._log >= 0:
            os.close(self._log)
            self._log, self._name = -1, ""

    def discard(self) -> None:
        """Remove one's own log, and the directory if there is no other; call it guarded."""
        if self._name:
            (self.place / self._name).unlink(missing_ok=True)
        self.release()
        if not self._logs():
            self.remove()

    def remove(self) -> None:
        """Remove the directory; call it guarded."""
        self.release()
        _remove(self.place)

    @contextmanager
    def enlisted(self) -> Iterator[None]:
        """Count as a living writer of this plan meanwhile, beside others that write its extents."""
        with self.guarded():
            self._keep_plan()
            descriptor = held(self.place / _WORKERS, shared=True)
        try:
            yield
        finally:
            os.close(descriptor)

    def others(self) -> Generator[tuple[str, Document | None, bool], None, None]:
        """Yield (tag, plan, whether a process is writing) of other plans for the same files, each guarded.

        It must not be called guarded: two that look at each other would wait for each other for ever.
        """
        for place in sorted(self.directory.glob(f"{_PREFIX}*")):
            if not FOLDER.fullmatch(place.name.removesuffix(_GONE)):
                continue
            if place.name.endswith(_GONE):
                _clear(place)
                continue
            content = None if place == self.place else _plan_of(place)
            if place == self.place or (content is not None and content.get("stem") != self.plan.stem):
                continue
            with suppress(FileNotFoundError, NotADirectoryError), guarded(place / _GUARD, is_made=False):
                is_alive = any(is_held(path) for path in (*place.glob("*.log"), place / _WORKERS))
                yield place.name.removeprefix(_PREFIX), _plan_of(place), is_alive

    def remove_others(self) -> None:
        """Remove what dead writers of other plans for the same files left; it must not be called guarded."""
        directory = self.directory
        with closing(self.others()) as others:
            for tag, _, is_alive in others:
                if not is_alive:
                    for partial in directory.glob(f".*.{tag}.partial"):
                        partial.unlink(missing_ok=True)
                    _remove(directory / f"{_PREFIX}{tag}")
        # and files whose directory somebody removed
        for partial in directory.glob(".*.partial"):
            match = _PARTIAL.fullmatch(partial.name)
            if match and match[1] in self.plan.names and not (directory / f"{_PREFIX}{match[2]}").exists():
                partial.unlink(missing_ok=True)

    def differs(self, other: Document | None) -> str:
        """Say how another plan differs from this one."""
        if other is None:
            return "its plan cannot be read"
        return difference(other, self.plan.document) or "only its place differs"

    def is_gone(self) -> bool:
        """Tell whether the directory was removed, and remove what a kill left of that."""
        _clear(_gone(self.place))
        return not self.place.exists()

    def _keep_plan(self) -> None:
        if (self.place / "plan.json").exists():
            return
        temporary = self.place / "plan.json.new"
        try:
            temporary.write_text(self.plan.headed_text, encoding="utf-8")
        except OSError as error:
            raise self._explained(error) from None
        temporary.rename(self.place / "plan.json")

    def _append(self, descriptor: int, lines: Iterable[str]) -> None:
        # a line that a power cut or a full disk tore must not swallow the next one
        data = ("\n" + "".join(f"{line}\n" for line in lines)).encode()
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError as error:
            raise self._explained(error) from None

    def _explained(self, error: OSError) -> OSError:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        where = f"no room in {self.directory} to note what is finished"
        return OSError(error.errno, f"{where}; make room or write elsewhere")

    def _logs(self) -> list[tuple[Part, Path]]:
        try:
            names = sorted(os.listdir(self.place))
        except FileNotFoundError:
            return []
        matches = (_LOG.fullmatch(name) for name in names)
        return [(Part(int(match[1]), int(match[2])), self.place / match[0]) for match in matches if match]


def _plan_of(place: Path) -> Document | None:
    try:
        content = parsed((place / "plan.json").read_bytes(), "a plan", FormatError)
    except (OSError, FormatError):
        return None
    if not isinstance(content, dict):
        return None
    return deciding(content)


def _remove(place: Path) -> None:
    """Remove a directory at once: all logs, or none, say what is finished; the next run clears the rest."""
    gone = _gone(place)
    _clear(gone)
    with suppress(FileNotFoundError):
        place.rename(gone)
        _clear(gone)


def _gone(place: Path) -> Path:
    return place.with_name(place.name + _GONE)


def _clear(gone: Path) -> None:
    shutil.rmtree(gone, ignore_errors=True)
