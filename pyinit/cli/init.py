"""Write a model's weights as safetensors, with its config.json and the receipt init.json."""

from __future__ import annotations

import argparse
import re
import sys
import time
from decimal import Decimal
from pathlib import Path

from ..checkpoint.blueprint import draw_up
from ..checkpoint.checkpoint import write_blueprint
from ..checkpoint.families.builtin import BUILTIN
from ..checkpoint.families.lookup import find_spec
from ..checkpoint.spec import Spec
from ..checkpoint.staging import readable_size
from ..errors import RecipeError
from ..recipes.recipe import Recipe, from_dict
from ..recipes.rules import CONVENTIONS, Rule
from ..recipes.rules_json import rules_from_json
from ..stream.dtypes import FLOATS
from ..stream.key import key
from ..stream.strict_json import parsed
from .meter import Meter, peak_memory

__all__ = ["add_arguments", "execute", "recipes_of", "seed_of", "size"]

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}


def size(text: str) -> int:
    """Return the number of bytes that `text` names: "5GB", "500MB", "2GiB", "1000000"."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", text.strip().lower())
    # Decimal: a float would overflow, or lose the last bytes of a large size
    number = int(Decimal(match[1]) * {**_UNITS, **_BINARY}[match[2] or ""]) if match else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"needs a size such as 5GB, 500MB or 2GiB; got {text!r}")
    return number


def seed_of(text: str) -> int:
    """Return the seed that "17" or "0x11" names."""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"needs an integer in [0, 2**64); got {text!r}") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit init`` to `parser`."""
    parser.add_argument(
        "spec",
        metavar="SPEC",
        help=f"a built-in model ({', '.join(BUILTIN)}), a config.json or a directory with one, "
        "a .safetensors file or its index (same names, shapes and dtypes, new values), or a plain JSON spec",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the directory to write to, made if needed; or one file, whose name ends in .safetensors",
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="a recipe, by name (he_normal) or as JSON, for the kernels that the model draws at random: "
        "matrices, embeddings, convolutions; norms, biases and buffers keep the model's values. Or a JSON "
        'file of ordered rules: [{"match": "*.weight", "recipe": "he_normal"}, "default"]. '
        "By default the model's own",
    )
    parser.add_argument("--dtype", choices=FLOATS, help="of all floating tensors (default: the model's own)")
    parser.add_argument("--seed", type=seed_of, default=0, help="an integer in [0, 2**64) (default 0)")
    parser.add_argument(
        "--shard-size", type=size, metavar="SIZE", help="split into files of at most this size, such as 5GB"
    )
    parser.add_argument("--threads", type=int, help="threads (default: the CPUs of this process)")
    parser.add_argument("--digest", action="store_true", help="put a CRC-32 of every tensor into init.json")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--dry-run", action="store_true", help="print every number of every tensor; write nothing"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit init``."""
    spec = find_spec(arguments.spec)
    recipes = None if arguments.recipe is None else recipes_of(arguments.recipe, spec)
    blueprint = draw_up(spec, recipes, key(arguments.seed), arguments.dtype)
    model = blueprint.spec
    amount = f"{len(model.tensors)} tensors, {model.parameters} parameters, {readable_size(model.nbytes)}"
    if arguments.dry_run:
        for line in blueprint.table():
            print(line)
        print(f"{model.source}: {amount}")
        return 0
    if arguments.out is None:
        raise RecipeError("init needs --out DIR, where to write; or --dry-run to see the plan")
    print(f"{model.source}: {amount} -> {arguments.out}", file=sys.stderr)
    start = time.perf_counter()
    with Meter(sys.stderr) as meter:
        receipt = write_blueprint(
            blueprint,
            arguments.out,
            shard_size=arguments.shard_size,
            threads=arguments.threads,
            overwrite=arguments.force,
            digest=arguments.digest,
            progress=meter,
        )
    seconds = time.perf_counter() - start
    files = ", ".join([*(shard.name for shard in receipt.shards)][:3]) + (
        ", ..." if len(receipt.shards) > 3 else ""
    )
    print(f"wrote {files} in {arguments.out}: {amount}")
    speed, rate = receipt.nbytes / seconds / 1e9, model.parameters / seconds / 1e9
    print(
        f"{seconds:.2f} s, {speed:.2f} GB/s, {rate:.3f} Gparam/s, peak memory {readable_size(peak_memory())}"
    )
    return 0


def recipes_of(text: str, spec: Spec) -> Recipe | tuple[Rule, ...]:
    """Return what ``--recipe`` names for a model: one recipe, or a list of rules."""
    content: object = text
    where = "--recipe"
    if text.lstrip().startswith(("{", "[")):
        content = parsed(text, where, RecipeError)
    elif text.endswith(".json") or Path(text).is_file():
        if not Path(text).is_file():
            raise RecipeError(f"--recipe: there is no file '{text}'; name a recipe or a JSON file of rules")
        where = text
        content = parsed(Path(text).read_bytes(), where, RecipeError)
    if isinstance(content, list):
        return rules_from_json(content, spec.rules if spec.rules is not None else CONVENTIONS, where)
    return from_dict(content)
