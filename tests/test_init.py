"""The package: its names, its version, and what it says of the machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import pyinit as pi


def test_every_public_name_exists() -> None:
    assert sorted(set(pi.__all__)) == sorted(pi.__all__)
    for name in pi.__all__:
        assert getattr(pi, name).__doc__, name


def test_info() -> None:
    info = pi.info()
    assert set(info) >= {"version", "stream_version", "isa", "threads"}
    assert info["version"] == pi.__version__ == version("pyinit-nn")
    assert info["stream_version"] == 1
    assert info["isa"] in ("avx512", "avx2", "neon", "scalar")
    assert info["threads"] >= 1


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match=r"module 'pyinit' has no attribute 'xavier'"):
        pi.xavier  # noqa: B018
    assert callable(pi.fill)
    assert callable(pi.gain)
    assert callable(pi.pretrained)


def test_a_name_that_is_a_module_too_is_the_function() -> None:
    from pyinit import probe, train

    assert pi.activation("tanh").name == "tanh"
    for made in (pi.activation, pi.find_spec, probe, train):
        assert not hasattr(made, "__path__")
        assert callable(made)


def test_a_checkout_that_was_not_built_says_so(tmp_path: Path) -> None:
    package = Path(pi.__file__).parent
    compiled = shutil.ignore_patterns("_core*", "__pycache__", "torch", "jax", "keras")
    shutil.copytree(package, tmp_path / "pyinit", ignore=compiled)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pyinit"
    made = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert made.returncode == 1
    last = made.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: pyinit's compiled core is missing in ")
    assert "Run `pip install .` in the checkout" in last
