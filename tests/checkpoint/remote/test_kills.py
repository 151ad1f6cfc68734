"""Writers to S3 that are killed: nothing partial is seen, the next run ends alike, and no upload remains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.interop


def killing(kind: str, s3: Any, *numbers: int, how: str = "multipart") -> int:
    script = Path(__file__).with_name("killing.py")
    command = [sys.executable, str(script), kind, s3.url, how, *map(str, numbers)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout))


def test_kills_over_one_write(s3: Any) -> None:
    assert killing("kills", s3, 15, 45, 3) >= 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_after_a_kill_another_plan_removes_what_is_left(s3: Any) -> None:
    """The dead writer was of this machine, which is known here."""
    assert killing("kills", s3, 40, 1000, 4) == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["multipart", "joined"])
@pytest.mark.parametrize("then", [3, 4])
def test_a_kill_before_any_request(s3: Any, then: int, how: str) -> None:
    assert killing("kills", s3, 0, 1, then, how=how) > 60


def test_four_processes_of_which_one_is_killed(s3: Any) -> None:
    assert killing("parts", s3, 4) == 4


def test_four_processes_of_the_same_files(s3: Any) -> None:
    """Parts of one multipart upload from each; the one that all use is the first that is noted."""
    assert killing("extents", s3, 4) == 4
