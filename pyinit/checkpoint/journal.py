"""What is finished of a checkpoint, and who is writing it: files beside it that outlive a crash.

Beside the unfinished files of a plan lies a hidden directory ``.pyinit-TAG``: ``plan.json``; ``lock``, held while
names are looked at and changed; ``workers``, shared by those who run single extents; and one log for each writer,
that is, for each part. A log only grows, by whole lines:

- ``17 1a2b3c4d``: extent 17 is durable, with this CRC-32 (or ``-``);
- ``named 2``: the file at place 2 of the plan's names is about to get its final name;
- ``again 2``: that file was begun again, and what was said of it before no longer counts.

Why locks, not clocks: a writer holds its log under an exclusive flock, which the kernel drops when it dies, however
it dies. So a log that can be locked belongs to nobody, and no time has to pass before it is taken over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import FormatError
from ..stream.strict_json import parsed
from .parts import Part, assigned
from .plan import CheckpointPlan
from .plan_json import Document, difference, document, text_of

__all__ = ["Journal", "Known"]

_PREFIX = ".pyinit-"
_GUARD = "lock"
_WORKERS = "workers"
_PARTIAL = re.compile(r"\.(.+)\.([0-9a-f]{12})\.partial")
_LOG = re.compile(r"(\d{5,})-of-(\d{5,})\.log")
_LINE = re.compile(r"(\d+) ([0-9a-f]{8}|-)|(named|again) (\d+)")


@dataclass
class Known:
    """What the logs say: the extents that are durable with their CRC-32, and the files with final names."""

    done: dict[int, int | None] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)


class Journal:
    """The hidden directory of one plan.

    Parameters
    ----------
    plan : CheckpointPlan
        Its fingerprint names the directory.
    """

    def __init__(self, plan: CheckpointPlan) -> None:
        self.plan = plan
        self.place = plan.directory / f"{_PREFIX}{plan.tag}"
        self._log = -1
        self._name = ""

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Keep all other processes out, for as long as names are looked at and changed; make the directory."""
        with _guarded(self.place, is_made=True):
            yield

    def claim(self, part: Part) -> None:
        """Become the writer of a part's files; call it guarded.

        Raises
        ------
        BlockingIOError
            If a living process writes one of these files.
        """
        self._keep_plan()
        mine = set(self.files_of(part))
        for other in self.living():
            if other == part or mine & set(self.files_of(other)):
                raise BlockingIOError(
                    errno.EWOULDBLOCK,
                    f"another process is writing {_said(other)} of this checkpoint into {self.plan.directory}; "
                    "wait for it, or stop it and run the same command again",
                )
        name = f"{part.index:05d}-of-{part.count:05d}.log"
        descriptor = os.open(self.place / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        _lock(descriptor, self.place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._log, self._name = descriptor, name

    @property
    def is_held(self) -> bool:
        """Whether this is the writer of a part."""
        return self._log >= 0

    def files_of(self, part: Part) -> tuple[int, ...]:
        """Return the numbers of a part's files."""
        return assigned([shard.nbytes for shard in self.plan.shards], part)

    def known(self) -> Known:
        """Return what all logs say together."""
        known = Known()
        for _, path in self._logs():
            of_log = self._read(path)
            known.done.update(of_log.done)
            known.named |= of_log.named
        return known

    def living(self) -> list[Part]:
        """Return the parts whose logs are held by a process; one's own is not counted."""
        return [part for part, path in self._logs() if path.name != self._name and _is_held(path)]

    def parts(self) -> list[Part]:
        """Return the parts that ever wrote."""
        return [part for part, _ in self._logs()]

    def add_done(self, results: Iterable[tuple[int, int | None]]) -> None:
        """Note extents, as (number, CRC-32), that are durable."""
        lines = "".join(f"{index} {'-' if crc is None else f'{crc:08x}'}\n" for index, crc in results)
        if lines:
            # a line that a power cut tore must not swallow the next one
            os.write(self._log, f"\n{lines}".encode())

    def add_named(self, places: Iterable[int]) -> None:
        """Note that files are about to get their final names; durable when it returns."""
        os.write(self._log, ("\n" + "".join(f"named {place}\n" for place in places)).encode())
        os.fsync(self._log)

    def forget(self, place: int) -> None:
        """Note in every log that a file was begun again; call it guarded."""
        for _, path in self._logs():
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                os.write(descriptor, f"\nagain {place}\n".encode())
                os.fsync(descriptor)
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
            descriptor = os.open(self.place / _WORKERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            _lock(descriptor, self.place, fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(descriptor)

    def others(self) -> Iterator[tuple[str, Document | None, bool]]:
        """Yield (tag, plan, whether a process is writing) of other plans for the same files; call it unguarded."""
        for place in sorted(self.plan.directory.glob(f"{_PREFIX}*")):
            content = _plan_of(place)
            if place == self.place or (content is not None and content.get("stem") != self.plan.stem):
                continue
            # two that look at each other must not wait for each other: only one directory is locked at a time
            with suppress(FileNotFoundError, NotADirectoryError), _guarded(place, is_made=False):
                yield place.name.removeprefix(_PREFIX), _plan_of(place), _is_alive(place)

    def remove_others(self) -> None:
        """Remove what dead writers of other plans for the same files left; call it unguarded."""
        directory = self.plan.directory
        for tag, _, is_alive in self.others():
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
        return difference(other, document(self.plan, is_strict=False)) or "only its place differs"

    def _keep_plan(self) -> None:
        if (self.place / "plan.json").exists():
            return
        text = text_of(document(self.plan, is_strict=False), self.plan.path, self.plan.fingerprint)
        temporary = self.place / "plan.json.new"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(self.place / "plan.json")

    def _logs(self) -> list[tuple[Part, Path]]:
        try:
            names = sorted(os.listdir(self.place))
        except FileNotFoundError:
            return []
        matches = (_LOG.fullmatch(name) for name in names)
        return [(Part(int(match[1]), int(match[2])), self.place / match[0]) for match in matches if match]

    def _read(self, path: Path) -> Known:
        known = Known()
        first, extents = len(self.plan.first), self.plan.extents
        # what follows the last end of a line was torn
        for line in path.read_bytes().decode("ascii", "replace").split("\n")[:-1]:
            match = _LINE.fullmatch(line)
            if match is None:
                continue
            if match[1] is not None:
                if int(match[1]) < len(extents):
                    known.done[int(match[1])] = None if match[2] == "-" else int(match[2], 16)
            elif match[3] == "named":
                known.named.add(int(match[4]))
            else:
                place = int(match[4])
                known.named.discard(place)
                again = [index for index in known.done if extents[index].file == place - first]
                for index in again:
                    del known.done[index]
        return known


def _said(part: Part) -> str:
    return "all files" if part.count == 1 else f"part {part}"


def _plan_of(place: Path) -> Document | None:
    try:
        content = parsed((place / "plan.json").read_bytes(), "a plan", FormatError)
    except (OSError, FormatError):
        return None
    if not isinstance(content, dict):
        return None
    return {name: value for name, value in content.items() if name not in ("pyinit", "path", "fingerprint")}


@contextmanager
def _guarded(place: Path, *, is_made: bool) -> Iterator[None]:
    """Hold the lock of a plan's directory; one that is removed while this waits is made again if `is_made`."""
    while True:
        if is_made:
            place.mkdir(exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(place / _GUARD, flags, 0o666)
        except FileNotFoundError:
            if is_made:
                continue
            raise
        try:
            _lock(descriptor, place, fcntl.LOCK_EX)
            if _is_same(descriptor, place / _GUARD):
                yield
                return
        finally:
            os.close(descriptor)


def _is_same(descriptor: int, path: Path) -> bool:
    held = os.fstat(descriptor)
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)


def _lock(descriptor: int, place: Path, operation: int) -> None:
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise
        raise OSError(
            error.errno,
            f"{place.parent} is on a file system without locks of files (flock), which keep two writers apart; "
            "mount it with them, or write elsewhere",
        ) from None


def _is_alive(place: Path) -> bool:
    return any(_is_held(path) for path in (*place.glob("*.log"), place / _WORKERS))


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        _lock(descriptor, path.parent, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _remove(place: Path) -> None:
    """Remove a directory; the logs go first, as without them nothing in it says that anything is finished."""
    for path in sorted(place.glob("*.log")):
        path.unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
