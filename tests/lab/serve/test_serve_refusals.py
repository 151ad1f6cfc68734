"""Who gets nothing from the lab, how many get something, and what malformed messages do to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

import pyinit
from pyinit.lab.bundle.bundle import served
from pyinit.lab.experiment.limits import UPLOAD_BYTES

pytestmark = pytest.mark.interop

PAGE = Path(pyinit.__file__).parent / "lab" / "page"


def got(lab: Any, path: str, **headers: str) -> http.client.HTTPResponse:
    """Return the answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def upgrade(lab: Any, token: str, **headers: str) -> int:
    """Return the status of an attempt to open the socket."""
    asked = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": f"http://127.0.0.1:{lab.port}",
    }
    asked |= headers
    return got(
        lab, f"/socket?token={token}", **{name: value for name, value in asked.items() if value}
    ).status


def opened(lab: Any) -> Any:
    """Return a socket as the page opens it, to be entered."""
    client = pytest.importorskip("websockets.asyncio.client")
    address = f"ws://127.0.0.1:{lab.port}/socket?token={lab.token}"
    return client.connect(address, origin=f"http://127.0.0.1:{lab.port}", max_size=None, proxy=None)


def test_every_file_of_the_page_is_served_with_its_policy_and_nothing_else(lab: Any) -> None:
    names = sorted(path.name for path in PAGE.iterdir() if path.suffix in (".js", ".css"))
    assert len(names) > 20
    for name in names:
        answer = got(lab, f"/{name}")
        assert answer.status == 200
        assert answer.body.decode() == served(PAGE / name)  # type: ignore[attr-defined]
        assert "default-src 'none'" in str(answer.headers["Content-Security-Policy"])
    for path in (
        "/index.html",
        "/../launch.py",
        "/%2e%2e/serve/launch.py",
        "/..%2fserve%2flaunch.py",
        "/x.js",
        "/page/",
    ):
        assert got(lab, path).status == 404
    assert got(lab, f"/?token={lab.token}").status == 200


@pytest.mark.parametrize("token", ["", "x", "%C3%A9", "a%00b"])
def test_a_wrong_token_gets_nothing(lab: Any, token: str) -> None:
    assert got(lab, f"/?token={token}").status == 403
    assert upgrade(lab, token) == 403


def test_the_right_token_and_origin_are_let_in(lab: Any) -> None:
    assert upgrade(lab, lab.token) == 101


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "http://localhost", "file://"]
)
def test_a_hostile_origin_is_refused(lab: Any, origin: str) -> None:
    assert upgrade(lab, lab.token, Origin=origin) == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:80", "evil.example:8710", "0.0.0.0", "127.0.0.1@x"]
)
def test_another_host_s_name_is_refused(lab: Any, host: str) -> None:
    assert got(lab, f"/?token={lab.token}", Host=host).status == 403
    assert got(lab, "/main.js", Host=host).status == 403
    assert upgrade(lab, lab.token, Host=host, Origin=f"http://{host}") == 403


def test_it_listens_on_this_machine_alone(lab: Any) -> None:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    own = [
        line.split()
        for line in lines
        if line.split()[1].endswith(f":{lab.port:04X}") and line.split()[3] == "0A"
    ]
    assert [one[1].split(":")[0] for one in own] == ["0100007F"]


async def message(socket: Any, kind: str) -> dict[str, Any]:
    """Return the next message of a type."""
    while True:
        said = await asyncio.wait_for(socket.recv(), 60)
        if isinstance(said, str) and (found := json.loads(said))["type"] == kind:
            return dict(found)


def test_twenty_pages_at_once_are_bounded_and_all_end_with_their_pages(lab: Any) -> None:
    async def one(release: asyncio.Event) -> str:
        async with opened(lab) as socket:
            said = json.loads(await asyncio.wait_for(socket.recv(), 60))
            if said["type"] == "hello":
                await socket.send(json.dumps({"type": "start", "experiment": {"data": "moons", "steps": 5}}))
                await message(socket, "ready")
            await release.wait()
            return str(said.get("message", said["type"]))

    async def all_of_them() -> tuple[list[str], int]:
        release = asyncio.Event()
        asked = [asyncio.create_task(one(release)) for _ in range(20)]
        await asyncio.sleep(0)
        while sum(task.done() for task in asked) == 0 and len(lab.workers()) < 9:
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        most = len(lab.workers())
        release.set()
        return list(await asyncio.gather(*asked)), most

    said, most = asyncio.run(all_of_them())
    assert said.count("hello") == 8
    assert sum("8 pages at once" in line for line in said) == 12
    assert most <= 9
    end = time.monotonic() + 30
    while len(lab.workers()) > 1:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ten_thousand_malformed_messages_are_lines_and_the_lab_goes_on(lab: Any) -> None:
    count = 10_000
    chance = random.Random(2)
    start = json.dumps({"type": "start", "experiment": {"data": "moons", "depth": 2, "width": 4, "steps": 3}})

    async def send(socket: Any) -> int:
        refused = 0

        async def hear() -> None:
            nonlocal refused
            while True:
                said = await socket.recv()
                if isinstance(said, str):
                    found = json.loads(said)
                    refused += found["type"] == "error"
                    if "the end" in found.get("message", ""):
                        return

        hearing = asyncio.create_task(hear())
        for _ in range(count):
            raw = bytearray(start.encode())
            for _ in range(chance.randrange(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(128)
            del raw[chance.choice((len(raw), chance.randrange(len(raw)))) :]
            await socket.send(bytes(raw) if chance.random() < 0.3 else raw.decode())
        await socket.send(json.dumps({"type": "the end"}))
        await asyncio.wait_for(hearing, 300)
        return refused

    async def run() -> int:
        async with opened(lab) as socket:
            refused = await send(socket)
            await socket.send(start)
            await message(socket, "ready")
            return refused

    assert asyncio.run(run()) > count * 0.8


def test_a_file_that_is_too_large_is_not_read(lab: Any) -> None:
    async def send() -> int:
        async with opened(lab) as socket:
            await socket.send(bytes(UPLOAD_BYTES + (1 << 17)))
            await socket.wait_closed()
            return int(socket.close_code)

    assert asyncio.run(send()) == 1009
