"""`launch`: the server on this machine, until it is interrupted."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ...errors import ArgumentError
from ..experiment.limits import UPLOAD_BYTES
from ..live.film import Film
from .app import application
from .guard import new_token

__all__ = ["PORT", "Screening", "launch"]

PORT = 8710
"""The port unless another is asked for; where it is taken, any that is free."""
_HOST = "127.0.0.1"
# for what surrounds an upload
_MARGIN = 1 << 16


class _Server(uvicorn.Server):
    """A server that calls `began` when it answers."""

    def __init__(self, config: uvicorn.Config, began: Callable[[], None]) -> None:
        super().__init__(config)
        self._began = began

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._began()


def _announce(address: str) -> None:
    print(f"pyinit lab: {address}\nPress Ctrl-C to end it.", flush=True)


def launch(
    link: str = "",
    port: int | None = None,
    *,
    browser: bool = True,
    announce: Callable[[str], None] = _announce,
) -> None:
    """Serve the lab on 127.0.0.1 until it is interrupted; print its address, and open it in a browser.

    Parameters
    ----------
    link : str
        The query of an experiment to begin with.
    port : int, optional
        0 for any that is free; by default `PORT`, or any where that is taken.
    browser : bool
        Whether to open the page.
    announce : callable
        Receives the address when the server answers; by default it is printed.

    Raises
    ------
    ArgumentError
        If the port is taken.
    """
    token = new_token()
    with _listening(port) as listening:
        address = f"http://{_HOST}:{listening.getsockname()[1]}/?token={token}"
        address += f"#{link}" if link else ""

        def began() -> None:
            announce(address)
            if browser:
                # a browser that runs in the terminal would not return
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

        _Server(_config(application(token)), began).run([listening])


class Screening:
    """The lab's page on 127.0.0.1, which shows a film while this process makes it.

    Parameters
    ----------
    film : Film
    port : int, optional
        As `launch`.

    Attributes
    ----------
    address : str
        What to open; it has the token of this screening.
    """

    def __init__(self, film: Film, port: int | None = None) -> None:
        token = new_token()
        self._listening = _listening(port)
        self.address = f"http://{_HOST}:{self._listening.getsockname()[1]}/?token={token}#view=layers"
        answers = threading.Event()
        self._server = _Server(_config(application(token, film=film)), answers.set)
        run = self._server.run
        self._thread = threading.Thread(target=run, args=([self._listening],), name="pyinit lab", daemon=True)
        self._thread.start()
        answers.wait()

    def __repr__(self) -> str:
        return f"Screening({self.address})"

    def close(self) -> None:
        """End the server; pages that are open keep what they show."""
        self._server.should_exit = True
        self._thread.join()
        self._listening.close()


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="error",
        loop="asyncio",
        ws=WebSocketsSansIOProtocol,
        ws_max_size=UPLOAD_BYTES + _MARGIN,
        timeout_graceful_shutdown=1,
    )


def _listening(port: int | None) -> socket.socket:
    for tried in (PORT, 0) if port is None else (port,):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((_HOST, tried))
            return made
        except (OSError, OverflowError) as error:
            made.close()
            if port is not None:
                reason = getattr(error, "strerror", None) or error
                raise ArgumentError(
                    f"port {port} of {_HOST} cannot be used: {reason}. Choose another, or 0 for any."
                ) from None
    raise ArgumentError(f"{_HOST} has no free port. Close something that listens.")
