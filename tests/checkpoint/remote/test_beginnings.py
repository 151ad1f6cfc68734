"""Several processes that begin one multipart upload: all use the same one, and no other remains."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint import writer
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.locations import Url
from pyinit.checkpoint.plan import CheckpointPlan, plan_checkpoint
from pyinit.checkpoint.remote.journal import RemoteJournal
from pyinit.checkpoint.remote.multipart import MultipartUploads
from pyinit.checkpoint.remote.store import Store

pytestmark = pytest.mark.interop

FOLDER, NAME = ".pyinit-0123456789ab", "model.safetensors"


@pytest.fixture
def begin(s3: Any) -> Callable[[], MultipartUploads]:
    """Give what a further process has of the file."""
    return lambda: MultipartUploads(Store(Url(f"{s3.url}/out")), FOLDER)


def whole(one: MultipartUploads, other: MultipartUploads, s3: Any) -> None:
    """Make the file of a part from each."""
    one.put(NAME, 0, bytearray(b"one"))
    other.put(NAME, 1, bytearray(b"other"))
    assert one.is_joint(NAME)
    assert other.is_joint(NAME)
    one.complete(NAME, [3, 5])
    assert s3.objects("out") == {NAME: b"oneother"}
    assert s3.uploads() == []


def meanwhile(monkeypatch: pytest.MonkeyPatch, kind: type, method: str, run: Callable[[], Any]) -> None:
    """Let something happen before the next call of a method."""
    plain = getattr(kind, method)

    def called(*arguments: Any) -> Any:
        monkeypatch.setattr(kind, method, plain)
        run()
        return plain(*arguments)

    monkeypatch.setattr(kind, method, called)


def without_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store take every object, as those do that do not know the conditions."""
    monkeypatch.setattr(Store, "put_new", Store.put)
    monkeypatch.setattr(Store, "replace", lambda store, name, former, content: store.put(name, content))


@pytest.mark.parametrize("is_exclusive", [True, False], ids=["exclusive", "last wins"])
def test_one_begins_while_another_is_about_to_note_its_upload(
    s3: Any, begin: Any, monkeypatch: pytest.MonkeyPatch, is_exclusive: bool
) -> None:
    one, other = begin(), begin()
    if not is_exclusive:
        without_conditions(monkeypatch)
    meanwhile(monkeypatch, Store, "put_new", lambda: other.begin(NAME))
    one.begin(NAME)
    if not is_exclusive:
        # it had noted its own before; now it sees it
        other.put(NAME, 1, bytearray(b"other"))
        assert not other.is_joint(NAME)
        assert len(s3.uploads()) == 1
        other.begin(NAME)
    whole(one, other, s3)


def test_an_answer_that_was_lost(s3: Any, begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is sent again, and then refused: the object of the first time is there."""
    plain = Store.put_new

    def twice(store: Store, name: str, content: bytes) -> None:
        plain(store, name, content)
        plain(store, name, content)

    monkeypatch.setattr(Store, "put_new", twice)
    one, other = begin(), begin()
    one.begin(NAME)
    other.begin(NAME)
    whole(one, other, s3)


def abort_all(s3: Any) -> None:
    for upload in s3.fs.call_s3("list_multipart_uploads", Bucket=s3.bucket)["Uploads"]:
        named = {"Bucket": s3.bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
        s3.fs.call_s3("abort_multipart_upload", **named)


@pytest.mark.parametrize("is_exclusive", [True, False], ids=["exclusive", "last wins"])
def test_two_that_replace_an_upload_which_is_gone(
    s3: Any, begin: Any, monkeypatch: pytest.MonkeyPatch, is_exclusive: bool
) -> None:
    """Both have seen that it is gone; the second must not remove what the first has noted."""
    begin().begin(NAME)
    abort_all(s3)
    if not is_exclusive:
        without_conditions(monkeypatch)
    one, other = begin(), begin()
    meanwhile(monkeypatch, Store, "replace", lambda: other.begin(NAME))
    one.begin(NAME)
    if not is_exclusive:
        assert not other.is_joint(NAME)
        other.begin(NAME)
    whole(one, other, s3)


@pytest.mark.parametrize(
    ("code", "most"), [(errno.ENOSYS, 9), (errno.EBUSY, 2)], ids=["no conditions", "two that met"]
)
def test_a_store_that_refuses_conditions(
    s3: Any, begin: Any, monkeypatch: pytest.MonkeyPatch, code: int, most: int
) -> None:
    plain, left = s3.fs.pipe_file, [most]

    def pipe_file(path: str, value: bytes, **options: Any) -> None:
        if options and left[0]:
            left[0] -= 1
            raise OSError(code, "refused")
        plain(path, value, **options)

    one, other = begin(), begin()
    monkeypatch.setattr(one._store.fs, "pipe_file", pipe_file)
    one.begin(NAME)
    other.begin(NAME)
    whole(one, other, s3)


def plan_of(path: str | Path) -> CheckpointPlan:
    return plan_checkpoint({"a": (400, 30), "b": (500, 30)}, "normal", path=path, extent_bytes=24_000)


def test_an_extent_is_made_again_in_the_upload_that_is_noted(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process, which was late, notes its own while the first one writes."""
    monkeypatch.setattr(writer, "_DIGEST_BLOCK_BYTES", 8_000)
    pi.write_checkpoint({"a": (400, 30), "b": (500, 30)}, "normal", path=tmp_path / "whole")
    plan = plan_of(f"{s3.url}/out")
    late = MultipartUploads(Store(Url(f"{s3.url}/out")), f".pyinit-{plan.tag}")
    with monkeypatch.context() as patch:
        without_conditions(patch)

        def note() -> None:
            patch.setattr(late, "_found", lambda name: None)
            late.begin(NAME)

        meanwhile(patch, MultipartUploads, "put", note)
        first = pi.run_extent(plan, 0, threads=1)
    results = [first, *(pi.run_extent(plan, index) for index in range(1, len(plan.extents)))]
    pi.finish_checkpoint(plan, results)
    assert s3.objects("out")[NAME] == (tmp_path / "whole" / NAME).read_bytes()
    assert s3.uploads() == []


@pytest.mark.parametrize("name", [NAME, "init.json"])
def test_an_object_that_appears_at_the_last_moment_is_not_replaced(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It comes after the last look at the names."""
    write_plan(plan_of(tmp_path / "whole"))
    plan = plan_of(f"{s3.url}/out")
    with monkeypatch.context() as patch:
        store = Store(Url(f"{s3.url}/out"))
        meanwhile(patch, RemoteJournal, "add_named", lambda: store.put(name, b"theirs"))
        with pytest.raises(FileExistsError, match=rf"{name} exists; use --force .*extents are kept"):
            write_plan(plan)
    assert s3.objects("out")[name] == b"theirs"
    s3.fs.rm_file(f"{s3.bucket}/out/{name}")
    write_plan(plan)
    assert s3.objects("out") == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert s3.uploads() == []


def test_a_store_without_conditions_completes_all_the_same(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = MultipartUploads._call

    def call(uploads: MultipartUploads, verb: str, method: str, name: str, **fields: Any) -> Any:
        if "IfNoneMatch" in fields:
            raise OSError(errno.ENOSYS, "not implemented")
        return plain(uploads, verb, method, name, **fields)

    monkeypatch.setattr(MultipartUploads, "_call", call)
    write_plan(plan_of(f"{s3.url}/out"))
    assert sorted(s3.objects("out")) == ["init.json", NAME]
    assert s3.uploads() == []
