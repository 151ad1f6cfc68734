"""Progress as it is seen: on a real terminal with rich and without, in a file, and gone at the end."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from pyinit.cli.meter import Meter

pty = pytest.importorskip("pty", reason="has no pseudo-terminals")

PROBE = ["probe", "--data", "moons", "--widths", "2,6,6,2"]
MAIN = "import sys; {}; from pyinit.cli import main; sys.exit(main(sys.argv[1:]))"
CLEARED = "\x1b[2K"


def seen(setup: str, arguments: list[str], **environment: str) -> tuple[str, str]:
    """Return what a terminal got from stderr, and what a pipe got from stdout."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", MAIN.format(setup), *arguments]
    known = {"TERM": "xterm-256color", "PYTHONUTF8": "1", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **known, **environment},
    ) as child:
        os.close(theirs)
        terminal = b""
        try:
            # Linux says with an error that the other side is closed
            while chunk := os.read(ours, 4096):
                terminal += chunk
        except OSError:
            pass
        os.close(ours)
        assert child.stdout is not None
        printed = child.stdout.read()
    assert child.returncode == 0, terminal.decode()
    return terminal.decode(), printed.decode()


@pytest.mark.parametrize(
    ("arguments", "words", "result"),
    [
        (PROBE, "100%  6 of 6 layers, ", "\nhealthy: "),
        (["train", *PROBE[1:], "--steps", "3"], "100%  3 of 3 steps, ", "moons, widths 2-6-6-2: SGD"),
    ],
    ids=["probe", "train"],
)
def test_a_terminal_gets_richs_bar(arguments: list[str], words: str, result: str) -> None:
    pytest.importorskip("rich")
    terminal, printed = seen("pass", arguments)
    assert "━" in terminal
    assert words in terminal
    # the bar is erased after it was last drawn, and the cursor is back
    assert CLEARED in terminal[terminal.rindex("━") :]
    assert terminal.rindex("\x1b[?25h") > terminal.rindex("\x1b[?25l")
    assert "\x1b" not in printed
    assert result in printed
    assert result not in terminal


@pytest.mark.parametrize(
    ("setup", "environment"),
    [("sys.modules['rich'] = None", {}), ("", {"TERM": "dumb"})],
    ids=["without rich", "dumb terminal"],
)
def test_any_other_terminal_gets_a_line(setup: str, environment: dict[str, str]) -> None:
    terminal, _ = seen(setup or "pass", PROBE, **environment)
    assert "━" not in terminal
    assert "\x1b" not in terminal
    states = terminal.split("\r")
    assert states[0] == ""
    assert [state.split(",")[0].rstrip() for state in states[1:7]] == [
        f"{done / 6:4.0%}  {done} of 6 layers" for done in range(1, 7)
    ]
    # what is left of it is blank
    assert set(states[7]) == {" "}
    assert states[8] == ""


def test_a_file_gets_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with Meter(stream) as meter:
        meter(1, 2)
        assert stream.getvalue() == ""
        monkeypatch.setattr("pyinit.cli.meter._LINE_SECONDS", 0.0)
        meter(10**9, 2 * 10**9)
    assert stream.getvalue().startswith(" 50%  ")
    assert stream.getvalue().endswith(" GB/s\n")


@pytest.mark.parametrize(
    ("states", "left"),
    [
        # (seconds, done) of 100: at 25 after 10 s, 30 s are left
        ([(0.0, 0), (10.0, 25)], ", 30 s left"),
        # what an earlier run had done took none of these seconds
        ([(0.0, 50), (10.0, 60)], ", 40 s left"),
        ([(0.0, 0), (60.0, 10)], ", 9 min left"),
        ([(0.0, 0), (600.0, 1)], ", 16.5 h left"),
        # too early to tell, no progress yet, and the end
        ([(0.0, 0), (0.5, 10)], ""),
        ([(5.0, 50)], ""),
        ([(0.0, 0), (10.0, 100)], ""),
    ],
)
def test_what_is_left_at_the_rate_so_far(
    states: list[tuple[float, int]], left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("pyinit.cli.meter._LINE_SECONDS", 0.0)
    monkeypatch.setattr("pyinit.cli.meter.time.perf_counter", lambda: now)
    stream = io.StringIO()
    with Meter(stream, lambda done, total, seconds: f"{done} after {seconds:.1f} s") as meter:
        for seconds, done in states:
            now = 1000.0 + seconds
            meter(done, 100)
    assert stream.getvalue().splitlines()[-1].partition(" s")[2] == left
