"""Object stores for tests: one in memory, and a server of S3 on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from pyinit.checkpoint.remote import uploads

#: Bytes of a piece in these tests: files of 60 kB have several.
PIECE = 12_000


@dataclass
class ObjectStore:
    """A fresh bucket, and ways to look into it that are not pyinit's."""

    url: str
    fs: Any

    @property
    def bucket(self) -> str:
        return self.url.partition("://")[2]

    def objects(self, folder: str = "") -> dict[str, bytes]:
        """Return all objects below a folder, hidden ones too."""
        root = f"{self.bucket}/{folder}".rstrip("/")
        found = {path.lstrip("/"): self.fs.cat_file(path) for path in self.fs.find(root)}
        return {path.removeprefix(f"{root}/"): content for path, content in found.items()}

    def uploads(self) -> list[str]:
        """Return the keys of the multipart uploads that are neither complete nor aborted."""
        if not hasattr(self.fs, "call_s3"):
            return []
        found = self.fs.call_s3("list_multipart_uploads", Bucket=self.bucket)
        return [each["Key"] for each in found.get("Uploads", ())]


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Start the server in a process of its own."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    command = [sys.executable, str(Path(__file__).with_name("serving.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        assert server.stdin is not None
        server.stdin.close()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_LEAST_BYTES", PIECE)


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A bucket of the server."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    # the one that pyinit gets, too: it takes long to make
    fs = s3fs.S3FileSystem(use_listings_cache=False)
    bucket = f"bucket-{token_hex(4)}"
    fs.call_s3("create_bucket", Bucket=bucket)
    return ObjectStore(f"s3://{bucket}", fs)


@pytest.fixture
def memory() -> Iterator[ObjectStore]:
    """A directory of fsspec's file system in memory."""
    fsspec = pytest.importorskip("fsspec")
    fs = fsspec.filesystem("memory", use_listings_cache=False)
    bucket = f"bucket-{token_hex(4)}"
    yield ObjectStore(f"memory://{bucket}", fs)
    for path in fs.find(f"/{bucket}"):
        fs.rm_file(path)


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each of both."""
    found: ObjectStore = request.getfixturevalue(request.param)
    return found
