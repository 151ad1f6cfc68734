"""Logarithm, sine and cosine: their errors over every float32 argument, measured by the core's own test."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_argument(tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None or shutil.which("ctest") is None:
        pytest.skip("needs cmake")
    if not (ROOT / "csrc").is_dir():
        pytest.skip("needs the sources of the core")
    jobs = str(os.cpu_count() or 1)
    options = [
        "-DPYINIT_EXHAUSTIVE=ON",
        "-DPYINIT_PYTHON=OFF",
        "-DPYINIT_TESTS=ON",
        "-DCMAKE_BUILD_TYPE=Release",
    ]
    for command in (
        [cmake, "-S", str(ROOT), "-B", str(tmp_path), *options],
        [cmake, "--build", str(tmp_path), "--target", "elementary", "--parallel", jobs],
    ):
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout + built.stderr
    command = ["ctest", "--test-dir", str(tmp_path), "-R", "^elementary$", "--no-tests=error", "--verbose"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "100% tests passed, 0 tests failed out of 1" in ran.stdout
    # the program says what it measured, and for each function stays below what the header states
    assert ran.stdout.count(" ULP, stated ") == 7
