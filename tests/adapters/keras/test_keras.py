"""pyinit.keras on every backend: Keras picks one when it is imported, so each has a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.interop
HERE = Path(__file__).resolve().parent
CHECKS = ("suite", "values", "models")
OWN = ("jax", "torch")
# Keras' own way from a torch tensor to NumPy
COPIES = "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
ROOT = HERE.parents[2]


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_checks_pass(backend: str, tmp_path: Path) -> None:
    for framework in ("keras", backend):
        if find_spec(framework) is None:
            pytest.importorskip(framework)
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
    }
    checks = [HERE / f"checks_{name}.py" for name in (*CHECKS, *(own for own in OWN if own == backend))]
    arguments = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-W", COPIES, *arguments, *map(str, checks)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) > 200
    assert "skipped" not in done.stdout
