"""`Viewer`: one page's socket on which a film is shown, while another thread of the process makes it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..live.film import Film
from ..player.messages import LONGEST
from ..player.projector import Projector

__all__ = ["Viewer"]


class Viewer:
    """Carries a film to a page; what the training thread adds waits in a queue for the server's thread.

    Parameters
    ----------
    socket : WebSocket
        Accepted already.
    film : Film
    """

    def __init__(self, socket: WebSocket, film: Film) -> None:
        self._socket, self._film = socket, film
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[dict[str, Any] | bytes] = asyncio.Queue()

    async def serve(self) -> None:
        """Serve the page until it goes."""
        projector = Projector(self._tell, self._film)
        sending = asyncio.create_task(self._send())
        try:
            projector.hear('{"type": "hello"}')
            with suppress(WebSocketDisconnect):
                while True:
                    event = await self._socket.receive()
                    if event["type"] == "websocket.disconnect":
                        break
                    text = event.get("text")
                    if isinstance(text, str) and len(text) <= LONGEST:
                        projector.hear(text)
        finally:
            projector.close()
            sending.cancel()

    def _tell(self, said: dict[str, Any] | bytes) -> None:
        # a server that is closed hears nothing more
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, said)

    async def _send(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            while True:
                said = await self._waiting.get()
                if isinstance(said, bytes):
                    await self._socket.send_bytes(said)
                else:
                    await self._socket.send_text(json.dumps(said, allow_nan=False))
