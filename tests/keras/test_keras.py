"""pyinit.keras on every backend: Keras picks one when it is imported, so each has a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..older import older

pytestmark = pytest.mark.interop
HERE = Path(__file__).resolve().parent
CHECKS = ("suite", "values", "fans", "models")
OWN = ("jax", "torch")
# Keras' own way from a torch tensor to NumPy
COPIES = "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
# an older Keras, of transposed convolutions on torch
PADDED = "ignore:You might experience inconsistencies across backends:UserWarning"
ROOT = HERE.parents[1]


def run(backend: str, place: Path, *arguments: str) -> str:
    """Return what pytest says of checks that all pass, in a process with this backend."""
    for framework in ("keras", backend):
        if find_spec(framework) is None:
            pytest.importorskip(framework)
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
    }
    common = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-W", COPIES, "-W", PADDED, *common, *arguments]
    done = subprocess.run(command, cwd=place, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def passed(said: str) -> int:
    return int(re.findall(r"(\d+) passed", said)[-1])


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_checks_pass(backend: str, tmp_path: Path) -> None:
    checks = [HERE / f"checks_{name}.py" for name in (*CHECKS, *(own for own in OWN if own == backend))]
    said = run(backend, tmp_path, *map(str, checks))
    assert passed(said) > 300
    assert "skipped" not in said or older("keras", 3, 15)


# The tests are where Keras' wheel has them; two of them need several devices, thus JAX.
@pytest.mark.parametrize(("backend", "count"), [("jax", 22), ("torch", 20), ("numpy", 20)])
def test_keras_own_tests_pass(backend: str, count: int, tmp_path: Path) -> None:
    pytest.importorskip("absl")
    if older("keras", 3, 15):
        pytest.skip("the wheels of Keras before 3.15 do not have Keras' tests")
    found = find_spec("keras")
    assert found is not None
    assert found.origin is not None
    theirs = sorted((Path(found.origin).parent / "src" / "initializers").glob("*_test.py"))
    assert len(theirs) >= 3
    said = run(backend, tmp_path, "-p", "peer_suite", *map(str, theirs))
    assert int(re.findall(r"pyinit stands in for (\d+) names", said)[0]) >= 20
    assert passed(said) >= count
