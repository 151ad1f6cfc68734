"""Print the script that lets a shell complete pyinit's commands, options and their values.

The script is made by the library shtab, and knows the arguments of this version.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

import pyinit as pi

from ..checkpoint.families.builtin import BUILTIN
from ..data.names import NAMES
from ..errors import MissingLibraryError
from ..recipes.models.registry import TABLE
from ..recipes.recipe import is_known

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit completion bash > ~/.local/share/bash-completion/completions/pyinit",
    "pyinit completion zsh > ~/.zfunc/_pyinit",
)

_SHELLS = ("bash", "zsh", "tcsh")
# Arguments that take a path, by what --help calls them, and the words that may stand in its place.
_WORDS: dict[str, tuple[str, ...]] = {
    "DATA": tuple(NAMES),
    "DIR": (),
    "FILE": (),
    "RECIPE": (*filter(is_known, pi.__all__), *TABLE),
    "SETTINGS": (),
    "SPEC": tuple(BUILTIN),
}
# shtab looks for "_file" in a name: bash then ends a directory with a slash.
_FUNCTIONS = {
    "bash": """\
_pyinit_{name}_or_file() {{
  compgen -W "{words}" -- "$1"
  compgen -f -- "$1"
}}
""",
    "zsh": """\
_pyinit_{name}_or_file() {{
  _alternative 'words:{name}:({words})' 'files:file:_files'
}}
""",
    "tcsh": "",
}


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
    _complete_paths(parser)
    template = _FUNCTIONS[arguments.shell]
    functions = [template.format(name=name, words=" ".join(words)) for name, words in _WORDS.items()]
    print(shtab.complete(parser, arguments.shell, preamble="".join(functions)))
    return 0


def _complete_paths(parser: argparse.ArgumentParser) -> None:
    """Name the function that completes each path: without one, a shell would not even offer files."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                _complete_paths(own)
        elif action.metavar in _WORDS:
            function = f"_pyinit_{action.metavar}_or_file"
            action.complete = {"bash": function, "zsh": function, "tcsh": "f"}  # type: ignore[attr-defined]
