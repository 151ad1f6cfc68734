"""What stays on an object store after a failure, what is taken over, who is refused, and what errors say."""

from __future__ import annotations

import errno
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyinit.checkpoint import share, writer
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.remote.joined import JoinedUploads
from pyinit.checkpoint.remote.multipart import MultipartUploads
from pyinit.cli import main
from pyinit.errors import SpecError

pytestmark = pytest.mark.interop

SHAPES = {"a": (400, 30), "b": (500, 30), "c": (600, 30), "d": (7,)}


def plan_of(path: str | Path, **options: Any) -> CheckpointPlan:
    return plan_checkpoint(
        SHAPES, "normal", path=path, **{"key": 5, "shard_size": 70_000, "extent_bytes": 24_000, **options}
    )


@pytest.fixture(autouse=True)
def _small_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "_COMMIT_BYTES", 24_000)
    monkeypatch.setattr(writer, "_SMALLEST_BLOCK_BYTES", 8_000)
    monkeypatch.setattr(writer, "_BLOCK_BYTES", 8_000)


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    write_plan(plan_of(tmp_path / "expected"))
    return {path.name: path.read_bytes() for path in (tmp_path / "expected").iterdir()}


@contextmanager
def failing(error: BaseException | type[BaseException] | None, after: int = 0) -> Iterator[list[int]]:
    """Let a piece fail; the list counts those before."""
    count = [0]
    with pytest.MonkeyPatch.context() as patch:
        for kind in (JoinedUploads, MultipartUploads):

            def put(uploads: Any, name: str, number: int, data: bytearray, plain: Any = kind.put) -> None:
                if error is not None and count[0] >= after:
                    raise error
                count[0] += 1
                plain(uploads, name, number, data)

            patch.setattr(kind, "put", put)
        yield count


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt], ids=str)
def test_what_is_there_stays_and_the_same_call_continues(
    store: Any, expected: dict[str, bytes], error: Any
) -> None:
    plan = plan_of(f"{store.url}/out")
    kind = error if isinstance(error, type) else type(error)
    with failing(error, 6), pytest.raises(kind, match=r"\d of 9 extents are kept: run the same"):
        write_plan(plan, threads=1)
    assert all(name.startswith(".") for name in store.objects("out"))
    with failing(None) as count:
        write_plan(plan, threads=1)
    # 48 kB, 60 kB, 72 kB and 28 bytes, each with its header, in pieces of 12 kB
    assert count == [5 + 6 + 7 + 1 - 6]
    assert store.objects("out") == expected
    assert store.uploads() == []


@pytest.mark.parametrize(
    ("error", "after"),
    [(OSError(errno.EIO, "broken"), 0), (KeyboardInterrupt(), 1), (SpecError("wrong"), 5)],
    ids=["error", "interrupt", "refusal"],
)
def test_nothing_stays_where_nothing_is_finished_or_it_would_come_again(
    store: Any, error: BaseException, after: int
) -> None:
    with failing(error, after), pytest.raises(type(error)) as caught:
        write_plan(plan_of(f"{store.url}/out"), threads=1)
    assert "kept" not in str(caught.value)
    assert store.objects() == {}
    assert store.uploads() == []


def interrupted(plan: CheckpointPlan) -> None:
    with failing(KeyboardInterrupt(), 6), pytest.raises(KeyboardInterrupt):
        write_plan(plan, threads=1)


def test_another_plan_removes_what_nobody_writes(memory: Any) -> None:
    interrupted(plan_of(f"{memory.url}/out"))
    write_plan(plan_of(f"{memory.url}/out", key=6))
    assert not [name for name in memory.objects("out") if name.startswith(".")]
    assert memory.uploads() == []


def test_a_living_writer_is_left_alone(memory: Any, expected: dict[str, bytes]) -> None:
    plan = plan_of(f"{memory.url}/out")
    with share.Share(plan) as living:
        before = memory.objects("out")
        for overwrite in (False, True):
            with pytest.raises(
                BlockingIOError, match=r"writing other content .*: key is \[5, 0\], not \[6, 0\]"
            ):
                write_plan(plan_of(f"{memory.url}/out", key=6), overwrite=overwrite)
        with pytest.raises(BlockingIOError, match="another process is writing all files of this checkpoint"):
            write_plan(plan)
        assert memory.objects("out") == before
        writer.write_extents(plan, living.missing, living.target, living.finished)
        living.publish()
    assert memory.objects("out") == expected


def test_a_writer_of_another_machine(memory: Any, expected: dict[str, bytes]) -> None:
    """Nobody can know whether it lives: its own plan goes on with it, another one has to be told."""
    plan, other = plan_of(f"{memory.url}/out"), plan_of(f"{memory.url}/out", key=6)
    record = f"{memory.bucket}/out/.pyinit-{plan.tag}/writers/00000-of-00001,elsewhere-7.77.123.abcd"
    interrupted(plan)
    memory.fs.pipe_file(record, b"")
    with pytest.raises(
        BlockingIOError, match=r"cannot be known here; wait for it, or remove it with --force"
    ):
        write_plan(other)
    with failing(None) as count:
        write_plan(plan, threads=1)
    assert count == [13]
    assert memory.objects("out") == expected
    interrupted(plan_of(f"{memory.url}/two"))
    memory.fs.pipe_file(record.replace("/out/", "/two/"), b"")
    write_plan(plan_of(f"{memory.url}/two", key=6), overwrite=True)
    assert not [name for name in memory.objects("two") if name.startswith(".")]
    assert memory.uploads() == []


