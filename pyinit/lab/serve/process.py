"""`Process`: the server's end of one process that trains."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import suppress

from .channel import HEAD, packed

__all__ = ["Process"]

# a fresh interpreter, not a fork of the server: it finds the package where this one did
_BEGIN = f"import sys; sys.path[:] = sys.argv[1:]; from {__package__}.worker import main; main()"


class Process:
    """A process that trains. `start` makes one; it ends when it is closed, and when the server does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Process:
        """Start a process."""
        command = [sys.executable, "-c", _BEGIN, *sys.path]
        return cls(await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE))

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    async def send(self, kind: bytes, content: bytes) -> None:
        """Send it a message; one to a process that has ended is lost."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(packed(kind, content))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            # who reads from it notices
            return

    async def receive(self) -> tuple[bytes, bytes] | None:
        """Return its next message, or None when it has ended."""
        assert self._process.stdout is not None
        try:
            kind, size = HEAD.unpack(await self._process.stdout.readexactly(HEAD.size))
            return kind, await self._process.stdout.readexactly(size)
        except asyncio.IncompleteReadError:
            return None

    async def how_it_ended(self) -> str:
        """Return in words how it ended."""
        status = await self._process.wait()
        if status < 0:
            try:
                return f"was ended by {signal.Signals(-status).name}"
            except ValueError:
                return f"was ended by signal {-status}"
        return f"ended with status {status}"

    async def close(self) -> None:
        """End it, at once, and wait until it is gone."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
