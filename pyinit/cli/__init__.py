"""The command ``pyinit``, and how it ends."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import TextIO

from ..errors import PyinitError
from ..masking import masked
from .commands import COMMANDS, parser_of

__all__ = ["main"]

_INTERRUPTED = 128 + signal.SIGINT
_TERMINATED = 128 + signal.SIGTERM
# what an interrupt says that does not say what was kept
_REMOVED = "unfinished files were removed"


class _Terminated(BaseException):
    """SIGTERM: unwinds like an interrupt, so that temporary files are removed, or kept for the next run."""


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit status, one of those that `commands.EXIT_CODES` explains.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; by default those of the process.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = parser_of(argv[0] if argv else "")
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
    (command,) = (command for command in COMMANDS if command.name == arguments.command)
    return int(command.module.execute(arguments))


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