def test_an_upload_that_was_aborted_is_begun_again(s3: Any, expected: dict[str, bytes]) -> None:
    """As a rule of the bucket does after some days."""
    plan = plan_of(f"{s3.url}/out")
    interrupted(plan)
    for upload in s3.fs.call_s3("list_multipart_uploads", Bucket=s3.bucket)["Uploads"]:
        named = {"Bucket": s3.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        s3.fs.call_s3("abort_multipart_upload", **named)
    write_plan(plan)
    assert s3.objects("out") == expected
    assert s3.uploads() == []


def test_a_former_file_is_not_taken_for_one_whose_upload_is_gone(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the same size, and its name was about to be given when the writer ended."""
    path = f"{s3.url}/x.safetensors"
    for place, key in ((path, 5), (tmp_path / "x.safetensors", 6)):
        write_plan(plan_of(place, key=key, shard_size=None))
    plan = plan_of(path, key=6, shard_size=None)
    with monkeypatch.context() as patch:
        patch.setattr(
            MultipartUploads, "complete", lambda *given, **options: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt, match="kept"):
            write_plan(plan, overwrite=True)
    for upload in s3.fs.call_s3("list_multipart_uploads", Bucket=s3.bucket)["Uploads"]:
        named = {"Bucket": s3.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        s3.fs.call_s3("abort_multipart_upload", **named)
    write_plan(plan, overwrite=True)
    assert s3.objects() == {"x.safetensors": (tmp_path / "x.safetensors").read_bytes()}


def test_uploads_of_others_stay(s3: Any) -> None:
    """With parts, or of other keys: only what a dead writer may have created and not noted is aborted."""
    plan = plan_of(f"{s3.url}/out")
    first = plan.shards[0].name
    theirs = s3.fs.call_s3("create_multipart_upload", Bucket=s3.bucket, Key=f"out/{first}")["UploadId"]
    named = {"Bucket": s3.bucket, "Key": f"out/{first}", "UploadId": theirs}
    s3.fs.call_s3("upload_part", **named, PartNumber=1, Body=b"x")
    s3.fs.call_s3("create_multipart_upload", Bucket=s3.bucket, Key="out/other")
    s3.fs.call_s3("create_multipart_upload", Bucket=s3.bucket, Key=f"out/{first}")
    write_plan(plan)
    assert sorted(s3.uploads()) == [f"out/{first}", "out/other"]
    assert s3.fs.call_s3("list_parts", **named)["Parts"]


def refused(url: str, message: str, kind: type[OSError], capsys: pytest.CaptureFixture[str]) -> None:
    import s3fs

    # an instance keeps the credentials that it has found
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(kind, match=message):
        write_plan(plan_of(f"{url}/out"))
    assert main(["init", "gpt2", "--out", f"{url}/out"]) == 2
    s3fs.S3FileSystem.clear_instance_cache()
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_credentials_that_are_missing(
    s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused(
        s3.url, r"no credentials for s3://.*/out: Partial.*AWS_SECRET_ACCESS_KEY", PermissionError, capsys
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    refused(s3.url, r"no credentials for s3://.*/out: .* Set them as tools for s3", PermissionError, capsys)
    monkeypatch.setenv("AWS_PROFILE", "missing")
    refused(s3.url, r"no credentials for s3://.*profile \(missing\)", PermissionError, capsys)


def test_a_file_system_that_asks_for_credentials_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")

    class DefaultCredentialsError(Exception):
        """As google.auth raises it."""

    def url_to_fs(url: str, **options: Any) -> None:
        raise DefaultCredentialsError("none were found.\nSee the manual.")

    monkeypatch.setattr("fsspec.core.url_to_fs", url_to_fs)
    said = r"no credentials for gs://bucket/out: none were found\. See the manual\. Set them as tools for gs"
    with pytest.raises(PermissionError, match=said):
        write_plan(plan_of("gs://bucket/out"))


def test_a_bucket_that_is_missing(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    said = r"cannot list in s3://nowhere/out: .*not exist\. Make the bucket, or write elsewhere"
    refused("s3://nowhere", said, FileNotFoundError, capsys)


def test_a_bucket_that_vanishes(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, count = MultipartUploads.put, [0]

    def put(uploads: MultipartUploads, name: str, number: int, data: bytearray) -> None:
        count[0] += 1
        if count[0] == 5:
            s3.fs.rm(s3.bucket, recursive=True)
        plain(uploads, name, number, data)

    monkeypatch.setattr(MultipartUploads, "put", put)
    with pytest.raises(OSError, match=r"in s3://.*exist.*Make the") as caught:
        write_plan(plan_of(f"{s3.url}/out"), threads=1)
    assert caught.value.errno == errno.ENOENT
    assert "kept" not in str(caught.value)


def test_credentials_that_may_only_read(
    s3: Any, endpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import boto3

    iam = boto3.client("iam")
    user = f"reader-{s3.bucket}"
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    allowed = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName=user, PolicyName="read", PolicyDocument=policy)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", made["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", made["SecretAccessKey"])
    check_permissions(endpoint, after="0")
    try:
        said = r"no permission to write in s3://.*/out: Access Denied\. Use credentials that may list, read"
        refused(s3.url, said, PermissionError, capsys)
    finally:
        check_permissions(endpoint, after="inf")
    assert s3.objects() == {}


def check_permissions(endpoint: str, after: str) -> None:
    """Let the server look at permissions after so many requests."""
    address, kind = f"{endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(address, after.encode(), kind, method="POST")).close()
