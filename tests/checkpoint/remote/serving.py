"""Serves S3 on loopback until its input ends; it prints the address. Parts may be small."""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from typing import Any

# read when moto is imported
os.environ["S3_UPLOAD_PART_MIN_SIZE"] = "1"
warnings.simplefilter("ignore")

from moto.s3.responses import S3Response  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

# moto looks whether an object is there and makes it afterwards; S3 does both at once
_PLAIN, _LOCK = S3Response.put_object, threading.Lock()


def put_object(response: S3Response) -> Any:
    """Make an object, one after the other."""
    with _LOCK:
        return _PLAIN(response)


S3Response.put_object = put_object

if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
    server = ThreadedMotoServer(ip_address=address, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()
    server.stop()
