"""Workers that write into an object store: the same objects, and nothing left beside them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import pyinit as pi
from pyinit.checkpoint.checkpoint import write_plan
from pyinit.checkpoint.engines import tasks

pytestmark = pytest.mark.interop
moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


def test_a_bucket_is_written_by_two_workers(
    dask_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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

    def let_workers_find_it() -> None:
        os.environ.update(variables)

    dask_client.run(let_workers_find_it)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # those of another test know another server
    s3fs.S3FileSystem.clear_instance_cache()
    fs = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    try:
        fs.call_s3("create_bucket", Bucket="models")
        # a file of two pieces of 5 MiB and more, whose border is inside of an extent
        monkeypatch.setattr(tasks, "TASK_BYTES", 4 << 20)
        shapes = {"a": (1200, 1000), "b": (1700, 1000), "c": (30,)}
        for place, engine in ((str(tmp_path / "whole"), None), ("s3://models/out", dask_client)):
            plan = pi.plan_checkpoint(shapes, "normal", path=place, shard_size=20 << 20, extent_bytes=3 << 20)
            write_plan(plan, engine=engine)
        found = {path.rpartition("/")[2]: fs.cat_file(path) for path in fs.find("models/out")}
        assert found == {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
        assert not fs.call_s3("list_multipart_uploads", Bucket="models").get("Uploads")
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
