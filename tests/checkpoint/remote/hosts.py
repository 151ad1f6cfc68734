"""Lets several hosts write one checkpoint: processes in network namespaces of their own; test_hosts runs it.

It is started in a namespace where it may make others: `unshare --net`. Each host has a cable to the server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SIZES = {"n_layer": 2, "n_embd": 32, "n_head": 2, "vocab_size": 300, "n_positions": 16}


def run(*command: str | int) -> None:
    """Run a command that has to succeed."""
    subprocess.run([*map(str, command)], check=True)


@contextmanager
def host(number: int) -> Iterator[list[str]]:
    """Make a network of its own with a cable to this one; give what a command there begins with."""
    # it says so when it is there
    begin = ["unshare", "--net", sys.executable, "-c", "print(1, flush=True); input()"]
    with subprocess.Popen(begin, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        inside = ["nsenter", "--net", "--target", str(holder.pid)]
        run("ip", "link", "add", f"here{number}", "type", "veth", "peer", "name", "there")
        run("ip", "link", "set", "there", "netns", holder.pid)
        for place, name, last in (([], f"here{number}", 1), (inside, "there", 2)):
            run(*place, "ip", "address", "add", f"10.9.{number}.{last}/30", "dev", name)
            run(*place, "ip", "link", "set", name, "up")
        yield inside
        # it would go with the network, but later, and the next host is to have its name
        run("ip", "link", "delete", f"here{number}")
        holder.stdin.write(b"\n")


def hosts_write(spec: Path, out: str, port: str, count: int) -> None:
    """Let every host write its part at the same time."""
    command = [sys.executable, "-m", "pyinit", "init", str(spec), "--out", out, "--shard-size", "35kB"]
    with ExitStack() as stack:
        running = []
        for number in range(count):
            inside = stack.enter_context(host(number))
            environment = os.environ | {"AWS_ENDPOINT_URL": f"http://10.9.{number}.1:{port}"}
            part = [*inside, *command, "--digest", "--part", f"{number}/{count}"]
            running.append(subprocess.Popen(part, env=environment, stdout=subprocess.DEVNULL))
        assert [process.wait() for process in running] == [0] * count


if __name__ == "__main__":
    spec, count, outs = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    spec.write_text(json.dumps({"model_type": "gpt2", **SIZES}))
    run("ip", "link", "set", "lo", "up")
    script = Path(__file__).with_name("serving.py")
    with subprocess.Popen([sys.executable, str(script), "0.0.0.0"], stdin=-1, stdout=-1, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        port = address.rpartition(":")[2]
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        for out in outs:
            hosts_write(spec, out, port, count)
        found = client.list_objects_v2(Bucket="bucket").get("Contents", ())
        for each in found:
            body = client.get_object(Bucket="bucket", Key=each["Key"])["Body"].read()
            spec.parent.joinpath("downloaded", each["Key"].rpartition("/")[2]).write_bytes(body)
        assert not client.list_multipart_uploads(Bucket="bucket").get("Uploads")
        server.stdin.close()
