"""Show versions, instruction set, threads and CUDA devices."""

from __future__ import annotations

import argparse
import json

from .. import info
from ..cuda.report import described

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = ("pyinit info", "pyinit info --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit info`` to `parser`."""
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit info``."""
    facts = {**info(), **described()}
    if arguments.json:
        print(json.dumps(facts, indent=1))
    else:
        for name, value in facts.items():
            print(f"{name:<15} {value}")
    return 0
