"""What is finished of a checkpoint on an object store, and who is writing it: small objects beside it.

In the hidden folder ``.pyinit-TAG``, where TAG begins the plan's fingerprint:

- ``plan.json``: the plan;
- ``done/17-1a2b3c4d_9_0.5_0.1``: extent 17 was made, with this CRC-32 (or ``-``) and, of floating numbers,
  how many are finite, their mean, and their sum of squares about it. It counts as long as all pieces of its
  file that it reaches into are there. Each extent has its object, so that one listing says everything;
- ``named/2``: the file at place 2 of the plan's names is about to get its final name;
- ``parts/00000-of-00004``: this part has written;
- ``writers/00000-of-00004,NAME``: this process writes it now, or died doing so (`liveness`);
- ``uploads/FILE``: an unfinished file, as `uploads` keeps it.

Nothing keeps two processes apart here, and nothing has to where they write the same plan: the same piece has
the same bytes. Other plans for the same files are refused while their writer lives or cannot be known to be
dead.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ...errors import FormatError
from ...stream.strict_json import parsed
from ..differences import Document, difference
from ..digest import Digest
from ..found import Found
from ..log import Known
from ..parts import WHOLE, Part, assigned
from ..plan import FOLDER, CheckpointPlan
from ..plan_json import deciding
from .liveness import begin_life, end_life, is_alive
from .store import Store
from .target import RemoteTarget, uploads_of
from .uploads import piece_bytes, upload_names

__all__ = ["PREFIX", "RemoteJournal"]

PREFIX = ".pyinit-"
_DONE = re.compile(r"done/(\d+)-([0-9a-f]{8}|-)(?:_(\d+)_([^_]+)_([^_]+))?")
_NAMED = re.compile(r"named/(\d+)")
_PART = re.compile(r"parts/(\d+)-of-(\d+)")
_WRITER = re.compile(r"writers/(?:(\d+)-of-(\d+)|worker),(.*)")


class RemoteJournal:
    """The hidden folder of one plan.

    Parameters
    ----------
    plan : CheckpointPlan
        Its fingerprint names the folder.
    store : Store
        The plan's directory.
    target : RemoteTarget
        It knows which pieces are there.
    """

    def __init__(self, plan: CheckpointPlan, store: Store, target: RemoteTarget) -> None:
        self.plan = plan
        self.folder = f"{PREFIX}{plan.tag}"
        self._store = store
        self._target = target
        self._part: Part | None = None
        self._name = ""

    def guarded(self) -> AbstractContextManager[None]:
        """Keep nobody out: what is done inside may be done by several."""
        return nullcontext()

    def claim(self, part: Part) -> None:
        """Become a writer of a part's files.

        Raises
        ------
        BlockingIOError
            If a process of this machine writes one of these files.
        """
        self._keep_plan()
        mine = set(self.files_of(part))
        for record, other, is_living in self._writers():
            if is_living is False:
                self._store.remove([record])
            elif is_living and other is not None and mine & set(self.files_of(other)):
                if other.count == part.count and other != part:
                    continue
                whose = "all files" if other.count == 1 else f"part {other}"
                raise BlockingIOError(
                    errno.EWOULDBLOCK,
                    f"another process is writing {whose} of this checkpoint into {self.plan.directory}; wait "
                    "for it, or stop it and run the same command again",
                )
        self._part = part
        self._store.put(self._place(f"parts/{_name_of(part)}"), b"")
        self._name = self._announce(_name_of(part))

    @property
    def is_held(self) -> bool:
        """Whether this is a writer of a part."""
        return self._part is not None

    def files_of(self, part: Part) -> tuple[int, ...]:
        """Return the numbers of a part's files."""
        return assigned([shard.nbytes for shard in self.plan.shards], part)

    def parts(self) -> list[Part]:
        """Return the parts that ever wrote."""
        matches = (_PART.fullmatch(name) for name in sorted(self._store.below(self.folder)))
        return [Part(int(match[1]), int(match[2])) for match in matches if match]

    def known(self) -> Known:
        """Return what is noted, without extents of this part's files whose pieces are not there."""
        known = Known()
        found = self._store.below(self.folder)
        for name in found:
            if (match := _DONE.fullmatch(name)) and int(match[1]) < len(self.plan.extents):
                known.done[int(match[1])] = self._digest(match)
            elif match := _NAMED.fullmatch(name):
                known.named.add(int(match[1]))
        begun = set(upload_names(list(found)))
        for file in self.files_of(self._part or WHOLE):
            if self.plan.shards[file].name in begun:
                for index in self._reaching_further(file, known):
                    del known.done[index]
        return known

    def add_done(self, results: Iterable[tuple[int, Digest | None]]) -> None:
        """Note extents, as (number, digest), that were made."""
        names = [f"done/{index}-{_text(digest)}" for index, digest in results]
        self._store.put_all({self._place(name): b"" for name in names})

    def add_named(self, places: Iterable[int]) -> None:
        """Note that files are about to get their final names."""
        self._store.put_all({self._place(f"named/{place}"): b"" for place in places})

    def forget(self, place: int) -> None:
        """Take back what was noted of a file."""
        gone = []
        for name in self._store.below(self.folder):
            match = _DONE.fullmatch(name)
            is_of_file = (
                match is not None
                and int(match[1]) < len(self.plan.extents)
                and self.plan.extents[int(match[1])].file == place - len(self.plan.first)
            )
            if is_of_file or name == f"named/{place}":
                gone.append(self._place(name))
        self._store.remove(gone)

    def release(self) -> None:
        """Give the part up; what is noted stays."""
        part, name = self._part, self._name
        self._part, self._name = None, ""
        if part is not None and name:
            self._retire(_name_of(part), name)

    def discard(self) -> None:
        """Take back that this part has written, and remove the folder if no other has."""
        part = self._part
        self.release()
        if part is not None:
            self._store.remove([self._place(f"parts/{_name_of(part)}")])
        if not self.parts() and not any(is_living is not False for _, _, is_living in self._writers()):
            self.remove()

    def remove(self) -> None:
        """Remove the folder and what is unfinished."""
        self.release()
        _remove(self._store, self.folder)

    @contextmanager
    def enlisted(self) -> Iterator[None]:
        """Count as a living writer of this plan meanwhile, beside others that write its extents."""
        self._keep_plan()
        name = self._announce("worker")
        try:
            yield
        finally:
            self._retire("worker", name)

    def others(self) -> Iterator[tuple[str, Document | None, bool | None]]:
        """Yield (tag, plan, whether somebody writes it, None if unknown) of other plans of these files."""
        for folder in sorted(self._store.names()):
            if not FOLDER.fullmatch(folder) or folder == self.folder:
                continue
            content = _plan_of(self._store.read(f"{folder}/plan.json"))
            if content is not None and content.get("stem") != self.plan.stem:
                continue
            states = [is_living for _, _, is_living in self._writers(folder)]
            is_living = True if True in states else None if None in states else False
            yield folder.removeprefix(PREFIX), content, is_living

    def remove_others(self) -> None:
        """Remove what other plans for the same files left, but for those whose writer is known to live."""
        for tag, _, is_living in list(self.others()):
            if is_living is not True:
                _remove(self._store, f"{PREFIX}{tag}")

    def differs(self, other: Document | None) -> str:
        """Say how another plan differs from this one."""
        if other is None:
            return "its plan cannot be read"
        return difference(other, self.plan.document) or "only its place differs"

    def is_gone(self) -> bool:
        """Tell whether the folder was removed, with all that is unfinished."""
        return not self._store.below(self.folder)

    def _digest(self, match: re.Match[str]) -> Digest | None:
        if match[2] == "-":
            return None
        found = None if match[3] is None else Found(int(match[3]), float(match[4]), float(match[5]))
        return Digest(int(match[2], 16), self.plan.extents[int(match[1])].nbytes, found)

    def _place(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _keep_plan(self) -> None:
        if "plan.json" not in self._store.below(self.folder):
            self._store.put(self._place("plan.json"), self.plan.headed_text.encode())

    def _announce(self, what: str) -> str:
        name = begin_life()
        self._store.put(self._place(f"writers/{what},{name}"), b"")
        return name

    def _retire(self, what: str, name: str) -> None:
        end_life(name)
        self._store.remove([self._place(f"writers/{what},{name}")])

    def _writers(self, folder: str | None = None) -> Iterator[tuple[str, Part | None, bool | None]]:
        folder = folder or self.folder
        for name in sorted(self._store.below(folder)):
            if match := _WRITER.fullmatch(name):
                part = None if match[1] is None else Part(int(match[1]), int(match[2]))
                yield f"{folder}/{name}", part, is_alive(match[3])

    def _reaching_further(self, file: int, known: Known) -> list[int]:
        """Return the extents of a file that reach into a piece which is not there."""
        shard = self.plan.shards[file]
        noted = [index for index in known.done if self.plan.extents[index].file == file]
        # an upload that is gone was completed, or its extents are forgotten with the next claim
        if not noted or not self._target.begun(shard.name, shard.nbytes):
            return []
        there, most = self._target.pieces(shard.name, shard.nbytes), piece_bytes(shard.nbytes)
        further = []
        for index in noted:
            extent = self.plan.extents[index]
            numbers = range(extent.offset // most, -(-(extent.offset + extent.nbytes) // most))
            if not there.issuperset(numbers):
                further.append(index)
        return further


def _text(digest: Digest | None) -> str:
    if digest is None:
        return "-"
    text, found = f"{digest.crc32:08x}", digest.found
    # some stores take no plus sign in names, and numbers do without
    return text if found is None else f"{text}_{found.count}_{found.mean!r}_{found.m2!r}".replace("+", "")


def _name_of(part: Part) -> str:
    return f"{part.index:05d}-of-{part.count:05d}"


def _plan_of(text: bytes | None) -> Document | None:
    if text is None:
        return None
    try:
        content = parsed(text, "a plan", FormatError)
    except FormatError:
        return None
    if not isinstance(content, dict):
        return None
    return deciding(content)


def _remove(store: Store, folder: str) -> None:
    """Remove a plan's folder: uploads first, and last what says which files under final names are its own."""
    found = sorted(store.below(folder))
    uploads = uploads_of(store, folder)
    for name in upload_names(found):
        uploads.abort(name)
    last = [name for name in found if name.startswith("named/") or name == "plan.json"]
    store.remove(f"{folder}/{name}" for name in (*sorted(set(found) - set(last)), *last))
