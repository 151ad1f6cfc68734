"""A directory of an object store: small objects, listings, and errors that say in one line what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ...errors import ArgumentError, MissingLibraryError
from ...masking import masked
from ..locations import Url

__all__ = ["Store", "lost"]

# what the libraries of the stores call an error of somebody who cannot say who they are
_UNKNOWN = ("credential", "authentication", "profile", "sso", "token")
# as many as S3 takes in one request
_MOST_REMOVED = 1000
_UNREACHABLE = ("connect", "timeout", "endpoint", "dns")


class Store:
    """A directory of an object store. fsspec is imported here, when there is a URL.

    Parameters
    ----------
    url : Url
        The directory.

    Raises
    ------
    MissingLibraryError
        If fsspec, or what it needs for the store, is not installed.
    ArgumentError
        If fsspec does not know such a store, or its options are not valid.
    OSError
        If there are no credentials, or the store cannot be reached.
    """

    def __init__(self, url: Url) -> None:
        self.url = url
        try:
            from fsspec.core import url_to_fs

            try:
                # others write there, too: what was listed before says nothing
                self.fs, root = url_to_fs(str(url), use_listings_cache=False)
            except TypeError:
                # a file system that keeps no listings may not know the word
                self.fs, root = url_to_fs(str(url))
        except ImportError as error:
            raise MissingLibraryError(
                f"{url} needs fsspec and its package for {url.protocol} ({_one_line(error)}); "
                "run `pip install 'pyinit-nn[remote]'` for S3, or install that package"
            ) from None
        except (TypeError, ValueError) as error:
            raise ArgumentError(f"{url} is not a URL that fsspec can open: {_one_line(error)}") from None
        except Exception as error:
            # some file systems look for credentials, or connect, at once
            raise self._error_of(error, "open") from None
        self.root: str = root.rstrip("/")

    def path(self, name: str) -> str:
        """Return the address of an object as the file system writes it."""
        return f"{self.root}/{name}"

    def check(self) -> None:
        """Make sure that the store answers and the bucket is there."""
        self.sizes()

    def names(self) -> list[str]:
        """Return the names in the directory, of objects and of directories."""
        return [name for name, _ in self._listed()]

    def sizes(self) -> dict[str, int]:
        """Return the bytes of the objects in the directory."""
        return {name: entry["size"] for name, entry in self._listed() if entry["type"] == "file"}

    def below(self, folder: str) -> dict[str, int]:
        """Return the bytes of all objects below a folder of the directory, by their names from there."""
        with self.explained("list"):
            found = self.fs.find(self.path(folder), detail=True)
        start = len(self.path(folder)) + 1
        return {path[start:]: int(entry["size"] or 0) for path, entry in found.items() if path[start:]}

    def read(self, name: str) -> bytes | None:
        """Return the content of a small object, or None if it is not there."""
        with self.explained("read"):
            try:
                content: bytes = self.fs.cat_file(self.path(name))
            except FileNotFoundError:
                return None
        return content

    def put(self, name: str, content: bytes | bytearray) -> None:
        """Make an object, or replace it."""
        with self.explained("write"):
            self.fs.pipe_file(self.path(name), content)

    def put_all(self, contents: Mapping[str, bytes]) -> None:
        """Make several small objects, where the file system can at the same time."""
        if contents:
            with self.explained("write"):
                self.fs.pipe({self.path(name): content for name, content in contents.items()})

    def put_new(self, name: str, content: bytes) -> None:
        """Make an object, unless it is there."""
        self._put_if(name, content, None, mode="create")

    def replace(self, name: str, former: bytes, content: bytes) -> None:
        """Replace an object of S3, unless it is no longer what it was."""
        with self.explained("read"):
            tag = self.fs.info(self.path(name))["ETag"]
        # read after its tag: if it is changed in between, the tag does not match any more
        if self.read(name) == former:
            self._put_if(name, content, former, IfMatch=tag)

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects, where they are there."""
        paths = [self.path(name) for name in names]
        with self.explained("remove"):
            if hasattr(self.fs, "call_s3"):
                self._remove_at_once(paths)
                return
            for path in paths:
                with suppress(FileNotFoundError):
                    self.fs.rm_file(path)

    @contextmanager
    def explained(self, verb: str) -> Iterator[None]:
        """Turn whatever a store raises into an OSError of one line."""
        try:
            yield
        except Exception as error:
            raise self._error_of(error, verb) from None

    def _put_if(self, name: str, content: bytes, former: bytes | None, **condition: str) -> None:
        for is_last in (False, False, True):
            error = self._refusal(name, content, condition)
            # stores do not agree on how they say that the condition is not met
            if error is None or self.read(name) != former:
                return
            if error.errno == errno.ENOSYS:
                # the store has no conditions
                self.put(name, content)
                return
            # two requests that met are to be sent again
            if error.errno != errno.EBUSY or is_last:
                raise error

    def _refusal(self, name: str, content: bytes, condition: Mapping[str, str]) -> OSError | None:
        try:
            with self.explained("write"):
                self.fs.pipe_file(self.path(name), content, **condition)
        except OSError as error:
            return error
        return None

    def _remove_at_once(self, paths: Sequence[str]) -> None:
        bucket = self.root.partition("/")[0]
        for first in range(0, len(paths), _MOST_REMOVED):
            objects = [{"Key": path.partition("/")[2]} for path in paths[first : first + _MOST_REMOVED]]
            what = {"Objects": objects, "Quiet": True}
            for error in self.fs.call_s3("delete_objects", Bucket=bucket, Delete=what).get("Errors", ()):
                is_denied = error.get("Code") == "AccessDenied"
                # an OSError with EACCES is a PermissionError
                raise OSError(errno.EACCES if is_denied else errno.EIO, error.get("Message", "not removed"))

    def _listed(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        with self.explained("list"):
            try:
                entries = self.fs.ls(self.root, detail=True)
            except FileNotFoundError:
                # an empty directory is none; a bucket that is not there fails here, too
                self.fs.find(self.root)
                entries = []
        for entry in entries:
            # a store may list the directory itself
            if entry["name"].rstrip("/") != self.root:
                yield entry["name"].rstrip("/").rpartition("/")[2], entry

    def _error_of(self, error: Exception, verb: str) -> OSError:
        why, kind = _one_line(error), type(error).__name__.lower()
        if isinstance(error, PermissionError):
            return PermissionError(
                errno.EACCES,
                f"no permission to {verb} in {self.url}: {why}. Use credentials that may list, read, write "
                "and remove there",
            )
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(
                errno.ENOENT, f"cannot {verb} in {self.url}: {why}. Make the bucket, or write elsewhere"
            )
        if any(word in kind for word in _UNKNOWN):
            return PermissionError(
                errno.EACCES,
                f"no credentials for {self.url}: {why}. Set them as tools for {self.url.protocol} read them "
                "(for S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)",
            )
        if isinstance(error, ConnectionError | TimeoutError) or any(word in kind for word in _UNREACHABLE):
            return ConnectionError(
                errno.EHOSTUNREACH,
                f"cannot reach {self.url}: {why}. Check the network and the endpoint (for S3: "
                "AWS_ENDPOINT_URL), and run the same command again",
            )
        code = (error.errno if isinstance(error, OSError) else None) or errno.EIO
        return OSError(code, f"cannot {verb} in {self.url}: {why}")


def lost(url: Url, name: str, why: str) -> OSError:
    """Return the error of an unfinished file that is not what it has to be."""
    return OSError(errno.EIO, f"{name} in {url}: {why}; run the same command again")


def _one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    # a library may show the URL of a request, which is signed
    return masked(" ".join(text.split())).rstrip(".") or type(error).__name__
