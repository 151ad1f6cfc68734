"""The application: the page's files and its socket, and who gets neither."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ..bundle.bundle import served
from ..live.film import Film
from .client import Client
from .guard import POLICY, is_own_host, is_own_origin, is_token
from .pool import MOST_CLIENTS, Pool
from .viewer import Viewer

__all__ = ["application"]

PAGE = Path(__file__).parents[1] / "page"
_MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_FORBIDDEN, _FULL = 403, 1013


class _OwnHostOnly:
    """Refuses every request to another host than this machine, before anything else is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not is_own_host(hosts[0]):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close"})
                else:
                    await _refusal("pyinit lab answers 127.0.0.1 and localhost alone.")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def application(token: str, places: int = MOST_CLIENTS, film: Film | None = None) -> Starlette:
    """Return the application of one launch.

    Parameters
    ----------
    token : str
        What the address must carry.
    places : int
        Pages that are served at once.
    film : Film, optional
        What every page shows, in place of a lab of its own.
    """
    pool = Pool(places)
    files = {path.name: path for path in sorted(PAGE.iterdir()) if path.suffix in _MEDIA}

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if film is None:
            pool.prepare()
        yield
        await pool.close()

    async def index(request: Request) -> Response:
        if not is_token(request.query_params.get("token", ""), token):
            return _refusal("pyinit lab: open the address that it printed, with its token.")
        return _file(files["index.html"], is_film=film is not None)

    async def file(request: Request) -> Response:
        path = files.get(request.path_params["name"])
        if path is None or path.name == "index.html":
            return PlainTextResponse("there is no such file", 404, _HEADERS)
        return _file(path)

    async def socket(socket: WebSocket) -> None:
        origin, host = socket.headers.get("origin", ""), socket.headers.get("host", "")
        if not is_own_origin(origin, host) or not is_token(socket.query_params.get("token", ""), token):
            # before it is accepted, this is status 403
            await socket.close()
            return
        await socket.accept()
        if pool.taken >= pool.places:
            line = f"The lab serves {pool.places} pages at once, and they are taken. Close one of them."
            await socket.send_json({"type": "error", "message": line})
            await socket.close(_FULL)
            return
        pool.taken += 1
        try:
            await (Client(socket, pool) if film is None else Viewer(socket, film)).serve()
        finally:
            pool.taken -= 1

    routes = [Route("/", index), Route("/{name}", file), WebSocketRoute("/socket", socket)]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.add_middleware(_OwnHostOnly)
    app.router.redirect_slashes = False
    return app


def _file(path: Path, *, is_film: bool = False) -> Response:
    content = served(path)
    if is_film:
        content = content.replace("<div data-pyinit-lab>", '<div data-pyinit-lab data-film="live">')
    return Response(content, headers=_HEADERS, media_type=_MEDIA[path.suffix])


def _refusal(line: str) -> Response:
    return PlainTextResponse(line, _FORBIDDEN, _HEADERS)
