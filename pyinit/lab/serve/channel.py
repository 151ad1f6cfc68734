"""Messages between the server and a process that trains: a kind, a length, and that many bytes."""

from __future__ import annotations

import os
import select
import struct
import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt

__all__ = ["BINARY", "HEAD", "TEXT", "Channel", "packed"]

TEXT, BINARY = b"t", b"b"
HEAD = struct.Struct("<cI")
_PIECE = 1 << 16


def packed(kind: bytes, content: bytes) -> bytes:
    r"""Return a message as bytes.

    Examples
    --------
    >>> packed(TEXT, b"{}")
    b't\x02\x00\x00\x00{}'
    """
    return HEAD.pack(kind, len(content)) + content


class Channel:
    """The end of a process that trains: it reads one descriptor and writes another.

    Parameters
    ----------
    source, sink : int
        File descriptors.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink, self._waiting = source, sink, bytearray()

    def send(self, kind: bytes, content: bytes) -> None:
        """Write a message; it waits while the other end does not read."""
        rest = memoryview(packed(kind, content))
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def receive(self, *, wait: bool) -> tuple[bytes, bytes] | None:
        """Return the next message, or None where there is none yet and `wait` is false.

        Raises
        ------
        EOFError
            When the other end is closed.
        """
        while True:
            if len(self._waiting) >= HEAD.size:
                kind, size = HEAD.unpack_from(self._waiting)
                end = HEAD.size + size
                if len(self._waiting) >= end:
                    content = bytes(self._waiting[HEAD.size : end])
                    del self._waiting[:end]
                    return kind, content
            if not wait and not _has_data(self._source):
                return None
            piece = os.read(self._source, _PIECE)
            if not piece:
                raise EOFError
            self._waiting += piece


def _has_data(descriptor: int) -> bool:
    """Tell whether a read of a pipe returns at once: with data, or because the other end is closed."""
    if sys.platform == "win32":
        # select is for sockets there
        count = ctypes.c_ulong()
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        is_open = ctypes.windll.kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(count), None)
        return not is_open or count.value > 0
    else:
        return bool(select.select([descriptor], [], [], 0)[0])
