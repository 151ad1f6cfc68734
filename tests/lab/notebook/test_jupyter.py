"""The notebook of the documentation in JupyterLab: a cell is run, and its widget painted and clicked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.interop

NOTEBOOK = Path(__file__).parents[3] / "docs" / "lab.ipynb"
# the widget that the first cell shows
WIDGET = "[...document.querySelectorAll('*')].find(one => one.pyinit)?.pyinit"


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of the notebook in a JupyterLab with settings of its own."""
    for library in ("jupyterlab", "anywidget", "ipykernel"):
        pytest.importorskip(library)
    home = tmp_path_factory.mktemp("jupyter")
    shutil.copy(NOTEBOOK, home / "lab.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=x", f"--ServerApp.root_dir={home}"]
    places = {
        name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    process = subprocess.Popen(
        [*command, "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"],
        env=os.environ | places | {"JUPYTER_RUNTIME_DIR": str(home / "run")},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/lab/tree/lab.ipynb?token=x"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def test_a_cell_shows_the_lab_which_trains(jupyter: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1500, "height": 1100}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(jupyter)
    page.click(".jp-CodeCell .cm-content >> nth=0")
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(f"({WIDGET})?.stats.painted")
    first = page.evaluate(f"({WIDGET}).runs[0].now.get('weights.0').values.join()")
    page.click(".pyinit-lab button.play >> nth=0")
    page.wait_for_function(f"({WIDGET}).store.state.step >= 10")
    if folder := os.environ.get("PYINIT_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / "jupyter.png"))
    page.click(".pyinit-lab button.play >> nth=0")
    page.click(".pyinit-lab button.rewind >> nth=0")
    page.wait_for_function(f"({WIDGET}).store.state.step === 0")
    page.wait_for_function(f"({WIDGET}).runs[0].now.get('weights.0').values.join() === {json.dumps(first)}")
    context.close()
