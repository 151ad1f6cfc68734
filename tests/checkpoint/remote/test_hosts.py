"""Several hosts, as processes in network namespaces of their own: a shared directory, and a server of S3."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyinit.cli import main

pytestmark = pytest.mark.interop


def test_four_hosts_make_the_files_of_one_process(tmp_path: Path) -> None:
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    cable = ["ip", "link", "add", "name", "one", "type", "veth", "peer", "name", "other"]
    if (
        not (shutil.which("unshare") and shutil.which("ip"))
        or subprocess.run(["unshare", "--net", *cable], check=False, capture_output=True).returncode
    ):
        pytest.skip("needs permission to make networks")
    (tmp_path / "downloaded").mkdir()
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    environment = os.environ | credentials | {"AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "*"}
    script, spec = Path(__file__).with_name("hosts.py"), tmp_path / "spec.json"
    command = ["unshare", "--net", sys.executable, str(script), str(spec), "4"]
    done = subprocess.run(
        [*command, str(tmp_path / "shared"), "s3://bucket/model"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert main(["init", str(spec), "--out", str(tmp_path / "one"), "--shard-size", "35kB", "--digest"]) == 0
    one, shared, downloaded = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "shared", "downloaded")
    )
    assert sum(name.endswith(".safetensors") for name in one) >= 4
    assert shared == downloaded == one
