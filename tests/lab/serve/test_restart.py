"""A lab that ends while its page is open, and one that is started again on the same port."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

pytestmark = pytest.mark.interop

SETTINGS = "data=moons&depth=3&width=8&steps=40&seed=7&run=he_normal"
WEIGHTS = "pyinit.runs[0].now.get('weights.0').values.join()"


@pytest.fixture
def start(lab: Any) -> Iterator[Callable[[int], Any]]:
    """Return a function that starts another lab on a port."""
    started: list[Any] = []

    def begin(port: int) -> Any:
        one = type(lab)("--port", str(port))
        started.append(one)
        return one

    yield begin
    for one in started:
        with suppress(ProcessLookupError):
            one.end()


def test_a_lab_that_is_started_again_is_another_address_and_the_page_says_so(
    start: Callable[[int], Any], browser: Any, wait: Callable[..., None]
) -> None:
    first = start(0)
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{first.address}#{SETTINGS}")
    wait(page, "window.pyinit?.runs.length && pyinit.runs[0].now.size && pyinit.stats.painted")
    weights = page.evaluate(WEIGHTS)
    line = page.locator(".connection")
    assert line.is_hidden()

    # a kill, not an interrupt: nothing is said to the page
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(30)
    wait(page, "pyinit.store.state.connection === 'closed'")
    assert line.is_visible()
    assert "trying again" in line.inner_text()
    assert page.evaluate(WEIGHTS) == weights, "what was seen stays"

    second = start(first.port)
    assert (second.port, second.token != first.token) == (first.port, True)
    wait(page, "pyinit.store.state.connection === 'refused'")
    assert "Open the one that pyinit lab prints now" in line.inner_text()
    # it has stopped asking: the line stays what it is
    page.wait_for_timeout(1500)
    assert page.evaluate("pyinit.store.state.connection") == "refused"

    # what the line says to do gives the same experiment
    fragment = page.evaluate("location.hash")
    assert "seed=7" in fragment
    page.goto(f"{second.address}{fragment}")
    wait(page, "window.pyinit?.runs.length && pyinit.runs[0].now.size && pyinit.stats.painted")
    assert page.evaluate(WEIGHTS) == weights
    context.close()
