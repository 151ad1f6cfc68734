"""`pyinit doctor`: the arguments, the checks in their order, and how they are shown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from ...errors import ArgumentError
from .devices import devices
from .disk import disk
from .finding import FAILS, Finding
from .libraries import libraries
from .processor import processor

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = ("pyinit doctor", "pyinit doctor --directory /mnt/models --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit doctor`` to `parser`."""
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="whose disk is measured (default: the current directory)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit doctor``; return 1 if something does not work."""
    if not arguments.directory.is_dir():
        raise ArgumentError(
            f"--directory needs a directory that exists; got '{arguments.directory}'. Make it first."
        )
    found = []
    for finding in _findings(arguments.directory.resolve()):
        found.append(finding)
        if not arguments.json:
            print(_shown(finding), flush=True)
    if arguments.json:
        print(json.dumps([asdict(finding) for finding in found], indent=1))
    return int(any(finding.state == FAILS for finding in found))


def _findings(directory: Path) -> Iterator[Finding]:
    yield from processor()
    yield from disk(directory)
    yield from devices()
    yield from libraries()


def _shown(finding: Finding) -> str:
    line = f"{finding.state:<6} {finding.topic:<14} {finding.found}"
    return f"{line}\n{'':22}{finding.advice}" if finding.advice else line
