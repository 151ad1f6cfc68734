"""`pyinit bench`: the arguments, the run, and where its results go."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

from ... import _core
from ...stream.strict_json import finite
from .answer import AnswerError
from .cases import races
from .chart import draw
from .cycles import PortsError, measure, read_model
from .machine import is_quiet
from .run import run
from .table import render

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit bench --quick",
    "pyinit bench --only normal --only uniform --threads 1 --json bench.json",
    "pyinit bench --plot speed.svg",
)

_FULL_ELEMENTS = 1 << 26
_QUICK_ELEMENTS = 1 << 22
_PICTURES = (".png", ".svg")
# What `--only` calls the table of cycles, which is not a race.
_CYCLES = "cycles"


def elements(text: str) -> int:
    """Return the number of elements that `text` names: "67108864" or "2^26"."""
    base, power, exponent = text.partition("^")
    try:
        # the exponent is checked first: Python would compute 2^99999999999
        count = int(base) ** int(exponent) if power and int(exponent) < 64 else int(text)
    except ValueError:
        count = 0
    if not 1 <= count <= 1 << 33:
        raise argparse.ArgumentTypeError(
            f"needs a number of elements from 1 to 2^33, like 2^26; got {text!r}"
        )
    return count


def picture(text: str) -> Path:
    """Return `text` as a path whose suffix names a picture format."""
    path = Path(text)
    if path.suffix not in _PICTURES:
        raise argparse.ArgumentTypeError(f"needs a name ending in {' or '.join(_PICTURES)}; got {text!r}")
    if importlib.util.find_spec("matplotlib") is None:
        raise argparse.ArgumentTypeError(
            "needs matplotlib, which is not installed. Run `pip install matplotlib`, or use --json"
        )
    return destination(text)


def destination(text: str) -> Path:
    """Return `text` as the path of a file that can be written once the run is over, or - for stdout."""
    path = Path(text)
    if text != "-" and (path.is_dir() or not path.parent.is_dir()):
        raise argparse.ArgumentTypeError(f"needs a file in a directory that exists; got {text!r}")
    return path


def ports(text: str) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """Return the model in the file `text`, as `benchmarks/ports.sh --lines` prints it."""
    try:
        return read_model(Path(text))
    except (OSError, PortsError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def threads(text: str) -> int:
    """Return `text` as a number of threads, 0 for the default."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"needs 0 or more threads; got {text!r}")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the benchmark's arguments to `parser`."""
    names = [*(race.name for race in races(1, 0)), _CYCLES]
    parser.add_argument(
        "--json",
        type=destination,
        metavar="FILE",
        help="also write every sample and ratio as JSON; - prints them in place of the tables",
    )
    parser.add_argument("--plot", type=picture, metavar="FILE", help="also draw the ratios, .png or .svg")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="2^22 elements, no large matrix, 3 rounds: a preview, not a result",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="NAME",
        help=f"one of {', '.join(names)}; repeatable",
    )
    parser.add_argument(
        "--ports",
        type=ports,
        metavar="FILE",
        help="what `benchmarks/ports.sh --lines` printed, to stand beside the cycles",
    )
    parser.add_argument("--elements", type=elements, help="elements a pass (default 2^26)")
    parser.add_argument("--threads", type=threads, default=0, help="threads (default: pyinit's own choice)")
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="where checkpoints are written (default: temporary)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run the benchmark that `arguments` describe; return the exit status.

    A missed target is a result, not a failure; a wrong answer is one.
    """
    count = arguments.elements or (_QUICK_ELEMENTS if arguments.quick else _FULL_ELEMENTS)
    wanted = [
        race
        for race in races(count, arguments.threads)
        if (race.name in arguments.only if arguments.only else not arguments.quick or race.quick)
    ]

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    if not is_quiet():
        progress("warning: the load average shows other work on this machine; ratios will be noisy")
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        try:
            record = run(
                wanted,
                elements=count,
                threads=arguments.threads,
                directory=Path(directory),
                rounds=3 if arguments.quick else 5,
                budget_seconds=3.0 if arguments.quick else 12.0,
                progress=progress,
            )
        except AnswerError as error:
            print(f"pyinit: error: {error}", file=sys.stderr)
            return 1
    if not arguments.only or _CYCLES in arguments.only:
        progress("cycles an element")
        isas = [isa for isa in _core.available_isas() if isa != "scalar"]
        record.cycles = measure(isas, arguments.ports)
    numbers = json.dumps(finite(record.to_json()), indent=1, allow_nan=False) + "\n"
    to_stdout = str(arguments.json) == "-"
    print(numbers if to_stdout else render(record), end="")
    if arguments.json and not to_stdout:
        arguments.json.write_text(numbers, encoding="utf-8")
    if arguments.plot and record.races:
        draw(record, arguments.plot)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run `python -m pyinit.cli.bench` with `argv`."""
    parser = argparse.ArgumentParser(prog="pyinit bench", description=__doc__)
    add_arguments(parser)
    return execute(parser.parse_args(argv))
