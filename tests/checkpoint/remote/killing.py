"""Writes to S3 in processes that are killed, and looks at what is left; test_kills runs it.

It forks before fsspec starts its thread, and looks with boto3, which has none.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import boto3
import s3fs

import pyinit as pi
from pyinit.checkpoint import share, writer
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.found import Found
from pyinit.checkpoint.parts import WHOLE, Part
from pyinit.checkpoint.plan import CheckpointPlan
from pyinit.checkpoint.remote import journal, target, uploads
from pyinit.checkpoint.remote.joined import JoinedUploads
from pyinit.checkpoint.results import ExtentResult

SHAPES = {"emb": (301, 40), "deep": (4, 50, 60), "none": (0, 3), "head": (60, 170)}


def plan_of(folder: str, key: int = 3) -> CheckpointPlan:
    """Return a plan of three files, to be written in small blocks, pieces and commits."""
    uploads._LEAST_BYTES = 12_000
    writer._BLOCK_BYTES = writer._SMALLEST_BLOCK_BYTES = writer._DIGEST_BLOCK_BYTES = 8_000
    share._COMMIT_BYTES = 32_000
    given: dict[str, Any] = {"shard_size": 60_000, "extent_bytes": 16_000, "digest": True}
    return pi.plan_checkpoint(SHAPES, "normal", path=folder, key=key, **given)


def write(folder: str, part: Part = WHOLE, key: int = 3) -> None:
    """Write what this process has to."""
    write_plan(plan_of(folder, key), part, threads=2)


def write_extents(folder: str, part: Part, channel: int) -> None:
    """Make every so many-th extent, and tell the results."""
    plan = plan_of(folder)
    made = [pi.run_extent(plan, index) for index in range(part.index, len(plan.extents), part.count)]
    os.write(channel, json.dumps([dataclasses.astuple(each) for each in made]).encode())


def forked(run: Callable[[], Any]) -> int:
    """Start a process that calls `run`."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            run()
            status = 0
        except FileExistsError:
            # that is looked for
            pass
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return process


def status_of(process: int) -> int:
    """Wait for a process; a signal is negative."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def killed_at(number: int, run: Callable[[], Any]) -> Callable[[], None]:
    """Return a function that runs, and kills its process before the request of that number."""
    left = [number]
    kind = s3fs.S3FileSystem

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return wrapped

    def all_counted() -> None:
        # the second name is the first one, bound when the class was made
        kind._call_s3, kind.call_s3 = counted(kind._call_s3), counted(kind.call_s3)
        run()

    return all_counted


class Bucket:
    """What a bucket holds."""

    def __init__(self, url: str) -> None:
        self.name = url.removeprefix("s3://")
        self.client = boto3.client("s3")

    def objects(self, folder: str) -> dict[str, bytes]:
        """Return the objects of a folder."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=f"{folder}/").get("Contents", ())
        return {
            each["Key"].removeprefix(f"{folder}/"): self.client.get_object(Bucket=self.name, Key=each["Key"])[
                "Body"
            ].read()
            for each in found
        }

    def uploads(self) -> list[str]:
        """Return the keys of uploads that are neither complete nor aborted."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return [each["Key"] for each in found]

    def clear(self, folder: str) -> None:
        """Remove the objects of a folder."""
        for name in self.objects(folder):
            self.client.delete_object(Bucket=self.name, Key=f"{folder}/{name}")


def kills(url: str, expected: dict[str, bytes], first: int, step: int, then: int) -> int:
    """Kill writers before every `step`-th request; let another one continue, or write another key."""
    bucket, number, count = Bucket(url), first, 0
    while True:
        status = status_of(forked(killed_at(number, lambda: write(f"{url}/out"))))
        left = bucket.objects("out")
        partial = [name for name in left if not name.startswith(".") and left[name] != expected[name]]
        assert not partial, f"request {number}: {partial} are not complete"
        if status == 0:
            return count
        assert status == -signal.SIGKILL, f"request {number}: status {status}"
        seen = {name for name in left if not name.startswith(".")}
        again = status_of(forked(lambda: write(f"{url}/out", key=then)))
        # another key may not replace files; without a name noted, they may be anybody's
        noted = any("/named/" in name for name in left)
        is_refused = bool(seen) and (then != 3 or not noted)
        assert again == int(is_refused), f"request {number}: status {again} with {sorted(left)}"
        found = bucket.objects("out")
        hidden = [name for name in found if name.startswith(".")]
        if not is_refused:
            assert found.keys() == expected.keys(), f"request {number}: {sorted(found)}"
            assert then != 3 or found == expected, f"request {number}"
        assert is_refused or not hidden
        assert is_refused or not bucket.uploads(), f"request {number}: {bucket.uploads()}"
        if hidden:
            assert status_of(forked(lambda: write(f"{url}/out"))) == 0
            assert bucket.objects("out") == expected, f"request {number}"
        assert not bucket.uploads(), f"request {number}: {bucket.uploads()}"
        bucket.clear("out")
        number, count = number + step, count + 1


def parts(url: str, expected: dict[str, bytes], count: int) -> int:
    """Let several processes write at the same time, one of which is killed and continues."""
    bucket, every = Bucket(url), [Part(index, count) for index in range(count)]
    runs = [lambda part=part: write(f"{url}/out", part) for part in every]  # type: ignore[misc]
    running = [forked(killed_at(30, runs[0])), *map(forked, runs[1:])]
    assert [status_of(process) for process in running] == [-signal.SIGKILL, *[0] * (count - 1)]
    assert "model.safetensors.index.json" not in bucket.objects("out")
    assert status_of(forked(runs[0])) == 0
    assert bucket.objects("out") == expected
    assert not bucket.uploads()
    # all at the same time: whoever is last, or several of them, complete it
    bucket.clear("out")
    running = [forked(run) for run in runs]
    assert [status_of(process) for process in running] == [0] * count
    assert bucket.objects("out") == expected
    return count


def extents(url: str, expected: dict[str, bytes], count: int) -> int:
    """Let several processes write parts of the same files at the same time, each of which one begins."""
    bucket, source, results = Bucket(url), f"{url}/out", []
    channels = [os.pipe() for _ in range(count)]
    every = [(Part(index, count), sink) for index, (_, sink) in enumerate(channels)]
    running = [forked(lambda given=given: write_extents(source, *given)) for given in every]  # type: ignore[misc]
    for process, (channel, _) in zip(running, channels, strict=True):
        assert status_of(process) == 0
        for *result, found in json.loads(os.read(channel, 1 << 16)):
            results.append(ExtentResult(*result, Found(*found)))
    assert all(name.startswith(".") for name in bucket.objects("out"))
    assert status_of(forked(lambda: pi.finish_checkpoint(plan_of(source), results))) == 0
    assert bucket.objects("out") == expected
    assert not bucket.uploads()
    return count


KINDS = {"kills": kills, "parts": parts, "extents": extents}

if __name__ == "__main__":
    # botocore's dates
    warnings.simplefilter("ignore")
    kind, address, how, *numbers = sys.argv[1:]
    if how == "joined":
        # as on stores of which fsspec knows no multipart uploads
        target.uploads_of = journal.uploads_of = JoinedUploads  # type: ignore[assignment]
    assert status_of(forked(lambda: write(f"{address}/whole"))) == 0
    whole = Bucket(address).objects("whole")
    print(json.dumps(KINDS[kind](address, whole, *map(int, numbers))))
