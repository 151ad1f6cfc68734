"""Which writers live, as far as this machine can know."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyinit.checkpoint.remote import liveness

PRINT = """
from pyinit.checkpoint.remote.liveness import begin_life
print(begin_life(), flush=True)
input()
"""


def test_a_name_lives_until_its_end() -> None:
    name = liveness.begin_life()
    assert liveness.is_alive(name)
    other = liveness.begin_life()
    liveness.end_life(name)
    assert liveness.is_alive(other)
    liveness.end_life(other)
    if liveness._machine():
        assert liveness.is_alive(name) is False


@pytest.mark.skipif(not liveness._machine(), reason="needs Linux")
def test_a_process_that_is_killed_is_dead_even_before_anybody_waits() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PRINT], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert liveness.is_alive(name) is True
        # its number with another beginning: a later process
        machine, number, began, token = name.split(".")
        assert liveness.is_alive(f"{machine}.{number}.{int(began) + 1}.{token}") is False
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert liveness.is_alive(name) is False


@pytest.mark.parametrize("name", ["elsewhere-1.77.123.ab", ".77..ab", "", "a", "x.y.z.w"])
def test_other_machines_are_not_known(name: str) -> None:
    assert liveness.is_alive(name) is None
