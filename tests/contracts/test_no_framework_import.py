"""R6: the core needs NumPy alone; importing it loads no framework, and not what is slow and seldom used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = (
    "torch",
    "jax",
    "jaxlib",
    "tensorflow",
    "keras",
    "flax",
    "transformers",
    "safetensors",
    "scipy",
    "ml_dtypes",
    "matplotlib",
    "pandas",
    "mpmath",
    "ray",
    "dask",
    "distributed",
)


def loaded_by(statements: str, directory: Path) -> set[str]:
    """Return the frameworks in a fresh interpreter's memory after `statements`, away from the sources."""
    script = f"{statements}\nimport sys\nprint(*(name for name in {FRAMEWORKS!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=directory
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statements",
    [
        "import pyinit",
        "import pyinit.cli",
        "import pyinit.reference",
        "import pyinit as pi; pi.he_normal()((8, 4), key=0)",
        "import pyinit as pi; pi.fill(bytearray(64), pi.normal(), key=0)",
        "import pyinit as pi; print(end=str(pi.probe(pi.mlp([2, 1]), [[1, 2]]))[:0])",
        "import pyinit as pi; str(pi.compare(['zeros'], pi.data.moons(20), widths=[2, 4, 2], steps=1))",
    ],
    ids=["import", "cli", "reference", "recipe", "fill", "probe", "train"],
)
def test_loads_no_framework(statements: str, tmp_path: Path) -> None:
    assert loaded_by(statements, tmp_path) == set()


# what recipes, plans and rules use when they are first needed: together a tenth of the time of an import
LATER = {"json", "decimal", "fnmatch", "difflib"}
OWN_LATER = {
    "pyinit.recipes.parameters",
    "pyinit.recipes.rules",
    "pyinit.recipes.truncation",
    "pyinit.theory.gain",
}


def added_by(statements: str, directory: Path) -> set[str]:
    """Return the modules that `statements` load into a fresh interpreter which has NumPy."""
    script = f"import sys, numpy\nbefore = set(sys.modules)\n{statements}\nprint(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=directory
    )
    return set(done.stdout.split())


def test_an_import_loads_nothing_that_waits(tmp_path: Path) -> None:
    added = added_by("import pyinit", tmp_path)
    assert "pyinit.recipes.famous" in added
    assert not added & (LATER | OWN_LATER)
    used = (
        "import pyinit as pi; pi.gain('relu'), pi.Rule('*', pi.truncated_normal()).to_dict(), pi.init_params"
    )
    assert added_by(used, tmp_path) >= OWN_LATER | {"decimal"}


def test_check_can_fail(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    assert "scipy" in loaded_by("import pyinit, scipy", tmp_path)
