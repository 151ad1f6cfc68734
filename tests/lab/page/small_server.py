"""A small server of the page for its tests: its files, and a socket with one session in the same process.

Run as ``python small_server.py PORT``. ``GET /drop`` closes every socket, as a network that fails would;
``GET /malform`` sends frames that are none.
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
from pyinit.errors import PyinitError
from pyinit.lab.experiment.experiment import Experiment
from pyinit.lab.experiment.options import options, presets
from pyinit.lab.experiment.sets import Source, described, uploaded
from pyinit.lab.experiment.tour import tour
from pyinit.lab.live.frames import encoded
from pyinit.lab.live.phase import phase_frame
from pyinit.lab.live.session import Session

PAGE = Path(pyinit.__file__).parent / "lab" / "page"
VERDICTS_EVERY = 40

clients: set[Client] = set()


class Client:
    """One page and its session."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket, self.pace, self.playing, self.unpainted, self.sent = socket, 1, False, 0, 0
        self.session: Session | None = None
        self.uploads: dict[str, Source] = {}

    async def start(self, wanted: dict[str, Any]) -> None:
        """Start an experiment and show where it begins."""
        self.playing = False
        self.session = Session(Experiment.from_dict(wanted), self.uploads)
        await self.socket.send_json(self.session.ready())
        await self.socket.send_bytes(self.session.data_frame())
        await self.show()

    async def show(self, ready: bytes = b"") -> None:
        """Send a frame of where the session is, and now and then the verdicts."""
        assert self.session is not None
        if not ready:
            self.sent += 1
        self.unpainted = self.sent
        await self.socket.send_bytes(ready or self.session.frame(self.sent))
        if self.sent % VERDICTS_EVERY == 0:
            for one in self.session.verdicts():
                await self.socket.send_json(one)

    async def state(self) -> None:
        """Say where the session is."""
        assert self.session is not None
        step, over = self.session.step, self.session.is_over
        message = {"type": "state", "playing": self.playing, "step": step, "finished": over}
        await self.socket.send_json({**message, "steps": self.session.experiment.steps})

    async def train(self) -> None:
        """Train as long as the page plays and paints."""
        while True:
            await asyncio.sleep(0.001)
            session = self.session
            if not self.playing or session is None:
                continue
            # the next frame is made while the page paints the last one
            session.advance(self.pace)
            self.sent += 1
            ready = session.frame(self.sent)
            while self.unpainted and self.playing and self.session is session:
                await asyncio.sleep(0.001)
            if self.session is not session:
                continue
            await self.show(ready)
            if session.is_over:
                self.playing = False
                await self.state()

    async def hear(self, message: dict[str, Any]) -> None:
        """Do what a message asks."""
        kind = message["type"]
        if kind == "ack":
            self.unpainted = 0 if message["id"] == self.unpainted else self.unpainted
        elif kind == "start":
            await self.start(message["experiment"])
        elif kind == "pace":
            self.pace = message["steps"]
        elif kind == "phase":
            await self.socket.send_bytes(phase_frame(message["activation"][0], message["size"]))
        elif kind == "upload":
            source = uploaded(message["name"], await self.socket.receive_bytes(), message["target"])
            self.uploads[source.name] = source
            await self.socket.send_json({"type": "uploaded", "data": described(source)})
        elif self.session is None:
            return
        elif kind in ("play", "pause"):
            self.playing = kind == "play"
            await self.state()
        elif kind in ("step", "rewind"):
            self.playing = False
            # lets a frame that is ready go first
            await asyncio.sleep(0.005)
            if kind == "step":
                self.session.advance(message["count"])
            else:
                self.session.rewind()
            await self.show()
            await self.state()


async def endpoint(socket: WebSocket) -> None:
    """Serve one page."""
    await socket.accept()
    client = Client(socket)
    clients.add(client)
    hello = {"type": "hello", "version": "0", "options": options(), "presets": presets(), "tour": tour()}
    await socket.send_json(hello)
    training = asyncio.create_task(client.train())
    try:
        while True:
            message = json.loads(await socket.receive_text())
            try:
                await client.hear(message)
            except PyinitError as error:
                await socket.send_json({"type": "error", "message": str(error)})
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        clients.discard(client)
        training.cancel()


async def drop(request: Request) -> PlainTextResponse:
    """Close every socket."""
    for client in list(clients):
        await client.socket.close()
    return PlainTextResponse("dropped")


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
        Route("/malform", malform),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")


if __name__ == "__main__":
    main()
