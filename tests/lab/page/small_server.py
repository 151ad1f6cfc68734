"""A small server of the page for its tests: its files, and a socket with a player in the same process.

Run as ``python small_server.py PORT``. ``GET /drop`` closes every socket, as a network that fails would;
``GET /malform`` sends frames that are none; ``GET /hasty`` makes players wait for no painting, a fault that
tests must see.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import pyinit
from pyinit.lab.live.frames import encoded
from pyinit.lab.player.player import Player

PAGE = Path(pyinit.__file__).parent / "lab" / "page"

clients: set[Client] = set()


class Client:
    """One page and its player."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.is_hasty = socket, False
        self.said: asyncio.Queue[dict[str, Any] | bytes] = asyncio.Queue()
        self.player = Player(self.said.put_nowait)

    async def carry(self) -> None:
        """Send what the player says."""
        while True:
            said = await self.said.get()
            if isinstance(said, bytes):
                await self.socket.send_bytes(said)
            else:
                await self.socket.send_text(json.dumps(said, allow_nan=False))

    async def play(self) -> None:
        """Let the player work as long as it has something to do."""
        while True:
            if self.is_hasty:
                self.player._unpainted = 0
            if self.player.is_busy:
                self.player.beat()
            await asyncio.sleep(0 if self.player.is_busy else 0.002)

    async def hear(self) -> None:
        """Hand the player what the page says."""
        while True:
            event = await self.socket.receive()
            if event["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            if event.get("text") is not None:
                self.player.hear(event["text"])
            else:
                self.player.take(event["bytes"])


async def endpoint(socket: WebSocket) -> None:
    """Serve one page."""
    await socket.accept()
    client = Client(socket)
    clients.add(client)
    client.player.hello()
    working = [asyncio.create_task(client.carry()), asyncio.create_task(client.play())]
    try:
        await client.hear()
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        clients.discard(client)
        for one in working:
            one.cancel()


async def drop(request: Request) -> PlainTextResponse:
    """Close every socket."""
    for client in list(clients):
        await client.socket.close()
    return PlainTextResponse("dropped")


async def hasty(request: Request) -> PlainTextResponse:
    """Let no player wait for a painting."""
    for client in clients:
        client.is_hasty = True
    return PlainTextResponse("hasty")


async def malform(request: Request) -> PlainTextResponse:
    """Send each page `count` frames with bytes changed, cut off or at random."""
    count = int(request.query_params["count"])
    chance = random.Random(0)
    for client in list(clients):
        whole = encoded({"kind": "other", "id": 0}, {"values": np.zeros(16, np.float32)})
        for _ in range(count):
            raw = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            end = chance.choice((len(raw), chance.randrange(len(raw))))
            await client.socket.send_bytes(bytes(raw[:end]))
    return PlainTextResponse("sent")


def main() -> None:
    """Serve until killed."""
    routes = [
        WebSocketRoute("/socket", endpoint),
        Route("/drop", drop),
        Route("/hasty", hasty),
        Route("/malform", malform),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
