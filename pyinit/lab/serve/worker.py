"""The process that trains for one page: standard input and output are its channel to the server."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import warnings
from typing import Any

from ..player.player import Player
from .channel import BINARY, TEXT, Channel

__all__ = ["main"]

# the server, which answers everybody, goes first
_NICE = 5
# the same for Windows: BELOW_NORMAL_PRIORITY_CLASS of winbase.h
_BELOW_NORMAL = 0x4000


def main() -> None:
    """Play for one page until the server closes the channel."""
    # an interrupt in the terminal is for the server, which then closes the channel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _step_back()
    channel = Channel(os.dup(0), os.dup(1))
    # whatever prints must not print into the channel
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    def tell(said: dict[str, Any] | bytes) -> None:
        if isinstance(said, bytes):
            channel.send(BINARY, said)
        else:
            channel.send(TEXT, json.dumps(said, allow_nan=False).encode())

    player = Player(tell)
    try:
        player.hello()
        while True:
            heard = channel.receive(wait=not player.is_busy)
            if heard is None:
                player.beat()
            elif heard[0] == TEXT:
                player.hear(heard[1].decode())
            else:
                player.take(heard[1])
    except (EOFError, BrokenPipeError):
        sys.exit(0)


def _step_back() -> None:
    """Let other processes go first."""
    if sys.platform == "win32":
        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), _BELOW_NORMAL)
    else:
        os.nice(_NICE)
