"""What is a path of this machine, and what a URL."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.locations import Url, location
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.cli import main
from pyinit.errors import ArgumentError, MissingLibraryError, SpecError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("out/model", Path("out/model")),
        ("s3://bucket/a/b/", Url("s3://bucket/a/b")),
        ("S3://Bucket/A", Url("s3://Bucket/A")),
        ("memory://x", Url("memory://x")),
        ("file:///tmp/x", Path("/tmp/x")),
        ("C:/models", Path("C:/models")),
        ("odd:name", Path("odd:name")),
        ("simplecache::s3://bucket/a", Url("simplecache::s3://bucket/a")),
    ],
)
def test_locations(text: str, found: Path | Url) -> None:
    assert location(text) == found
    assert location(found) == found


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("s3://", r"a URL names a bucket and a directory, such as s3://bucket/model; got 's3://'"),
        (
            Path("s3://bucket/x"),
            r"'s3:/bucket/x' is a URL that went through pathlib.*give it as text, 's3://",
        ),
    ],
)
def test_what_is_no_place_is_refused(place: str | Path, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        location(place)


def test_a_file_needs_a_bucket() -> None:
    with pytest.raises(ArgumentError, match=r"'s3://x\.safetensors' names a bucket alone; give a bucket and"):
        _ = plan_checkpoint({"w": (4, 3)}, "he_normal", path="s3://x.safetensors").directory


def test_plans_know_urls_without_fsspec() -> None:
    plan = plan_checkpoint({"w": (4, 3)}, "he_normal", path="s3://bucket/a/x.safetensors")
    assert (plan.is_file, str(plan.directory), plan.stem) == (True, "s3://bucket/a", "x")
    again = CheckpointPlan.from_json(plan.to_json())
    assert (again.path, again.fingerprint) == (plan.path, plan.fingerprint)
    assert str(plan.at("gs://other/x.safetensors").directory) == "gs://other"
    with pytest.raises(SpecError, match=r"names its files after x\.safetensors; got s3://bucket/b"):
        plan.at("s3://bucket/b")
    assert plan_checkpoint({"w": (4, 3)}, "he_normal", path="s3://bucket").directory == Url("s3://bucket")


def test_a_store_that_nothing_here_opens_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyinit.checkpoint.checkpoint import write_checkpoint

    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(
        MissingLibraryError, match=r"s3://b/x needs fsspec.*pip install 'pyinit-nn\[remote\]'"
    ):
        write_checkpoint({"w": (4, 3)}, "he_normal", path="s3://b/x")


@pytest.mark.parametrize(
    "place",
    [
        "ftp://me:hunter2@host/model",
        "s3://key:hunter2@bucket/model",
        "ftp://me:hun@ter2@host/model.safetensors",
        # keys of S3 have slashes, and may be digits up to the first one
        "s3://key:abc/def+hunter2@bucket/model",
        "s3://key:12/hunter2@bucket/model",
        "simplecache::s3://key:abc/hunter2@bucket/model",
        "ftp://me:0123hunter2@host",
        Url("s3://key:hunter2@bucket/model"),
        "simplecache::sftp://me:hunter2@host/model",
        Path("ftp://me:hunter2@host/model"),
    ],
)
def test_a_password_is_neither_taken_nor_printed(place: str | Path | Url) -> None:
    with pytest.raises(ArgumentError, match="must not hold a password") as caught:
        location(place)
    assert "ter2" not in str(caught.value)
    assert ":***@" in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=hunter2",
        "X-Amz-Security-Token=hunter2&x=1",
        "sv=2024-01-01&sig=hunter2%3D",
        "X-Goog-Credential=hunter2",
        "AWSAccessKeyId=me&Signature=hunter2",
        "password=hunter2",
        "api_key=hunter2",
    ],
)
def test_a_signature_is_neither_taken_nor_printed(
    query: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"s3://bucket/model?{query}"
    with pytest.raises(ArgumentError, match="must not hold a signature, a token or a key") as caught:
        location(url)
    assert "hunter2" not in str(caught.value)
    for command in (
        ["init", url, "--out", "out"],
        ["init", "gpt2", "--out", url],
        ["init", "gpt2", "--out", "out", "--plan", url],
        ["init", "gpt2", "--out", "out", "--dtype", url],
        ["init", "gpt2", "--recipe", url, "--out", "out"],
        ["verify", url],
        ["verify", ".", "--receipt", url],
        ["lint", url],
    ):
        with suppress(SystemExit):
            assert main(command) == 2
        assert "hunter2" not in "".join(capsys.readouterr())


def test_what_a_library_says_of_a_request_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    fsspec = pytest.importorskip("fsspec")
    kind = fsspec.get_filesystem_class("memory")

    def ls(*given: Any, **options: Any) -> None:
        raise OSError(5, "403 for https://host/b?X-Amz-Signature=hunter2&x=1 of https://me:hunter2@host")

    monkeypatch.setattr(kind, "ls", ls)
    with pytest.raises(OSError, match=r"X-Amz-Signature=\*\*\*&x=1 of https://me:\*\*\*@host") as caught:
        pi.write_checkpoint({"w": (2, 2)}, "normal", path="memory://bucket/model")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *("sftp://me@host/model", "s3://bucket/a:b@c/model", "abfs://box@account/model"),
        *(
            "sftp://host:22/at@home/model",
            "s3://bucket/model?versionId=3",
            "s3://bucket/model?sigma=2&author=x",
        ),
    ],
)
def test_a_user_without_a_password_is_taken(url: str) -> None:
    assert str(location(url)) == url
