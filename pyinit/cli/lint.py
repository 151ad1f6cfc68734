"""Find what an initialization gets wrong, in the numbers that decide it; nothing is drawn or written."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Any

from ..checkpoint.families.builtin import BUILTIN
from ..checkpoint.families.lookup import find_spec
from ..checkpoint.lint.finding import LintReport
from ..checkpoint.lint.lint import held, lint, lint_subject
from ..errors import ArgumentError
from ..stream.dtypes import FLOATS
from .definition import built, definition_of
from .recipe import recipes_of

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = ("pyinit lint gpt2", "pyinit lint gpt2 --recipe he_normal --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit lint`` to `parser`."""
    parser.add_argument(
        "spec",
        metavar="SPEC",
        help=f"a built-in model ({', '.join(BUILTIN)}), a config.json or a directory with one, a plan, a "
        "receipt (init.json, or the directory that holds it), a plain JSON spec, a .safetensors file or its "
        "index; timm:NAME; or package.module:function, which returns a torch.nn.Module",
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="as for pyinit init: what the model should begin as, instead of its own",
    )
    parser.add_argument("--dtype", choices=FLOATS, help="of all floating tensors (default: the model's own)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit lint``; return 1 if there is an error or a warning."""
    found = _found(arguments)
    sys.stdout.write(found.to_json() if arguments.json else f"{found}\n")
    return 0 if found.is_clean else 1


def _found(arguments: argparse.Namespace) -> LintReport:
    subject = held(arguments.spec)
    if subject is not None:
        for name in ("recipe", "dtype"):
            if getattr(arguments, name) is not None:
                raise ArgumentError(
                    f"{arguments.spec} is a plan or a receipt, which decides --{name}; leave it out"
                )
        return lint_subject(subject)
    definition = definition_of(arguments.spec)
    spec = None if definition is not None else find_spec(arguments.spec)
    recipes = None if arguments.recipe is None else recipes_of(arguments.recipe, spec)
    if definition is None:
        assert spec is not None
        return lint(spec, recipes, dtype=arguments.dtype)
    module = built(definition)
    # torch is there, as it has built the module
    linting: Any = import_module("pyinit.torch.linting.linting")
    found: LintReport = linting.lint(module, recipes, dtype=arguments.dtype, source=definition)
    return found
