"""A server of the page, a browser, and pages that report every fault they log."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PAINTED = "window.pyinit?.runs.length && pyinit.runs[0].now.size && pyinit.stats.painted > 0"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Return the address of a server that runs sessions."""
    for library in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(library)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "small_server.py"), str(port)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def open_page(server: str, browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page at a link and waits for its first frame; faults fail the test."""
    contexts, faults = [], []

    def opened(link: str = "", width: int = 1360, height: int = 900, **options: Any) -> Any:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, **({"locale": "en-GB"} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.goto(f"{server}#{link}")
        page.wait_for_function(PAINTED)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not faults
