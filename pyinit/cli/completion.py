"""Print the script that lets a shell complete pyinit's commands, options and their values.

The script is made by the library shtab, and knows the arguments of this version.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from ..errors import MissingLibraryError

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit completion bash > ~/.local/share/bash-completion/completions/pyinit",
    "pyinit completion zsh > ~/.zfunc/_pyinit",
)

_SHELLS = ("bash", "zsh", "tcsh")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit completion`` to `parser`."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell that will read the script")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit completion``."""
    try:
        shtab: Any = import_module("shtab")
    except ImportError:
        raise MissingLibraryError(
            "pyinit completion needs shtab, which is not installed. Run pip install 'pyinit-nn[cli]'."
        ) from None
    # The table of commands names this module, which therefore asks for it by name.
    parser = import_module(f"{__package__}.commands").parser_of(None)
    print(shtab.complete(parser, arguments.shell))
    return 0
