"""How little the page weighs, what it asks for, and that no frame is lost, repeated or ahead of its turn.

No time is asserted: a machine that others use would fail at random. benchmarks/lab/page.py prints the times.
"""

from __future__ import annotations

import gzip
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pyinit
from pyinit.lab.bundle.bundle import served

Open = Callable[..., Any]

PAGE = Path(pyinit.__file__).parent / "lab" / "page"
SENT = (".html", ".css", ".js")
TWO = "view=compare&data=moons&depth=10&width=12&run=critical_normal,scale:0.5&run=critical_normal"

# notes what comes over the wire, what is sent back, and how many frames wait for their painting
WATCH = """() => {
  const {wire} = pyinit, take = wire.onframe, send = wire.send;
  const seen = window.seen = {steps: [], acked: [], waiting: 0, most: 0};
  const headerOf = frame => {
    const text = new Uint8Array(frame.buffer, frame.byteOffset + 4, frame.getUint32(0, true));
    return JSON.parse(new TextDecoder().decode(text));
  };
  wire.onframe = frame => {
    const {kind, step} = headerOf(frame);
    if (kind === "step") {
      seen.steps.push(step);
      seen.most = Math.max(seen.most, seen.waiting += 1);
    }
    take(frame);
  };
  wire.send = (message, binary) => {
    if (message.type === "ack") {
      seen.waiting -= 1;
      seen.acked.push(pyinit.store.state.step);
    }
    send(message, binary);
  };
}"""


def test_the_page_weighs_less_than_57_kilobytes_as_it_is_sent() -> None:
    sizes = {
        one.name: len(gzip.compress(served(one).encode())) for one in PAGE.iterdir() if one.suffix in SENT
    }
    assert {"index.html", "page.css", "main.js", "wire.js"} <= set(sizes)
    assert sum(sizes.values()) < 57_000, sizes


def test_modules_are_sent_without_comments_and_on_the_same_lines() -> None:
    for path in PAGE.glob("*.js"):
        text, sent = path.read_text(encoding="utf-8"), served(path)
        assert "/**" in text
        assert "/**" not in sent
        assert sent.count("\n") == text.count("\n")


def test_no_file_of_the_page_names_another_machine() -> None:
    for path in PAGE.iterdir():
        addresses = re.findall(r"https?://[^\s\"'`)]+", path.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, path.name


def test_every_text_is_there_in_both_languages_and_used() -> None:
    text = (PAGE / "text.js").read_text(encoding="utf-8")
    block = text[text.index("const TEXTS = {") : text.index("\n};")]
    keys = re.findall(r"^  (\w+): \[", block, re.MULTILINE)
    assert len(re.findall(r'\[\s*"(?:[^"\\]|\\.)+",\s*"(?:[^"\\]|\\.)+",?\s*\]', block)) == len(keys)
    rest = "".join(path.read_text(encoding="utf-8") for path in PAGE.glob("*.js") if path.name != "text.js")
    by_the_server = {"rmse"}
    assert [key for key in keys if f'"{key}"' not in rest and key not in by_the_server] == []
    for key in re.findall(r'\bt(?:Label)?: "(\w+)"|\bt\("(\w+)"\)', rest):
        assert (key[0] or key[1]) in keys


@pytest.mark.interop
def test_every_frame_is_painted_once_in_order_and_no_more_than_one_waits(open_page: Open) -> None:
    page = open_page(TWO + "&steps=60", height=1800)
    page.evaluate(WATCH)
    before = page.evaluate("pyinit.stats.painted")
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.finished && !seen.waiting")
    seen = page.evaluate("seen")
    # at one step a frame, 60 steps are 60 frames: none is left out, painted twice or ahead of its turn
    assert seen["steps"] == list(range(1, 61))
    assert seen["acked"] == seen["steps"], "what a frame shows is painted before the next one comes"
    assert seen["most"] == 1
    assert page.evaluate("pyinit.stats.painted") - before == 60
    assert page.evaluate("pyinit.runs.map(run => run.losses.count)") == [60, 60]
    assert page.evaluate("pyinit.runs.every(run => run.now.get('counts').shape[2] >= 48)")


@pytest.mark.interop
def test_a_page_that_paints_slowly_gets_the_newest_state_and_every_loss(open_page: Open) -> None:
    page = open_page("data=moons&depth=3&width=8&steps=200&run=he_normal")
    page.select_option("select.pace", "10")
    page.evaluate(WATCH)
    # a page whose display refreshes five times a second
    page.evaluate("window.requestAnimationFrame = done => setTimeout(done, 200)")
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.finished && !seen.waiting")
    seen = page.evaluate("seen")
    assert seen["most"] == 1
    assert seen["steps"] == sorted(set(seen["steps"]))
    assert seen["steps"][-1] == 200
    assert page.evaluate("pyinit.runs[0].losses.count") == 200


@pytest.mark.interop
def test_a_server_that_waits_for_no_painting_is_noticed(open_page: Open, server: str) -> None:
    """The mutant of the two tests before: they can fail."""
    page = open_page("data=moons&depth=3&width=8&steps=200&run=he_normal")
    page.evaluate(WATCH)
    page.evaluate("window.requestAnimationFrame = done => setTimeout(done, 200)")
    urllib.request.urlopen(f"{server}hasty").read()
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.finished")
    assert page.evaluate("seen.most") > 1


@pytest.mark.interop
def test_an_input_is_painted_at_the_next_refresh_while_frames_stream(open_page: Open) -> None:
    page = open_page(TWO, height=1800)
    page.click("button.play")
    page.wait_for_function("pyinit.store.state.step >= 10")
    # the foot of the color scale is the same in every frame, and another one for shares than for sizes
    refreshes = page.evaluate(
        """async () => {
          const panel = [...document.querySelectorAll(".run .heatmap")].find(one => one.clientWidth > 0);
          const canvas = panel.querySelector("canvas");
          const scale = canvas.width / canvas.clientWidth;
          const [x, y] = [(canvas.clientWidth - 47) * scale, (canvas.clientHeight - 34) * scale];
          const foot = () => canvas.getContext("2d").getImageData(x, y, 1, 1).data.join();
          const found = [];
          for (let i = 0; i < 8; i++) {
            const before = foot();
            panel.querySelector(`button[data-value=${i % 2 ? "heat_gradient" : "heat_dead"}]`).click();
            let waited = 0;
            for (; foot() === before && waited < 100; waited++) await new Promise(requestAnimationFrame);
            found.push(waited);
          }
          return found;
        }"""
    )
    assert min(refreshes) >= 1
    assert max(refreshes) <= 2, "a click is drawn with the next picture, however many frames come"
    assert page.evaluate("pyinit.stats.latency.length") >= 8


@pytest.mark.interop
def test_every_file_is_asked_for_once_and_nothing_leaves_the_machine(open_page: Open, server: str) -> None:
    page = open_page("data=moons&depth=3&width=8")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.reload()
    page.wait_for_function("window.pyinit?.runs.length && pyinit.stats.painted > 0")
    own = [url for url in asked if not url.startswith("data:")]
    files = {one.name for one in PAGE.iterdir() if one.suffix in SENT} - {"index.html"}
    socket = server.replace("http", "ws", 1) + "socket"
    assert sorted(own) == sorted([server, socket, *(server + name for name in files)])
