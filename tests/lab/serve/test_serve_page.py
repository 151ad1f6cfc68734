"""The page on the real lab: it trains, rewinds, reproduces a link, takes a file, and outlives what fails."""

from __future__ import annotations

import hashlib
import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi

pytestmark = pytest.mark.interop

Open = Callable[..., Any]
Wait = Callable[..., None]

# SHA-256 of the weights that are drawn, layer by layer
DIGEST = """async () => {
  const parts = [];
  for (let i = 0; ; i++) {
    const plane = pyinit.runs[0].now.get(`weights.${i}`);
    if (!plane) break;
    parts.push(new Uint8Array(Float32Array.from(plane.values).buffer));
  }
  const all = new Uint8Array(await new Blob(parts).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  return [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("");
}"""
LOSSES = "() => { const {losses} = pyinit.runs[0]; return losses.count; }"
LINK = "data=moons&depth=3&width=8&steps=40&seed=7&run=he_normal"


def shows(page: Any, digest: str) -> None:
    """Wait until the page draws the weights of a digest."""
    for _ in range(500):
        if page.evaluate(DIGEST) == digest:
            return
        page.wait_for_timeout(20)
    raise AssertionError(page.evaluate(DIGEST))


def test_play_pause_and_rewind_to_the_same_weights(open_lab: Open, wait: Wait) -> None:
    page = open_lab("data=moons&depth=3&width=8&seed=3&run=he_normal")
    first = page.evaluate(DIGEST)
    page.click("button.play")
    wait(page, "pyinit.store.state.step >= 15")
    page.click("button.play")
    wait(page, f"!pyinit.store.state.playing && ({LOSSES})() === pyinit.store.state.step")
    page.wait_for_timeout(500)
    stopped = page.evaluate("pyinit.store.state.step")
    page.wait_for_timeout(200)
    assert page.evaluate("pyinit.store.state.step") == stopped
    assert page.evaluate(LOSSES) == stopped
    assert page.evaluate(DIGEST) != first
    page.click("button.play")
    wait(page, f"pyinit.store.state.step >= {stopped + 5}")
    page.click("button.rewind")
    wait(page, "pyinit.store.state.step === 0")
    shows(page, first)
    assert page.evaluate(LOSSES) == 0
    assert page.evaluate("!pyinit.store.state.playing")


def test_the_run_behind_a_link_is_the_one_of_pi_train(open_lab: Open, wait: Wait) -> None:
    page = open_lab(LINK)
    network = pi.mlp([2, 8, 8, 1], "tanh", pi.he_normal())
    drawn = network.init(key=7)
    weights = [np.ascontiguousarray(drawn[f"layers.{at}.weight"].T) for at in range(3)]
    assert page.evaluate(DIGEST) == hashlib.sha256(b"".join(one.tobytes() for one in weights)).hexdigest()
    page.click("button.play")
    wait(page, "pyinit.store.state.finished")
    data = pi.data.dataset("moons").standardized()
    found = pi.train(network, data, optimizer="adam", learning_rate=0.01, steps=40, batch_size=32, key=7)
    losses = page.evaluate("pyinit.runs[0].losses.count")
    assert losses == 40
    last = page.evaluate("pyinit.runs[0].losses.last")
    assert struct.pack("<f", last) == struct.pack("<f", found.losses[-1])


def test_a_file_of_one_s_own_is_dropped_and_trained(open_lab: Open, wait: Wait, tmp_path: Path) -> None:
    page = open_lab("data=moons&depth=2&width=8")
    rows = "".join(f"{i % 7},{i % 5},{i % 3},{'ab'[i % 2]}\n" for i in range(90))
    path = tmp_path / "own.csv"
    path.write_text("one,two,three,kind\n" + rows)
    page.set_input_files("input[type=file]", str(path))
    page.click("dialog .use")
    wait(page, "pyinit.store.state.data?.name === 'own.csv' && pyinit.runs[0].layers[0].inputs === 3")
    page.click("button.step")
    wait(page, "pyinit.store.state.step === 1")
    path.write_text("one,kind\n1,a\nnot a number,b\n")
    page.set_input_files("input[type=file]", str(path))
    page.click("dialog .use")
    wait(page, "pyinit.store.state.error.includes('own.csv')")


def test_a_training_process_that_is_killed_is_a_line_and_play_starts_again(
    open_lab: Open, wait: Wait, lab: Any
) -> None:
    before = set(lab.workers())
    page = open_lab(LINK)
    first = page.evaluate(DIGEST)
    # the process that waited serves this page now
    for pid in before & set(lab.workers()):
        os.kill(pid, signal.SIGKILL)
    wait(page, "pyinit.store.state.error.includes('SIGKILL')")
    assert page.locator(".error").is_visible()
    page.evaluate("window.old = pyinit.runs[0]")
    page.click("button.play")
    wait(page, "pyinit.runs[0] !== window.old && pyinit.store.state.step >= 2")
    page.click("button.play")
    page.click("button.rewind")
    wait(page, "pyinit.store.state.step === 0")
    shows(page, first)
    assert page.evaluate("pyinit.store.state.error") == ""


def test_a_dropped_socket_is_opened_again_with_the_same_experiment(
    open_lab: Open, wait: Wait, wire: Any
) -> None:
    page = open_lab(LINK, wire.port)
    first = page.evaluate(DIGEST)
    page.evaluate("window.old = pyinit.runs[0]")
    wire.drop()
    wait(page, "pyinit.runs[0] !== window.old && pyinit.runs[0].now.size")
    assert page.evaluate(DIGEST) == first


def test_a_run_that_is_not_finite_ends_in_words(open_lab: Open, wait: Wait) -> None:
    page = open_lab(
        "data=abalone&depth=30&width=64&activation=relu&optimizer=sgd&learning_rate=100&run=he_normal,scale:50"
    )
    page.click("button.play")
    wait(page, "pyinit.runs[0].diverged && pyinit.store.state.finished")
    # the legend is painted with the next frame
    wait(page, "document.querySelector('.legend').textContent.includes('diverged')")
