"""`pi.lab` without a notebook: what its widget tells a page, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyinit as pi
from pyinit.errors import ArgumentError, MissingLibraryError
from pyinit.lab.live.frames import decoded

pytestmark = pytest.mark.interop
pytest.importorskip("anywidget")


class Cell:
    """What a cell hears of a widget."""

    def __init__(self, widget: Any) -> None:
        self.widget, self.messages = widget, []
        self.frames: list[tuple[dict[str, Any], dict[str, Any]]] = []
        widget.send = self._sent

    def _sent(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        if buffers:
            self.frames.append(decoded(buffers[0]))
            if self.frames[-1][0]["kind"] == "step":
                self.ask("ack", id=self.frames[-1][0]["id"])
        else:
            self.messages.append(json.loads(json.dumps(content, allow_nan=False)))

    def ask(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.widget._handle_custom_msg({"type": kind, **fields}, [])

    def heard(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Wait for a message of a type with such fields."""
        for _ in range(3000):
            for one in self.messages:
                if one["type"] == kind and fields.items() <= one.items():
                    return one
            time.sleep(0.01)
        raise AssertionError((kind, self.messages))


def test_a_network_and_data_of_one_s_own_are_trained_as_pi_train_does() -> None:
    data = pi.data.moons(300).standardized()
    network = pi.mlp([2, 12, 6, 1], ("leaky_relu", 0.2), pi.he_normal(), norm="layer")
    cell = Cell(pi.lab(network, data, steps=25, seed=3, optimizer="momentum"))
    cell.ask("hello")
    hello = cell.heard("hello")
    cell.ask("start", experiment=hello["experiment"])
    ready = cell.heard("ready")
    assert ready["own"] is True
    assert [one["units"] for one in ready["runs"][0]["layers"]] == [12, 6, 1]
    cell.ask("play")
    cell.heard("state", finished=True)
    options = {"optimizer": "momentum", "learning_rate": 0.01, "batch_size": 32, "steps": 25, "key": 3}
    found = pi.train(network, data, **options)
    losses = np.concatenate([one["r0.losses"] for _, one in cell.frames if "r0.losses" in one])
    assert losses.tobytes() == np.asarray(found.losses, np.float32).tobytes()
    thread = cell.widget._thread
    cell.widget.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_file_that_is_dropped_on_the_widget_is_trained() -> None:
    cell = Cell(pi.lab(data="moons", depth=2, width=4, steps=5))
    raw = b"a,b,c,kind\n" + b"".join(
        b"%d,%d,%d,%s\n" % (i % 7, i % 5, i % 3, b"xy"[i % 2 :][:1]) for i in range(60)
    )
    upload = {"type": "upload", "name": "own.csv", "target": "kind", "nbytes": len(raw)}
    # as a notebook hands it over: the message, and its buffers as views
    cell.widget._handle_custom_msg(upload, [memoryview(raw)])
    found = cell.heard("uploaded")["data"]
    assert (found["name"], found["features"], found["classes"]) == ("own.csv", 3, ["x", "y"])
    cell.ask("start", experiment={"data": "own.csv", "depth": 2, "width": 4, "steps": 5})
    assert cell.heard("ready")["runs"][0]["layers"][0]["inputs"] == 3
    cell.ask("play")
    cell.heard("state", finished=True)
    cell.widget._handle_custom_msg(upload, [memoryview(raw[:-1])])
    assert "own.csv was to have" in cell.heard("error")["message"]
    cell.widget.close()


def test_an_experiment_begins_as_it_is_named() -> None:
    cell = Cell(
        pi.lab(data="circles", depth=2, width=4, runs=["zeros", {"recipe": "he_normal", "scale": 2.0}])
    )
    cell.ask("hello")
    first = cell.heard("hello")["experiment"]
    assert (first["data"], first["depth"], len(first["runs"])) == ("circles", 2, 2)
    cell.ask("start", experiment=first)
    assert cell.heard("ready")["own"] is False
    cell.ask("fly")
    assert "fly" in cell.heard("error")["message"]
    cell.widget.close()


@pytest.mark.parametrize(
    "make",
    [
        lambda: pi.lab(depth=0),
        lambda: pi.lab(data="nothing"),
        lambda: pi.lab(pi.mlp([3, 4, 1]), "moons"),
        lambda: pi.lab(pi.mlp([2, 4, 1]), "moons", depth=3),
        lambda: pi.lab("data=moons"),
        lambda: pi.lab({str(at): pi.mlp([2, 4, 1]) for at in range(5)}, "moons"),
    ],
    ids=["setting", "data", "inputs", "both", "text", "five"],
)
def test_what_cannot_run_is_an_error_in_the_cell(make: Any) -> None:
    with pytest.raises((ArgumentError, pi.ShapeError, pi.DataError)):
        make()


def test_the_package_is_a_function_and_loads_no_widget_until_it_is_called(tmp_path: Path) -> None:
    script = (
        "import sys, pyinit as pi, pyinit.lab.train.train\n"
        "assert callable(pi.lab) and pi.lab is sys.modules['pyinit.lab'] and pi.lab.train\n"
        "print(*({'anywidget', 'starlette', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.strip() == ""


def test_a_missing_library_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "pyinit.lab.notebook.widget", raising=False)
    with pytest.raises(MissingLibraryError, match=r"pyinit-nn\[notebook\]"):
        pi.lab(data="moons")


def test_a_film_is_shown_while_it_is_made() -> None:
    from pyinit.lab.live.film import Film

    report = pi.probe(pi.mlp([2, 4, 1]), pi.data.moons(64).inputs)
    film = Film("Net")
    widget = pi.lab(film)
    cell = Cell(widget)
    cell.ask("hello")
    assert cell.heard("hello")["experiment"]["steps"] == 0
    cell.ask("start", experiment={})
    film.add(0, report)
    film.add(5, report)
    assert cell.heard("ready")["film"] == "live"
    assert [header["step"] for header, _ in cell.frames if header["kind"] == "step"] == [0, 5]
    widget.close()
    film.add(10, report)
    assert len([1 for header, _ in cell.frames if header["kind"] == "step"]) == 2
    with pytest.raises(ArgumentError, match="Leave them out"):
        pi.lab(film, "moons")
    # the page begins with the pictures of layers
    assert 'entry.render(given, "live")' in widget._esm
