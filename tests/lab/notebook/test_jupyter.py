"""The documentation's notebook in a real JupyterLab: a cell is run, its widget painted, clicked and fed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pyinit

pytestmark = pytest.mark.interop

Shot = Callable[[Any, str], None]

NOTEBOOK = Path(__file__).parents[3] / "docs" / "lab.ipynb"
TOKEN = "test"
# the page in the widget that a cell shows
WIDGET = "[...document.querySelectorAll('.jp-OutputArea *')].find(one => one.pyinit)?.pyinit"
IDLE = "document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')"
BEGUN = "/[*1-9]/.test(document.querySelector('.jp-CodeCell .jp-InputPrompt')?.textContent)"
DIALOG = "dialog.jp-Dialog"
# whether a canvas of the widget has more than one color, and the sum of its pixels
PAINTED = """selector => {
  const canvas = document.querySelector(selector);
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint32Array(data.buffer);
  return {colors: new Set(pixels).size, sum: pixels.reduce((sum, one) => (31 * sum + one) % 1000003, 7)};
}"""
DROP = """text => {
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([text], "own.csv", {type: "text/csv"}));
  const root = document.querySelector(".pyinit-lab .board");
  for (const kind of ["dragover", "drop"]) {
    root.dispatchEvent(new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true}));
  }
}"""


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which Jupyter writes below `home` alone and kernels find this package."""
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    found = {name: str(home / name.lower()) for name in places}
    path = [str(Path(pyinit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | found | {"HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, path))}


def address_of(process: subprocess.Popen[bytes], runtime: Path) -> str:
    """Wait until the server has written where it listens, and return its address."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert process.poll() is None, f"JupyterLab ended with status {process.returncode}"
        for path in runtime.glob("jpserver-*.json"):
            text = path.read_text()
            if text.endswith("}"):
                return str(json.loads(text)["url"])
        time.sleep(0.1)
    raise AssertionError("JupyterLab has not started within two minutes")


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a JupyterLab with settings of its own and a copy of the notebook."""
    for library in ("jupyterlab", "anywidget", "ipykernel"):
        pytest.importorskip(library)
    if not NOTEBOOK.exists():
        pytest.skip("needs docs/, which an sdist has not")
    home = tmp_path_factory.mktemp("jupyter")
    work = home / "work"
    work.mkdir()
    shutil.copy(NOTEBOOK, work / "lab.ipynb")
    # it asks for no news
    asked = home / "jupyter_config_dir/lab/user-settings/@jupyterlab/apputils-extension"
    asked.mkdir(parents=True)
    (asked / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": 0,
        "ServerApp.root_dir": work,
        "IdentityProvider.token": TOKEN,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    process = subprocess.Popen(
        [*command, *(f"--{name}={value}" for name, value in settings.items())],
        env=environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield address_of(process, home / "jupyter_runtime_dir")
    finally:
        # the kernels with it
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def widget_shown(page: Any, address: str) -> str:
    """Open the notebook and run its first cell; return why no widget is painted, or nothing."""
    page.goto(address)
    page.wait_for_function(IDLE)
    # a kernel that says it is idle may not be joined yet, and the keys are lost
    for tick in range(400):
        if (dialog := page.locator(DIALOG)).count():
            said = str(dialog.first.inner_text())
            dialog.first.locator(".jp-mod-accept").click()
            return said
        if page.evaluate(f"({WIDGET})?.stats.painted"):
            return ""
        if tick % 20 == 0 and not page.evaluate(BEGUN):
            page.click(".jp-CodeCell .cm-content >> nth=0", timeout=5000)
            page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(100)
    return "the cell that was run shows no widget"


def test_a_cell_shows_the_lab_which_paints_trains_rewinds_and_takes_a_file(
    jupyter: str, browser: Any, shot: Shot
) -> None:
    context = browser.new_context(viewport={"width": 1500, "height": 1100}, locale="en-GB")
    elsewhere: list[str] = []
    near = (jupyter, jupyter.replace("http", "ws", 1), "data:", "blob:")
    context.on("request", lambda one: None if one.url.startswith(near) else elsewhere.append(one.url))
    context.set_default_timeout(120_000)
    # a kernel dies as it starts where another program has taken one of its ports; JupyterLab starts the next
    # and says so, or asks which to start, in a dialog
    for _ in range(3):
        page = context.new_page()
        if not (reason := widget_shown(page, f"{jupyter}lab/tree/lab.ipynb?token={TOKEN}")):
            break
        page.close()
    assert reason == ""

    canvas = ".pyinit-lab .boundary canvas"
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    before = page.evaluate(PAINTED, canvas)
    assert before["colors"] > 20, "the decision boundary is not painted"
    weights = f"({WIDGET}).runs[0].now.get('boundary').values.join()"
    first, frames = page.evaluate(weights), page.evaluate(f"({WIDGET}).stats.painted")
    page.click(".pyinit-lab button.play >> nth=0")
    page.wait_for_function(f"({WIDGET}).store.state.step >= 10 && ({WIDGET}).stats.painted > {frames} + 5")
    shot(page, "jupyter")
    page.click(".pyinit-lab button.play >> nth=0")
    page.wait_for_function(f"!({WIDGET}).store.state.playing")
    assert page.evaluate(PAINTED, canvas)["sum"] != before["sum"]
    page.click(".pyinit-lab button.rewind >> nth=0")
    page.wait_for_function(f"({WIDGET}).store.state.step === 0")
    page.wait_for_function(f"{weights} === {json.dumps(first)}")

    rows = "".join(f"{i % 7},{i % 5},{i % 3},{'ab'[i % 2]}\n" for i in range(90))
    page.evaluate(DROP, "one,two,three,kind\n" + rows)
    page.click(".pyinit-lab dialog .use")
    page.wait_for_function(f"({WIDGET}).store.state.data.name === 'own.csv'")
    page.click(".pyinit-lab button.step >> nth=0")
    page.wait_for_function(f"({WIDGET}).store.state.step === 1")
    assert page.evaluate(f"({WIDGET}).runs[0].layers[0].inputs") == 3
    context.close()
    assert elsewhere == []
