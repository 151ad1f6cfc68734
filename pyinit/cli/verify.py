"""Make the weights of a checkpoint again, from its receipt init.json, and say which tensors differ and how.

The exit status is 0 if everything is as written, 1 if something differs, 2 if that could not be found out.
"""

from __future__ import annotations

import argparse
import json
import sys

from ..checkpoint.locations import location
from ..checkpoint.verification.finding import Verification
from ..checkpoint.verification.verify import receipt_text, verify
from .definition import learn_to_rebuild
from .meter import Meter

__all__ = ["EXAMPLES", "add_arguments", "execute", "share"]

#: Shown by --help, and parsed by a test.
EXAMPLES = ("pyinit verify gpt2", "pyinit verify s3://bucket/llama --sample 1% --json")


def share(text: str) -> float:
    """Return the share that `text` names: "1%", "0.01"."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if number != text.strip() else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"needs a share such as 1% or 0.01; got {text!r}")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit verify`` to `parser`."""
    parser.add_argument(
        "path", metavar="DIR", help="a directory or URL with init.json, or one of its files of tensors"
    )
    parser.add_argument(
        "--receipt",
        metavar="FILE",
        help="init.json of these files, or a plan of them that init --plan wrote (default: DIR/init.json)",
    )
    parser.add_argument(
        "--sample",
        type=share,
        default=1.0,
        metavar="SHARE",
        help="compare this share of every tensor, such as 1%% (default: all)",
    )
    parser.add_argument("--seed", type=int, default=0, help="which blocks a sample takes (default 0)")
    parser.add_argument("--threads", type=int, help="threads (default: the CPUs of this process)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit verify``."""
    try:
        found = _verified(arguments)
    except BaseException as interrupt:
        if not isinstance(interrupt, Exception):
            interrupt.args = ("nothing was changed",)
        raise
    if arguments.json:
        print(json.dumps(found.to_dict(), indent=1, allow_nan=False, ensure_ascii=False))
    else:
        for line in found.sentences():
            print(line)
    if found.differing:
        return 1
    return 2 if found.unchecked else 0


def _verified(arguments: argparse.Namespace) -> Verification:
    text, _ = receipt_text(location(arguments.path), arguments.receipt)
    # torch takes seconds to import, and few receipts need it
    if b'"kind": "computed"' in text:
        learn_to_rebuild()
    with Meter(sys.stderr) as meter:
        return verify(
            arguments.path,
            arguments.receipt,
            sample=arguments.sample,
            seed=arguments.seed,
            threads=arguments.threads,
            progress=meter,
        )
