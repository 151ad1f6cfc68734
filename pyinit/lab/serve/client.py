"""`Client`: one page's socket, and the process that trains for it, from the first message to the last."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..player.messages import LONGEST
from .channel import BINARY, TEXT
from .pool import Pool
from .process import Process

__all__ = ["Client"]


class Client:
    """Carries between a page and a process; a process that ends is replaced when the page asks again.

    Parameters
    ----------
    socket : WebSocket
        Accepted already.
    pool : Pool
    """

    def __init__(self, socket: WebSocket, pool: Pool) -> None:
        self._socket, self._pool = socket, pool
        self._process: Process | None = None
        self._carrying: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Serve the page until it goes; then its process ends."""
        try:
            await self._begin()
            with suppress(WebSocketDisconnect):
                while True:
                    await self._hear(await self._socket.receive())
        finally:
            if self._carrying is not None:
                self._carrying.cancel()
            if self._process is not None:
                await self._process.close()

    async def _begin(self) -> None:
        self._process = await self._pool.take()
        self._carrying = asyncio.create_task(self._carry(self._process))

    async def _hear(self, event: Mapping[str, object]) -> None:
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        text, raw = event.get("text"), event.get("bytes")
        if self._process is None:
            # the page hears what there is, and starts what it shows
            await self._begin()
        elif isinstance(text, str):
            if len(text) > LONGEST:
                await self._say(f"a message has at most {LONGEST} characters; got {len(text)}.")
            else:
                await self._process.send(TEXT, text.encode("utf-8", "replace"))
        elif isinstance(raw, bytes):
            await self._process.send(BINARY, raw)

    async def _carry(self, process: Process) -> None:
        """Carry what a process says to the page; when it has ended, say how."""
        try:
            while (said := await process.receive()) is not None:
                kind, content = said
                if kind == TEXT:
                    await self._socket.send_text(content.decode())
                else:
                    await self._socket.send_bytes(content)
            self._process = None
            how = await process.how_it_ended()
            await self._socket.send_text('{"type": "state", "playing": false}')
            await self._say(f"The process that trained {how}. Press play or change a setting to start again.")
        except (WebSocketDisconnect, RuntimeError):
            # the page has gone, and `serve` ends the process
            return

    async def _say(self, line: str) -> None:
        await self._socket.send_text(json.dumps({"type": "error", "message": line}))
