"""PYINIT_NO_SKIP=1 turns a skip that is not on the list into a failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"

CASES = {
    "absent module": ("import pytest\ndef test_it():\n    pytest.importorskip('no_such_module')\n", 1),
    "absent module, whole file": (
        "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n",
        1,
    ),
    "skip without a listed reason": ("import pytest\ndef test_it():\n    pytest.skip('later')\n", 1),
    "skip mark": ("import pytest\n@pytest.mark.skip(reason='later')\ndef test_it(): pass\n", 1),
    "slow": ("import pytest\n@pytest.mark.slow\ndef test_it(): assert False\ndef test_other(): pass\n", 0),
    "listed reason": ("import pytest\ndef test_it():\n    pytest.skip('needs permission to mount')\n", 0),
    "no skip": ("def test_it(): pass\n", 0),
}


def run(directory: Path, source: str, no_skip: str) -> int:
    """Return pytest's exit status on `source` beside a copy of this suite's conftest."""
    shutil.copy(CONFTEST, directory / "conftest.py")
    (directory / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: slow\n")
    (directory / "test_it.py").write_text(source)
    environment = {**os.environ, "PYINIT_NO_SKIP": no_skip}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(directory)]
    return subprocess.run(
        command, cwd=directory, env=environment, check=False, capture_output=True
    ).returncode


@pytest.mark.parametrize("name", CASES)
def test_forbidden_skips_fail(tmp_path: Path, name: str) -> None:
    source, status = CASES[name]
    assert run(tmp_path, source, "1") in ((1, 2) if status else (0,))


def test_skips_pass_without_the_switch(tmp_path: Path) -> None:
    assert run(tmp_path, CASES["absent module"][0], "") == 0
