"""Writers that are killed: nothing partial is ever seen, and the next run ends with the same bytes.

Each test starts a process that forks writers and kills them with SIGKILL (crashing.py). After each kill, and
between kills, every file under a final name is compared with that of a run in peace.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: a disk would wait for each of many small writes."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def crashing(kind: str, place: Path, count: int, parts: int, seed: int, layout: str = "huggingface") -> int:
    script = Path(__file__).with_name("crashing.py")
    command = [sys.executable, str(script), kind, str(place), str(count), str(parts), str(seed), layout]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout))


def test_six_random_kills_over_one_write(place: Path) -> None:
    assert crashing("kills", place, 6, 1, 11) == 1


def test_three_random_kills_of_three_parts(place: Path) -> None:
    assert crashing("kills", place, 3, 3, 12) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_fifty_random_kills_over_one_write(place: Path, seed: int) -> None:
    assert crashing("kills", place, 50, 1, seed) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("layout", ["huggingface", "dcp"])
def test_ten_random_kills_of_three_parts(place: Path, seed: int, layout: str) -> None:
    assert crashing("kills", place, 10, 3, seed, layout) == 1


def test_ten_random_kills_over_rectangles(place: Path) -> None:
    assert crashing("kills", place, 10, 1, 13, "dcp") == 1


def test_a_kill_before_any_call_of_a_write(place: Path) -> None:
    """A crash between any two calls that change the disk, from the first to the last."""
    assert crashing("calls", place, 0, 0, 0) > 40


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("layout", ["huggingface", "dcp"])
def test_a_kill_before_any_call_of_the_last_part(place: Path, parts: int, layout: str) -> None:
    assert crashing("calls", place, 0, parts, 0, layout) > 40
