"""How fast the lab's page is, on a running lab: ``python benchmarks/lab/page.py [--seconds 5] [--rounds 3]``.

Needs the extra ``lab``, Playwright and Chromium. It prints what README says of the page: painted frames a
second while two networks of ten layers train, beside what an empty page reaches; the CPU time of a frame,
which depends less on what else runs; the time from a click to its picture; the first picture, beside an empty
page's; the weight of the page as it is sent, and its requests. Before anything is timed, the page's last loss
is compared with that of `pyinit.train`, bit by bit.
"""

from __future__ import annotations

import argparse
import gzip
import os
import re
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import pyinit as pi
from pyinit.lab.bundle.bundle import PAGE, served

CHROMIUM = os.environ.get("PYINIT_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# ten layers, four kinds, 64 bins, theory's curves, two boundaries, two heat maps, a cost curve
LINK = "view=compare&data=moons&depth=10&width=12&steps=1000000"
LINK += "&run=critical_normal,scale:0.5&run=critical_normal"
CHECKED = "data=moons&depth=3&width=8&steps=40&seed=7&run=he_normal"
PAINTED = "Boolean(window.pyinit?.runs.length && pyinit.runs[0].now.size && pyinit.stats.painted)"

REFRESHES = """seconds => new Promise(done => {
  const began = performance.now();
  let count = 0;
  const next = () => {
    count += 1;
    const passed = performance.now() - began;
    if (passed < 1000 * seconds) requestAnimationFrame(next);
    else done(count / passed * 1000);
  };
  requestAnimationFrame(next);
})"""
ALONE = """async seconds => {
  const {wire, stats} = pyinit, take = wire.onframe, kept = [];
  wire.onframe = frame => { kept.push(frame); take(frame); };
  document.querySelector("button.step").click();
  while (!kept.length) await new Promise(requestAnimationFrame);
  wire.onframe = take;
  const before = stats.painted, began = performance.now();
  while (performance.now() - began < 1000 * seconds) {
    take(kept[0]);
    await new Promise(requestAnimationFrame);
  }
  return (stats.painted - before) / (performance.now() - began) * 1000;
}"""
DRAWING = """() => {
  const times = [];
  for (let i = 0; i < 40; i++) {
    pyinit.store.set({runs: pyinit.runs});
    const began = performance.now();
    pyinit.paint();
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[20];
}"""
RATE = """seconds => new Promise(done => {
  const before = pyinit.stats.painted, began = performance.now();
  const rate = () => (pyinit.stats.painted - before) / (performance.now() - began) * 1000;
  setTimeout(() => done(rate()), 1000 * seconds);
})"""
COUNT = "pyinit.stats.painted"
FIRST = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@contextmanager
def lab() -> Iterator[tuple[str, int]]:
    """Run ``pyinit lab`` and yield its address and its process."""
    command = [sys.executable, "-m", "pyinit", "lab", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0], process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def seconds_of(root: int) -> float:
    """Return the CPU time that a process and all that it started have used, in seconds."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            parents[pid], used[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    found, total = {root}, used.get(root, 0)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
        total += sum(used[pid] for pid in grown)
    return total / os.sysconf("SC_CLK_TCK")


def opened(browser: Any, address: str) -> Any:
    """Return a new page at an address."""
    page = browser.new_context(viewport={"width": 1360, "height": 1800}, locale="en-GB").new_page()
    page.goto(address)
    return page


def until(page: Any, expression: str) -> None:
    """Wait until an expression holds; the page's policy forbids the text that Playwright would leave."""
    for _ in range(6000):
        if page.evaluate(f"Boolean({expression})"):
            return
        page.wait_for_timeout(10)
    raise AssertionError(expression)


def check(browser: Any, address: str) -> None:
    """Compare the last loss on the page with `pyinit.train`'s."""
    page = opened(browser, f"{address}#{CHECKED}")
    until(page, PAINTED)
    page.click("button.play")
    until(page, "pyinit.store.state.finished")
    network = pi.mlp([2, 8, 8, 1], "tanh", pi.he_normal())
    data = pi.data.dataset("moons").standardized()
    found = pi.train(network, data, optimizer="adam", learning_rate=0.01, steps=40, batch_size=32, key=7)
    assert page.evaluate("pyinit.runs[0].losses.count") == 40
    assert np.float32(page.evaluate("pyinit.runs[0].losses.last")) == np.float32(found.losses[-1])
    page.context.close()


def first_pictures(browser: Any, address: str, rounds: int) -> tuple[float, float, int]:
    """Return the median ms to the first picture, of the page and of an empty one, and the requests."""
    times, empty, requests = [], [], 0
    for _ in range(rounds):
        page = opened(browser, "about:blank")
        asked: list[str] = []
        page.on("request", lambda one, asked=asked: asked.append(one.url))
        page.goto(f"{address}#{LINK}")
        until(page, PAINTED)
        times.append(page.evaluate(FIRST))
        requests = sum(not url.startswith("data:") for url in asked)
        assert all(url.startswith((address.split("?")[0], "data:")) for url in asked)
        page.context.close()
        page = opened(browser, "data:text/html,<h1>pyinit</h1>")
        page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
        empty.append(page.evaluate(FIRST))
        page.context.close()
    return statistics.median(times), statistics.median(empty), requests


def clicks(page: Any, rounds: int) -> list[float]:
    """Return the sorted times from clicks to their pictures, in ms, while frames stream."""
    page.evaluate("pyinit.stats.latency.length = 0")
    for heat in ("heat_gradient", "heat_saturated", "heat_dead", "heat_activation") * (4 * rounds):
        page.locator(f".heatmap button[data-value={heat}] >> visible=true").first.click()
    return sorted(page.evaluate("pyinit.stats.latency"))


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    files = [one for one in sorted(PAGE.iterdir()) if one.suffix in (".html", ".css", ".js")]
    weight = sum(len(gzip.compress(served(one).encode())) for one in files) / 1000
    print(f"page as it is sent: {weight:.1f} kB gzipped, {len(files)} files")
    with lab() as (address, server), sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        check(browser, address)
        first, empty, requests = first_pictures(browser, address, wanted.rounds)
        print(f"requests: {requests}, none to another machine")
        print(f"first picture: {first:.0f} ms, {first / empty:.1f} x an empty page's {empty:.0f} ms")
        page = opened(browser, f"{address}#{LINK}")
        until(page, PAINTED)
        print(f"drawing everything once (script): {page.evaluate(DRAWING):.1f} ms")
        blank = opened(browser, "data:text/html,<h1>pyinit</h1>")
        rates: dict[str, list[float]] = {"an empty page": [], "the page alone": [], "while training": []}
        costs: list[tuple[float, float]] = []
        for _ in range(wanted.rounds):
            rates["an empty page"].append(blank.evaluate(REFRESHES, wanted.seconds))
            page.bring_to_front()
            rates["the page alone"].append(page.evaluate(ALONE, wanted.seconds))
            page.click("button.play")
            before, all_before, painted = seconds_of(server), seconds_of(os.getpid()), page.evaluate(COUNT)
            rates["while training"].append(page.evaluate(RATE, wanted.seconds))
            training, every = seconds_of(server) - before, seconds_of(os.getpid()) - all_before
            frames = page.evaluate(COUNT) - painted
            costs.append((1000 * training / frames, 1000 * (every - training) / frames))
            waits = clicks(page, 1)
            page.click("button.play")
            until(page, "!pyinit.store.state.playing")
            blank.bring_to_front()
        most = statistics.median(rates["an empty page"])
        for name, found in rates.items():
            middle, ends = statistics.median(found), f"{min(found):.1f} to {max(found):.1f}"
            print(f"frames a second, {name}: {middle:.1f} ({ends}), {middle / most:.2f} of an empty page's")
        trained, painted_in = (statistics.median(one) for one in zip(*costs, strict=True))
        print(
            f"CPU time a frame: {trained:.0f} ms to train and to send it, {painted_in:.0f} ms in the browser"
        )
        half, tenth = waits[len(waits) // 2], waits[int(0.9 * len(waits))]
        print(f"click to picture while training: p50 {half:.0f} ms, p90 {tenth:.0f} ms of {len(waits)}")
        browser.close()


if __name__ == "__main__":
    main()
