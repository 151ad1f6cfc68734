"""``pyinit lab`` before it serves: what it refuses in one line."""

from __future__ import annotations

import socket
import sys

import pytest

from pyinit.cli import main


@pytest.mark.parametrize("library", ["starlette", "uvicorn", "websockets"])
def test_a_missing_library_is_named_with_the_extra(
    library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    assert main(["lab", "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pyinit-nn[lab]" in said
    assert "--export" in said


def test_a_port_that_is_taken_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("starlette", "uvicorn", "websockets"):
        pytest.importorskip(library)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["lab", "--no-browser", "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in capsys.readouterr().err
    assert main(["lab", "--no-browser", "--port", "70000"]) == 2


def test_an_experiment_that_cannot_run_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvicorn")
    assert main(["lab", "data=moons", "--depth", "100", "--width", "512", "--no-browser"]) == 2
    assert "weights" in capsys.readouterr().err
