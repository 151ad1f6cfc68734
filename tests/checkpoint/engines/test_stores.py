"""Workers that write into an object store: the same objects, and nothing left beside them."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.engines import engine as engines
from pyinit.checkpoint.engines import tasks
from pyinit.checkpoint.engines.portable import portable

pytestmark = pytest.mark.interop
moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


def with_environment(variables: dict[str, str]) -> Any:
    """What workers run that were started before the server was."""
    plain = portable()

    def run(*arguments: Any, **named: Any) -> Any:
        import os

        import s3fs

        os.environ.update(variables)
        # a file system of another test knows another server
        s3fs.S3FileSystem.clear_instance_cache()
        return plain(*arguments, **named)

    return run


@pytest.mark.parametrize("layout", ["huggingface", "dcp"])
def test_a_bucket_is_written_by_two_workers(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
    }

    monkeypatch.setattr(engines, "portable", lambda: with_environment(variables))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # those of another test know another server
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    # all servers of a process have the same buckets
    bucket = f"models-{token_hex(4)}"
    try:
        fs.call_s3("create_bucket", Bucket=bucket)
        # a file of two pieces of 5 MiB and more, whose border is inside of an extent
        monkeypatch.setattr(tasks, "TASK_BYTES", 4 << 20)
        shapes = {"a": (1200, 1000), "b": (1700, 1000), "c": (30,)}
        # of the layout dcp the larger tensor in two rectangles
        cut: dict[str, Any] = {
            "shard_size": 20 << 20 if layout == "huggingface" else 6 << 20,
            "layout": layout,
        }
        for place, by in ((str(tmp_path / "whole"), None), (f"s3://{bucket}/out", engine)):
            plan = pi.plan_checkpoint(shapes, "normal", path=place, extent_bytes=3 << 20, **cut)
            write_plan(plan, engine=by)
        found = {path.rpartition("/")[2]: fs.cat_file(path) for path in fs.find(f"{bucket}/out")}
        assert found == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
        assert not fs.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads")
    finally:
        server.stop()
        # nor does another test know this one
        s3fs.S3FileSystem.clear_instance_cache()


def test_a_store_in_memory_is_not_shared(dask_client: Any) -> None:
    """Every process has its own."""
    plan = pi.plan_checkpoint({"w": (30, 40)}, "normal", path="memory://engines/out")
    with pytest.raises(ChildProcessError, match="write into a directory that all workers share"):
        write_plan(plan, engine=dask_client)
    import fsspec

    assert not fsspec.filesystem("memory").find("/engines")
