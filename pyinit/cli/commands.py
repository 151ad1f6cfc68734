"""The table of commands, and how each one's parser is filled.

A command's module is imported when the command is called: what the probe or the benchmark imports takes
longer than all of ``pyinit init``.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import pyinit as pi

from ..masking import masked

__all__ = ["COMMANDS", "EXIT_CODES", "Parser", "parser_of"]

EXIT_CODES = """\
exit status:
  0    done
  1    verify: files differ from their receipt; lint: an error or a warning;
       doctor: something does not work; bench: an answer is wrong
  2    an argument is not valid, or the work could not be done; one line on
       stderr says why. verify: something could not be compared
  130  interrupted with Ctrl-C (143: terminated); unfinished files are removed,
       or kept for the next run"""


@dataclass(frozen=True)
class Command:
    """A command: its name, its line in ``pyinit --help``, and its module, which has ``add_arguments``,
    ``execute`` and ``EXAMPLES``.
    """

    name: str
    help: str

    @property
    def module(self) -> Any:
        """The module, imported now."""
        return import_module(f"{__package__}.{self.name}")


COMMANDS = (
    Command("init", "write a model's weights"),
    Command("verify", "compare files with what their receipt says"),
    Command("lint", "find what an initialization gets wrong"),
    Command("probe", "see what initializations do to data, layer by layer"),
    Command("train", "train from several initializations side by side"),
    Command("lab", "watch initialization decide a network's fate, in a browser"),
    Command("info", "show versions, instruction set, threads and CUDA devices"),
    Command("doctor", "check what speed and reach depend on, and say what to do about each"),
    Command("bench", "measure speed against numpy, torch, jax and oneMKL"),
    Command("completion", "print what a shell needs to complete arguments"),
)


class _Help(argparse.HelpFormatter):
    """Help whose paragraphs are wrapped and whose indented lines stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(self._paragraph(paragraph, width, indent) for paragraph in paragraphs)

    def _paragraph(self, text: str, width: int, indent: str) -> str:
        if "\n  " in text:
            return textwrap.indent(text, indent)
        return textwrap.fill(" ".join(text.split()), width, initial_indent=indent, subsequent_indent=indent)


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", _Help)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with exit status 2."""
        print(f"pyinit: error: {masked(message)} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(2)


class _Version(argparse.Action):
    """Print the version, which is read from the installation only now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        print(f"pyinit {pi.__version__}")
        raise SystemExit(0)


def parser_of(chosen: str | None) -> Parser:
    """Return the parser, with the arguments of the command that is `chosen`; of all where it is None."""
    parser = Parser(
        prog="pyinit", description="Initialize the weights of neural networks.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show pyinit's version and exit")
    names = ",".join(command.name for command in COMMANDS)
    commands = parser.add_subparsers(dest="command", metavar=f"{{{names}}}", required=True)
    for command in COMMANDS:
        own = commands.add_parser(command.name, help=command.help)
        if chosen in (None, command.name):
            module = command.module
            own.description = module.__doc__
            own.epilog = "\n  ".join(("examples:", *module.EXAMPLES))
            module.add_arguments(own)
    return parser
