"""What the environment asks for is followed or refused in one line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PYINIT_ISA", "sse9", "pyinit: error: an instruction set must be one of "),
        (
            "PYINIT_NUM_THREADS",
            "many",
            "pyinit: error: PYINIT_NUM_THREADS must be a positive integer; got many.",
        ),
    ],
)
def test_an_environment_that_cannot_be_followed_is_one_line(variable: str, value: str, message: str) -> None:
    code = "import sys; from pyinit.cli import main; sys.exit(main(['info']))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(message)
    assert ran.stderr.count("\n") == 1
