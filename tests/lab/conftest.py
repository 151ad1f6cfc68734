"""One browser for the tests of the page and of what carries it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("PYINIT_CHROMIUM", "/usr/bin/chromium")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ALONE = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


# of one module's tests: while it runs, no other test in the process could run an event loop
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a Chromium with an empty profile."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"needs Chromium at {CHROMIUM}, or where PYINIT_CHROMIUM says")
    with playwright_api.sync_playwright() as started:
        one = started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *ALONE])
        yield one
        one.close()


@pytest.fixture
def shot() -> Callable[[Any, str], None]:
    """Return a function that keeps a screenshot where PYINIT_SCREENSHOTS says, if it does."""

    def keep(page: Any, name: str) -> None:
        folder = os.environ.get("PYINIT_SCREENSHOTS")
        if not folder:
            return
        error = pytest.importorskip("playwright.sync_api").Error
        path = Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Chromium on a busy machine cannot always make one at once
        for _ in range(4):
            with suppress(error):
                page.screenshot(path=path)
                return
            page.wait_for_timeout(500)
        page.screenshot(path=path)

    return keep
