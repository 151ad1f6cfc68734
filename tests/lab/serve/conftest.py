"""A lab as a user starts it, pages on it, and a network between them that can fail."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

PAINTED = "Boolean(window.pyinit?.runs.length && pyinit.runs[0].now.size && pyinit.stats.painted)"


class Lab:
    """``pyinit lab`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pyinit", "lab", "--no-browser", "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)/\?token=([\w-]+)", self.process.stdout.readline())
        assert found is not None
        self.address, self.port, self.token = found[0], int(found[1]), found[2]

    def workers(self) -> list[int]:
        """Return the processes that train, or wait for a page."""
        path = f"/proc/{self.process.pid}/task"
        found: list[int] = []
        for task in os.listdir(path):
            with suppress(OSError), open(f"{path}/{task}/children") as file:
                found += map(int, file.read().split())
        return found

    def end(self) -> int:
        """Interrupt it as Ctrl-C does and return its status."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Return a running lab."""
    for library in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(library, reason=f"{library} is not installed")
    one = Lab()
    yield one
    assert one.end() == 0


class Wire:
    """A network between a page and the lab that can drop every connection."""

    def __init__(self, port: int) -> None:
        self._target, self._pairs = port, []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Close every connection."""
        pairs, self._pairs = self._pairs, []
        for one in pairs:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._listening.close()
        self.drop()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._pairs += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while raw := source.recv(65536):
                sink.sendall(raw)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def wire(lab: Lab) -> Iterator[Wire]:
    """Return a network to the lab."""
    one = Wire(lab.port)
    yield one
    one.close()


def until(page: Any, expression: str, seconds: float = 60.0) -> None:
    """Wait until an expression holds on the page; its policy forbids the text that playwright would leave."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < end, (expression, page.evaluate("pyinit.store.state.error"))
        time.sleep(0.02)


@pytest.fixture
def wait() -> Callable[..., None]:
    """Return `until`."""
    return until


@pytest.fixture
def open_lab(lab: Lab, browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the lab at a link; a fault, or a request elsewhere, fails the test."""
    contexts, faults = [], []

    def opened(link: str = "", port: int | None = None) -> Any:
        context = browser.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        home = f"127.0.0.1:{lab.port if port is None else port}/"
        page.on("pageerror", lambda fault: faults.append(str(fault)))

        def asked(request: Any) -> None:
            if not re.match(rf"(http|ws)://{re.escape(home)}|data:", request.url):
                faults.append(request.url)

        page.on("request", asked)
        page.on("websocket", asked)
        page.on("console", lambda line: faults.append(line.text) if "Content Security" in line.text else None)
        page.goto(f"http://{home}?token={lab.token}#{link}")
        until(page, PAINTED)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults
