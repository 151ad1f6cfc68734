"""Multipart uploads of S3: parts from any machine, and an object that appears when one of them completes it.

An upload has an identifier, which a record in the plan's folder keeps, so that all machines and the next run
find it. S3 lists parts with their sizes; so what is there needs no journal.

Several processes may begin one file at the same time. Each creates an upload, and all use the one that the
record names: S3 makes or replaces an object only if nobody else did so since (If-None-Match, If-Match). A
store that does not know these conditions lets the last of them win. So a process reads what it has noted, and
once more when it has written its parts: if the record names another upload by then, they are made again.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..targets import exists_already
from .store import Store, lost
from .uploads import record

__all__ = ["MultipartUploads"]


class MultipartUploads:
    """Unfinished files as multipart uploads, through s3fs.

    Parameters
    ----------
    store : Store
        The directory; its file system is that of s3fs.
    folder : str
        The hidden folder of the plan.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._known: dict[str, str] = {}
        # of files whose record names an upload that is no more, that upload
        self._stale: dict[str, str] = {}

    def is_begun(self, name: str) -> bool:
        """Look for the upload that the record names."""
        return self._found(name) is not None

    def begin(self, name: str) -> None:
        """Create an upload and note it; where another process notes one first, that is the one."""
        if self._found(name) is not None:
            return
        made: str = self._call("write", "create_multipart_upload", name)["UploadId"]
        self._note(name, made)
        if self._noted_upload(name) == made:
            self._known[name] = made
            return
        self._abort(name, made)
        if self._found(name) is None:
            raise self._lost(name)

    def is_joint(self, name: str) -> bool:
        """Tell whether the record still names the upload in use; abort one that it does not name."""
        known = self._known.get(name)
        if known is None or self._noted_upload(name) == known:
            return True
        self._abort(name, known)
        del self._known[name]
        return False

    def pieces(self, name: str) -> dict[int, int]:
        """List the parts."""
        return {part["PartNumber"] - 1: part["Size"] for part in self._found(name) or ()}

    def put(self, name: str, number: int, data: bytearray) -> None:
        """Upload a part."""
        fields = {"UploadId": self._known[name], "PartNumber": number + 1, "Body": data}
        try:
            self._call("write", "upload_part", name, **fields)
        except FileNotFoundError as error:
            # a bucket that is not there has its own words
            raise self._lost(name) if "upload" in str(error) else error from None

    def complete(self, name: str, sizes: Sequence[int], *, is_new: bool = False) -> None:
        """Complete the upload; where another process has done so, the file is there."""
        parts = self._found(name)
        if parts is not None and [part["Size"] for part in parts] == list(sizes):
            listed = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
            fields = {"UploadId": self._known[name], "MultipartUpload": {"Parts": listed}}
            self._complete(name, fields, is_new=is_new)
        elif parts is not None:
            raise self._lost(name)
        if self._store.sizes().get(name) != sum(sizes):
            raise self._lost(name)
        self._forget(name)

    def _complete(self, name: str, fields: Mapping[str, Any], *, is_new: bool) -> None:
        condition = {"IfNoneMatch": "*"} if is_new else {}
        # one that another process completes meanwhile, or a former try, is no more
        with suppress(FileNotFoundError):
            try:
                self._call("write", "complete_multipart_upload", name, **fields, **condition)
            except OSError as error:
                if isinstance(error, FileNotFoundError) or not is_new:
                    raise
                if error.errno == errno.ENOSYS:
                    # the store has no conditions
                    self._call("write", "complete_multipart_upload", name, **fields)
                elif self._found(name) is None:
                    return
                elif name in self._store.names():
                    raise exists_already(self._store.url / name) from None
                else:
                    raise

    def abort(self, name: str) -> None:
        """Abort the upload, and remove its record last: what has one is looked for."""
        # twice, if a part that was on its way arrives after the first time
        for _ in range(2):
            if self._found(name) is not None:
                self._abort(name, self._known[name])
        self._forget(name)

    def _found(self, name: str) -> list[dict[str, Any]] | None:
        """Return the parts of the file's upload, or None if there is none."""
        for upload in self._candidates(name):
            try:
                parts = list(self._parts(name, upload))
            except FileNotFoundError:
                self._known.pop(name, None)
                continue
            self._known[name] = upload
            return parts
        return None

    def _candidates(self, name: str) -> Iterator[str]:
        known = self._known.get(name)
        if known is not None:
            yield known
        noted = self._noted_upload(name)
        if noted is not None and noted != known:
            yield noted
        if noted is not None:
            self._stale[name] = noted

    def _noted_upload(self, name: str) -> str | None:
        noted = self._store.read(record(self._folder, name))
        return None if noted is None else noted.decode()

    def _note(self, name: str, upload: str) -> None:
        """Let the record name an upload, unless another process has changed it since it was read."""
        place, stale = record(self._folder, name), self._stale.pop(name, None)
        # what the store answers does not decide: the answer to a request that was sent twice is the second
        if stale is None:
            self._store.put_new(place, upload.encode())
        else:
            self._store.replace(place, stale.encode(), upload.encode())

    def _forget(self, name: str) -> None:
        noted, known = self._noted_upload(name), self._known.pop(name, None)
        if noted is not None and known is not None and noted != known:
            self._abort(name, noted)
        self._stale.pop(name, None)
        self._store.remove([record(self._folder, name)])
        self._sweep(name)

    def _lost(self, name: str) -> OSError:
        why = "parts of its upload are missing; another process, or a rule of the bucket, aborted it"
        return lost(self._store.url, name, why)

    def _parts(self, name: str, upload: str) -> Iterator[dict[str, Any]]:
        marker = 0
        while True:
            page = self._call("list", "list_parts", name, UploadId=upload, PartNumberMarker=marker)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            marker = page["NextPartNumberMarker"]

    def _abort(self, name: str, upload: str) -> None:
        with suppress(FileNotFoundError):
            self._call("remove", "abort_multipart_upload", name, UploadId=upload)

    def _sweep(self, name: str) -> None:
        """Abort uploads of this file that nobody noted and that have no part.

        A process that dies between creating an upload and noting it leaves one. Others have parts, or a note.
        """
        bucket, key = self._address(name)
        # who may write need not be allowed to list uploads
        with suppress(PermissionError):
            for upload in self._uploads_of(bucket, key):
                if not list(self._parts(name, upload)) and upload not in self._noted(name):
                    self._abort(name, upload)

    def _uploads_of(self, bucket: str, key: str) -> list[str]:
        with self._store.explained("list"):
            page = self._store.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
        return [each["UploadId"] for each in page.get("Uploads", ()) if each["Key"] == key]

    def _noted(self, name: str) -> set[str]:
        """Return the identifiers that any plan has noted for a file."""
        folders = [folder for folder in self._store.names() if folder.startswith(".pyinit-")]
        notes = (self._store.read(record(folder, name)) for folder in folders)
        return {note.decode() for note in notes if note is not None}

    def _call(self, verb: str, method: str, name: str, **fields: Any) -> dict[str, Any]:
        bucket, key = self._address(name)
        fs = self._store.fs
        with self._store.explained(verb):
            answer: dict[str, Any] = fs.call_s3(
                method, fs.s3_additional_kwargs, Bucket=bucket, Key=key, **fields
            )
        return answer

    def _address(self, name: str) -> tuple[str, str]:
        bucket, _, key = self._store.path(name).partition("/")
        return bucket, key
