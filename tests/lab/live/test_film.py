"""A training elsewhere as frames for the page: what is kept, and what a page is told of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import ArgumentError
from pyinit.lab.export.recording import record_film
from pyinit.lab.live.film import Film
from pyinit.lab.live.frames import decoded
from pyinit.lab.player.projector import Projector

NETWORK = pi.mlp([8, 16, 16, 1], "tanh")


def report(scale: float = 1.0) -> pi.Report:
    """A probe whose "update" is the gradient of the weights."""
    x = scale * pi.data.abalone().standardized().inputs[:64]
    found = pi.probe(NETWORK, x, key=0)
    layers = [
        replace(one, moments=one.moments | {"update": one.moments["weight gradient"]}) for one in found.layers
    ]
    return replace(found, layers=tuple(layers))


REPORT = report()


def film_of(steps: int, most: int = 512) -> Film:
    film = Film("Net", most)
    for step in range(steps):
        film.add(10 * step, REPORT)
    return film


def test_frames_hold_what_the_report_holds() -> None:
    film = film_of(2)
    header, arrays = decoded(film.frame(1, 7))
    assert (header["kind"], header["step"], header["id"], header["runs"]) == ("step", 10, 7, 1)
    for at, layer in enumerate(REPORT.layers):
        for place, kind in enumerate(header["kinds"]):
            one = layer.moments[kind]
            assert one.histogram is not None
            assert tuple(arrays["r0.counts"][at, place]) == one.histogram.counts
            assert arrays["r0.edges"][at, place].tolist() == pytest.approx(
                [one.histogram.axis.edges[at] for at in (0, -1)]
            )
            assert arrays["r0.moments"][at, place, :3].tolist() == pytest.approx(
                [one.mean, one.std, one.second_moment**0.5], rel=1e-6
            )
        ratio = (layer.moments["update"].second_moment / layer.moments["weight"].second_moment) ** 0.5
        assert arrays["r0.updates"][at] == pytest.approx(ratio)
        assert film.over_time("update ratio")[at].tolist() == pytest.approx([ratio, ratio])
    assert len(arrays["r0.losses"]) == 0
    ready = film.ready(is_live=False)
    assert json.loads(json.dumps(ready, allow_nan=False)) == ready
    assert [one["name"] for one in ready["runs"][0]["layers"]] == list(film.layers)
    assert ready["verdicts"][0]["text"]["en"] == str(REPORT.verdict)


def test_a_full_film_keeps_every_second_shot_and_the_first() -> None:
    film = Film("Net", 8)
    for step in range(100):
        film.add(step, REPORT)
        kept = film.steps
        assert len(kept) <= 8
        apart = np.diff(kept)
        assert kept[0] == 0
        assert len(set(apart.tolist())) <= 1
        assert step - kept[-1] < (apart[0] if len(apart) else 1)
    assert film.steps == tuple(range(0, 100, 16))
    assert film.over_time("activation").shape == (3, 7)
    assert film.report is REPORT


def test_layers_that_come_later_and_those_that_are_left_out() -> None:
    first, second, third = REPORT.layers
    film = Film("Net")
    film.add(0, replace(REPORT, layers=(first, third)))
    film.add(1, REPORT)
    film.add(2, replace(REPORT, layers=(third,)))
    assert film.layers == ("layers.0", "layers.1", "layers.2")
    known = ~np.isnan(film.over_time("activation"))
    assert known.tolist() == [[True, True, False], [False, True, False], [True, True, True]]
    _, arrays = decoded(film.frame(2, 1))
    assert np.isnan(arrays["r0.moments"][:2]).all()
    assert not arrays["r0.counts"][:2].any()
    assert len(film.verdicts(2)[0]["layers"]) == 3
    assert second.name == "layers.1"


class Page:
    """What a page hears."""

    def __init__(self, film: Film) -> None:
        self.said: list[dict[str, Any]] = []
        self.projector = Projector(self._hear, film)

    def _hear(self, said: dict[str, Any] | bytes) -> None:
        if isinstance(said, bytes):
            header, _ = decoded(said)
            said = {"type": header["kind"], "step": header["step"]}
        self.said.append(said)

    def shown(self) -> list[int]:
        """The steps since the page was last made ready."""
        kinds = [one["type"] for one in self.said]
        last = len(kinds) - 1 - kinds[::-1].index("ready")
        return [one["step"] for one in self.said[last:] if one["type"] == "step"]


def test_a_page_that_asks_gets_everything_and_then_what_is_new() -> None:
    film = film_of(3)
    page = Page(film)
    page.projector.hear('{"type": "hello"}')
    page.projector.hear('{"type": "start", "experiment": {}}')
    assert [one["type"] for one in page.said[:3]] == ["hello", "ready", "data"]
    assert page.shown() == [0, 10, 20]
    film.add(30, REPORT)
    film.add(40, REPORT)
    assert page.shown() == [0, 10, 20, 30, 40]
    assert page.said[-1]["type"] == "verdict"
    assert [one["type"] for one in page.said].count("ready") == 1
    page.projector.hear("nonsense")
    assert page.said[-1]["type"] == "error"
    page.projector.close()
    film.add(50, REPORT)
    assert page.said[-1]["type"] == "error"


def test_a_page_that_cannot_be_heard_gets_everything_again_now_and_then() -> None:
    # as in a cell that trains: the kernel hears nothing until it ends
    film = Film("Net")
    page = Page(film)
    page.projector.hear('{"type": "hello"}')
    for step in range(40):
        film.add(step, REPORT)
        assert page.shown() == list(range(step + 1))
    kinds = [one["type"] for one in page.said]
    assert kinds.count("ready") == 6
    # in all, not much more than twice as many as there are
    assert kinds.count("step") <= 2.6 * 40


def test_layers_that_come_later_make_the_page_ready_again() -> None:
    film = Film("Net")
    film.add(0, replace(REPORT, layers=REPORT.layers[:2]))
    page = Page(film)
    page.projector.hear('{"type": "start", "experiment": {}}')
    film.add(1, REPORT)
    ready = [one for one in page.said if one["type"] == "ready"]
    assert [len(one["runs"][0]["layers"]) for one in ready] == [2, 3]
    assert page.shown() == [0, 1]


def test_an_empty_film_and_unknown_numbers_are_refused() -> None:
    with pytest.raises(ArgumentError, match="got none"):
        record_film(Film("Net"))
    with pytest.raises(ArgumentError, match="update ratio"):
        film_of(1).over_time("norm")


@pytest.mark.interop
def test_a_page_of_a_film_plays_offline(browser: Any, tmp_path: Any) -> None:
    path = tmp_path / "film.html"
    path.write_text(record_film(film_of(6)), encoding="utf-8")
    context = browser.new_context(offline=True, locale="en-GB")
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.goto(path.as_uri())

    def until(expression: str) -> None:
        for _ in range(1000):
            if page.evaluate(f"Boolean({expression})"):
                return
            page.wait_for_timeout(20)
        raise AssertionError(expression)

    until("window.pyinit?.runs.length === 1 && pyinit.stats.painted")
    page.click("button.play")
    until("pyinit.store.state.finished")
    assert page.evaluate("pyinit.store.state.step") == 50
    assert page.evaluate("pyinit.store.state.view") == "layers"
    assert page.evaluate("pyinit.runs[0].history.length") == 6
    page.click(".heatmap button[data-value=heat_update]")
    wanted = film_of(1).over_time("update ratio")[:, 0]
    found = page.evaluate("[...pyinit.runs[0].history.values.slice(12, 15)]")
    assert found == pytest.approx(wanted.tolist(), rel=1e-6)
    # the settings of the lab's own runs are not offered
    for hidden in (".controls", ".tabs", ".curve"):
        assert not page.is_visible(hidden)
    for visible in (".heatmap", ".histogram", ".profile"):
        assert page.is_visible(visible)
    page.hover(".heatmap canvas")
    until("document.querySelector('.tip').textContent.includes('layers.')")
    context.close()
    assert not faults
