"""The command ``pyinit``: init, verify, lint, probe, train, lab, info, bench."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import NoReturn, TextIO

from ..errors import PyinitError
from ..masking import masked
from . import init, verify

__all__ = ["main"]

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
# what an interrupt says that does not say what was kept
_REMOVED = "unfinished files were removed"


class _Terminated(BaseException):
    """SIGTERM: unwinds like an interrupt, so that temporary files are removed, or kept for the next run."""


class _Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with exit status 2."""
        print(f"pyinit: error: {masked(message)} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 2 for an error, 130 when interrupted; 1 if files differ
    from their receipt, or if lint finds an error or a warning.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = _Parser(prog="pyinit", description="Weights for neural networks, at memory speed.")
    commands = parser.add_subparsers(
        dest="command", metavar="{init,verify,lint,probe,train,lab,info,bench}", required=True
    )
    init.add_arguments(commands.add_parser("init", help="write a model's weights", description=init.__doc__))
    verifying = commands.add_parser(
        "verify", help="compare files with what their receipt says", description=verify.__doc__
    )
    verify.add_arguments(verifying)
    linting = commands.add_parser("lint", help="find what an initialization gets wrong")
    if argv[:1] == ["lint"]:
        # theory takes longer to import than all of init
        from . import lint

        lint.add_arguments(linting)
    probing = commands.add_parser("probe", help="see what initializations do to data, layer by layer")
    if argv[:1] == ["probe"]:
        # what the probe imports takes longer than all of init
        from . import probe

        probe.add_arguments(probing)
    training = commands.add_parser("train", help="train from several initializations side by side")
    if argv[:1] == ["train"]:
        from . import train

        train.add_arguments(training)
    playing = commands.add_parser("lab", help="watch initialization decide a network's fate, in a browser")
    if argv[:1] == ["lab"]:
        from . import lab

        lab.add_arguments(playing)
    commands.add_parser("info", help="show versions, instruction set, threads and CUDA devices")
    bench = commands.add_parser("bench", help="measure speed against numpy, torch, jax and oneMKL")
    if argv[:1] == ["bench"]:
        # the benchmark's arguments name its cases, which are costly to import
        from .bench import add_arguments

        add_arguments(bench)
    # only the main thread receives signals
    is_main = threading.current_thread() is threading.main_thread()
    former = signal.signal(signal.SIGTERM, _terminate) if is_main else None
    try:
        arguments = parser.parse_args(argv)
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _warn
            return _run(arguments)
    except BrokenPipeError:
        # the reader has what it wanted, as in `pyinit init gpt2 --dry-run | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PyinitError, OSError, ValueError) as error:
        # the core's own ValueError names an environment variable that is not valid
        print(f"pyinit: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except MemoryError as error:
        needed = _one_line(error) or "more was needed than there is"
        print(f"pyinit: error: out of memory: {needed}; use smaller widths or less data", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"pyinit: interrupted; {masked(str(interrupt)) or _REMOVED}", file=sys.stderr)
        return _INTERRUPTED
    except _Terminated as interrupt:
        print(f"pyinit: terminated; {masked(str(interrupt)) or _REMOVED}", file=sys.stderr)
        return _TERMINATED
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, former)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "init":
        return init.execute(arguments)
    if arguments.command == "verify":
        return verify.execute(arguments)
    if arguments.command == "lint":
        from . import lint

        return lint.execute(arguments)
    if arguments.command == "probe":
        from . import probe

        return probe.execute(arguments)
    if arguments.command == "train":
        from . import train

        return train.execute(arguments)
    if arguments.command == "lab":
        from . import lab

        return lab.execute(arguments)
    if arguments.command == "bench":
        from .bench import execute

        return execute(arguments)
    from .. import info
    from ..cuda.report import described

    for name, value in {**info(), **described()}.items():
        print(f"{name:<15} {value}")
    return 0


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the place in the code where it was raised."""
    print(f"pyinit: warning: {masked(' '.join(str(message).split()))}", file=sys.stderr)


def _one_line(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror is not None:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return masked(" ".join(text.split()))
