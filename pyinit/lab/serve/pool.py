"""`Pool`: places for pages, and a process that is ready before a page asks."""

from __future__ import annotations

import asyncio

from .process import Process

__all__ = ["MOST_CLIENTS", "Pool"]

MOST_CLIENTS = 8
"""Pages that are served at once."""


class Pool:
    """Processes for pages: one is always waiting, so that a page need not wait for Python to start.

    Parameters
    ----------
    places : int
        Pages that are served at once.
    """

    def __init__(self, places: int = MOST_CLIENTS) -> None:
        self.places, self.taken = places, 0
        self._spare: asyncio.Task[Process] | None = None

    def prepare(self) -> None:
        """Start a process that waits, unless one does."""
        if self._spare is None:
            self._spare = asyncio.create_task(Process.start())

    async def take(self) -> Process:
        """Return the process that waits; another one is started in its place."""
        self.prepare()
        assert self._spare is not None
        spare, self._spare = self._spare, None
        process = await spare
        self.prepare()
        return process

    async def close(self) -> None:
        """End the process that waits."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            await (await spare).close()
