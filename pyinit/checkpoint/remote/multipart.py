"""Multipart uploads of S3: parts from any machine, and an object that appears when one of them completes it.

An upload has an identifier, which a record in the plan's folder keeps, so that all machines and the next run
find it. S3 lists parts with their sizes; so what is there needs no journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

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

    def is_begun(self, name: str) -> bool:
        """Look for the record, and for the upload that it names."""
        return self._upload(name) is not None

    def begin(self, name: str) -> None:
        """Create an upload and note it; where another process notes one first, that is the one."""
        if self._upload(name) is not None:
            return
        made = self._call("write", "create_multipart_upload", name)["UploadId"]
        # a record that names no upload any more would keep the new one out
        self._store.remove([record(self._folder, name)])
        if self._store.put_new(record(self._folder, name), made.encode()):
            self._known[name] = made
        else:
            self._abort(name, made)
            if self._upload(name) is None:
                raise lost(self._store.url, name, "another process removed its upload meanwhile")

    def pieces(self, name: str) -> dict[int, int]:
        """List the parts."""
        upload = self._upload(name)
        parts = () if upload is None else self._parts(name, upload)
        return {part["PartNumber"] - 1: part["Size"] for part in parts}

    def put(self, name: str, number: int, data: bytearray) -> None:
        """Upload a part."""
        fields = {"UploadId": self._known[name], "PartNumber": number + 1, "Body": data}
        self._call("write", "upload_part", name, **fields)

    def complete(self, name: str, sizes: Sequence[int]) -> None:
        """Complete the upload; where another process has done so, the file is there."""
        upload = self._upload(name)
        parts = [] if upload is None else list(self._parts(name, upload))
        if [part["Size"] for part in parts] == list(sizes):
            said = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
            fields = {"UploadId": upload, "MultipartUpload": {"Parts": said}}
            self._call("write", "complete_multipart_upload", name, **fields)
        elif upload is not None or self._store.sizes().get(name) != sum(sizes):
            raise lost(self._store.url, name, "parts of its upload are missing")
        self._known.pop(name, None)
        self._store.remove([record(self._folder, name)])
        self._sweep(name)

    def abort(self, name: str) -> None:
        """Abort the upload, and remove its record last: what has one is looked for."""
        upload = self._upload(name)
        if upload is not None:
            self._abort(name, upload)
            # a part that was on its way may have arrived after it
            with suppress(FileNotFoundError):
                if list(self._parts(name, upload)):
                    self._abort(name, upload)
        self._known.pop(name, None)
        self._store.remove([record(self._folder, name)])
        self._sweep(name)

    def _upload(self, name: str) -> str | None:
        """Return the identifier of a file's upload, if the store still has it."""
        noted = self._store.read(record(self._folder, name))
        if noted is not None:
            with suppress(FileNotFoundError):
                upload = noted.decode()
                self._page(name, upload, 0)
                self._known[name] = upload
                return upload
        return None

    def _parts(self, name: str, upload: str) -> Iterator[dict[str, Any]]:
        marker = 0
        while True:
            page = self._page(name, upload, marker)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            marker = page["NextPartNumberMarker"]

    def _page(self, name: str, upload: str, marker: int) -> dict[str, Any]:
        return self._call("list", "list_parts", name, UploadId=upload, PartNumberMarker=marker)

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
