"""A film on a local page: shown while it is made, to this machine's own browser alone."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest

import pyinit as pi
from pyinit.lab.live.film import Film

pytestmark = pytest.mark.interop
for library in ("starlette", "uvicorn", "websockets"):
    pytest.importorskip(library)


def test_a_film_is_shown_to_a_browser_while_it_is_made(browser: Any) -> None:
    from pyinit.lab.serve.launch import Screening

    report = pi.probe(pi.mlp([2, 8, 1]), pi.data.moons(64).inputs)
    film = Film("Net")
    film.add(0, report)
    screening = Screening(film, 0)
    try:
        page = browser.new_context(locale="en-GB").new_page()
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.goto(screening.address)

        def until(expression: str) -> None:
            for _ in range(1000):
                if page.evaluate(f"Boolean({expression})"):
                    return
                page.wait_for_timeout(20)
            raise AssertionError(expression)

        until("window.pyinit?.runs[0]?.history.length === 1")
        for step in (5, 10, 15):
            film.add(step, report)
        until("pyinit.runs[0].history.length === 4 && pyinit.stats.painted >= 2")
        assert page.evaluate("[...pyinit.runs[0].history.steps.slice(0, 4)]") == [0, 5, 10, 15]
        assert page.evaluate("pyinit.store.state.view") == "layers"
        assert not page.is_visible(".tabs")
        assert not page.is_visible(".buttons")
        assert not faults
        # the token is needed
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(screening.address.partition("?")[0])
        page.context.close()
    finally:
        screening.close()
    # nobody listens to the film, and adding to it goes on
    assert not film._listeners
    film.add(20, report)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(screening.address)
