"""PYINIT_NO_SKIP=1 turns a skip that is not on the list into a failure."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"

# what a file holds, and whether one of its skips is forbidden
CASES = {
    "absent_module": ("import pytest\ndef test_it():\n    pytest.importorskip('no_such_module')\n", True),
    "absent_module_whole_file": (
        "import pytest\npytest.importorskip('no_such_module')\ndef test_it(): pass\n",
        True,
    ),
    "without_a_listed_reason": ("import pytest\ndef test_it():\n    pytest.skip('later')\n", True),
    "skip_mark": ("import pytest\n@pytest.mark.skip(reason='later')\ndef test_it(): pass\n", True),
    "slow": (
        "import pytest\n@pytest.mark.slow\ndef test_it(): assert False\ndef test_other(): pass\n",
        False,
    ),
    "listed_reason": ("import pytest\ndef test_it():\n    pytest.skip('needs permission to mount')\n", False),
    "no_skip": ("def test_it(): pass\n", False),
}


def run(directory: Path, no_skip: str, processes: str) -> tuple[int, set[str]]:
    """Return pytest's exit status beside a copy of this suite's conftest, and the cases that fail."""
    shutil.copy(CONFTEST, directory / "conftest.py")
    (directory / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow: slow\n")
    for name, (source, _) in CASES.items():
        (directory / f"test_{name}.py").write_text(source)
    environment = {**os.environ, "PYINIT_NO_SKIP": no_skip}
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-n", processes, str(directory)],
        cwd=directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, set(re.findall(r"^(?:FAILED|ERROR) test_(\w+)\.py", done.stdout, re.MULTILINE))


# 0: in the process that reads the command; CI has several
@pytest.mark.parametrize("processes", ["0", "2"])
def test_forbidden_skips_fail_and_no_others(processes: str, tmp_path: Path) -> None:
    status, failed = run(tmp_path, "1", processes)
    assert status == 1
    assert failed == {name for name, (_, forbidden) in CASES.items() if forbidden}


def test_skips_pass_without_the_switch(tmp_path: Path) -> None:
    assert run(tmp_path, "", "0") == (0, set())
