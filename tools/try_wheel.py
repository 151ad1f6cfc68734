"""Run what README.md shows and a part of the suite with the pyinit that is installed, without any framework.

Usage: python tools/try_wheel.py
Blocks that name a framework are left out. It needs the extras bfloat16 and plot, pytest and hypothesis.
"""

from __future__ import annotations

import doctest
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyinit

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FRAMEWORK = re.compile(r"\b(?:import torch|pyinit\.(?:torch|jax|keras)|keras\.)")
LEAST_BLOCKS = 4
COMMANDS = (
    "info",
    "init llama-7b --out llama/ --dtype bfloat16 --shard-size 5GB --seed 7 --dry-run",
    "init config.json --out model/ --recipe he_normal --threads 2",
    "verify model/ --sample 1%",
    "probe --data abalone --widths 8,16,16,16,1 --activation tanh --init normal,xavier,he --plot out.png",
)
# What needs neither another library nor a compiler, and takes seconds.
SUITE = (
    "kernels/test_dense_digests.py",
    "kernels/test_digests.py",
    "kernels/test_threads.py",
    "recipes/test_recipe.py",
    "stream/test_fill.py",
    "stream/test_key.py",
    "stream/test_window.py",
    "test_init.py",
)
# A model of a few thousand numbers in place of GPT-2's 124 million.
CONFIG = {
    "model_type": "gpt2",
    "n_embd": 32,
    "n_head": 2,
    "n_inner": None,
    "n_layer": 2,
    "n_positions": 64,
    "vocab_size": 96,
}


def shown() -> list[str]:
    """Return README's blocks of Python that need no framework."""
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    found = [block for block in blocks if not FRAMEWORK.search(block)]
    if len(found) < LEAST_BLOCKS:
        raise SystemExit(
            f"README.md must have {LEAST_BLOCKS} blocks of Python without a framework; got {len(found)}"
        )
    return found


def run_readme() -> int:
    """Run the blocks in their order, in one namespace, and return how many there are."""
    space: dict[str, Any] = {}
    blocks = shown()
    for block in blocks:
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, space, "README.md", None, 0)
            if doctest.DocTestRunner().run(test).failed:
                raise SystemExit("README.md shows what this pyinit does not print")
            space |= test.globs
        else:
            exec(compile(block, "README.md", "exec"), space)
    return len(blocks)


def run_command(line: str) -> None:
    """Run the command `pyinit`, beside this Python."""
    program = Path(sys.executable).with_name("pyinit" + (".exe" if sys.platform == "win32" else ""))
    subprocess.run([str(program), *line.split()], check=True, stdout=subprocess.DEVNULL)


def run_suite() -> None:
    """Run a part of the suite; the folder is not the sources', whose pyinit would be imported."""
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
    files = [str(ROOT / "tests" / name) for name in SUITE]
    subprocess.run([sys.executable, "-m", "pytest", *options, *files], check=True)


def main() -> None:
    """Run all of it; an exception is a failure."""
    place = Path(pyinit.__file__).resolve()
    if place.is_relative_to(ROOT):
        raise SystemExit(
            f"a pyinit that is installed must be tried; got {place}. Install the wheel elsewhere."
        )
    print(f"{place.parent}: {pyinit.info()}, {platform.machine()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        Path("config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        count = run_readme()
        for line in COMMANDS:
            run_command(line)
        run_suite()
        os.chdir(ROOT)
    print(f"README.md: {count} blocks and {len(COMMANDS)} commands ran")


if __name__ == "__main__":
    main()
