"""Write a model's weights as safetensors, with its config.json and the receipt init.json."""

from __future__ import annotations

import argparse
import re
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from ..checkpoint.blueprint import Blueprint, draw_up
from ..checkpoint.checkpoint import finish_checkpoint, write_plan
from ..checkpoint.completion import is_complete
from ..checkpoint.engines.lookup import ENGINES
from ..checkpoint.families.builtin import BUILTIN
from ..checkpoint.families.lookup import find_spec
from ..checkpoint.local import write_small
from ..checkpoint.locations import Location, location
from ..checkpoint.parts import WHOLE, Part, part_of_environment
from ..checkpoint.plan import CheckpointPlan, plan_blueprint
from ..checkpoint.shards import LAYOUTS, Layout
from ..checkpoint.share import is_finished
from ..errors import ArgumentError, RecipeError
from ..recipes.schemes.scheme import Scheme
from ..stream.dtypes import FLOATS
from ..stream.key import key
from .definition import blueprint_of, definition_of, learn_to_rebuild
from .listing import listing, sizes
from .meter import Meter
from .outcome import Outcome, as_json, foreseen, table
from .recipe import besides, recipes_of

__all__ = ["EXAMPLES", "add_arguments", "execute", "seed_of", "size"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit init --list",
    "pyinit init gpt2 --out gpt2",
    "pyinit init llama-70b --dtype bfloat16 --shard-size 5GB --out s3://bucket/llama",
    "pyinit init config.json --recipe he_normal --dry-run",
)

#: Most bytes of a file of a checkpoint that several processes write.
PART_FILE_BYTES = 5 * 10**9

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
        nargs="?",
        metavar="SPEC",
        help=f"a built-in model ({', '.join(BUILTIN)}), a config.json or a directory with one, "
        "a .safetensors file or its index (same names, shapes and dtypes, new values), a plain JSON spec, "
        "or a plan that --plan wrote; with torch and their libraries also the config.json of any model of "
        "transformers, timm:NAME, and package.module:function, which returns a torch.nn.Module",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="the directory to write to, made if needed, or its URL, such as s3://bucket/model; or one "
        "file, whose name ends in .safetensors",
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="a recipe, by name (he_normal) or as JSON, for the kernels that the model draws at random: "
        "matrices, embeddings, convolutions; norms, biases and buffers keep the model's values. Or a JSON "
        'file of ordered rules: [{"match": "*.weight", "recipe": "he_normal"}, "default"]. '
        'Or a recipe of models or a scheme, by name (gpt2, deepnorm), or with options: {"model": "mup", '
        '"base_width": 256}; depth, width and vocabulary are those of a config.json. '
        "By default the model's own",
    )
    parser.add_argument("--dtype", choices=FLOATS, help="of all floating tensors (default: the model's own)")
    parser.add_argument("--seed", type=seed_of, help="an integer in [0, 2**64) (default 0)")
    parser.add_argument(
        "--shard-size",
        type=size,
        metavar="SIZE",
        help="split into files of at most this size, such as 5GB, the default with --part, --finish or "
        "--engine",
    )
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="; ".join(f"{name}: {meaning}" for name, meaning in LAYOUTS.items()) + " (default: huggingface)",
    )
    parser.add_argument(
        "--part",
        metavar="I/N",
        help="write only the files of part I of N, counted from 0, or of the part that the launcher says "
        "(auto: torchrun, MPI, JAX, Slurm); the last part to finish adds configuration, receipt and index",
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="write no weights: check that all parts are there, and add configuration, receipt and index",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="let workers write: those of the cluster of RAY_ADDRESS or DASK_SCHEDULER_ADDRESS, or of one "
        "that is started here; all must see DIR",
    )
    parser.add_argument(
        "--threads", type=int, help="threads (default: the CPUs of this process); with --engine, of each task"
    )
    parser.add_argument(
        "--digest", action="store_true", help="put CRC-32, mean and std of every tensor into init.json"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print every number of every tensor and the files; write nothing",
    )
    parser.add_argument("--list", action="store_true", help="print the built-in models and their sizes")
    parser.add_argument(
        "--json", action="store_true", help="print what was done, or with --dry-run what would be, as JSON"
    )
    parser.add_argument(
        "--plan",
        metavar="FILE",
        help="write the plan as JSON, to - or a file, instead of the weights: SPEC for other machines",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit init``."""
    if arguments.list:
        print(as_json(sizes()) if arguments.json else listing())
        return 0
    if arguments.spec is None:
        raise ArgumentError("init needs SPEC, a model; got none. See pyinit init --list for those built in")
    part = None
    if arguments.part is not None:
        part = part_of_environment() if arguments.part == "auto" else Part.read(arguments.part)
    if part is not None and arguments.finish:
        raise ArgumentError("init takes --part or --finish, not both; run --finish when all parts are done")
    for name, is_given in (
        ("part", part is not None),
        ("finish", arguments.finish),
        ("plan", arguments.plan),
    ):
        if arguments.engine is not None and is_given:
            raise ArgumentError(f"init takes --engine or --{name}, not both; an engine does the whole itself")
    if arguments.dry_run and arguments.plan is not None:
        raise ArgumentError("init takes --dry-run or --plan, not both; a dry run writes no plan")
    plan = _planned(arguments)
    if arguments.dry_run:
        for line in [as_json(foreseen(plan, part))] if arguments.json else table(plan, part):
            print(line)
        return 0
    if arguments.plan is not None:
        if arguments.plan == "-":
            sys.stdout.write(plan.to_json())
        else:
            write_small(Path(arguments.plan), plan.to_json().encode(), overwrite=arguments.force)
        return 0
    if (part is not None or arguments.finish) and is_finished(plan):
        outcome = Outcome(plan, part, is_complete=True)
    elif arguments.finish:
        finish_checkpoint(plan, overwrite=arguments.force)
        outcome = Outcome(plan, None, is_complete=True, has_finished=True)
    else:
        if arguments.engine is not None and '"kind": "computed"' in plan.text:
            # workers read the plan, and so does what sends it to them
            learn_to_rebuild()
        outcome = _written(plan, part, arguments)
    for line in [as_json(outcome.to_dict())] if arguments.json else outcome.lines():
        print(line)
    return 0


def _written(plan: CheckpointPlan, part: Part | None, arguments: argparse.Namespace) -> Outcome:
    """Write a part, or all, and return what was done."""
    outcome = Outcome(plan, part, uses_engine=arguments.engine is not None)
    if not outcome.files:
        return outcome
    print(f"{plan.blueprint.spec.source}: {outcome.amount} -> {plan.path}", file=sys.stderr)
    first: list[int] = []
    start = time.perf_counter()
    with Meter(sys.stderr) as meter:

        def progress(done: int, total: int) -> None:
            first[:] = first or [done]
            meter(done, total)

        options = {"threads": arguments.threads, "overwrite": arguments.force, "engine": arguments.engine}
        receipt = write_plan(plan, part or WHOLE, **options, progress=progress)
    # what an earlier run had finished took no time now
    headers = sum(len(shard.header) for shard in outcome.files)
    return replace(
        outcome,
        seconds=time.perf_counter() - start,
        nbytes_before=first[0] - headers if first else outcome.nbytes,
        is_complete=receipt is not None or is_complete(plan),
    )


def _planned(arguments: argparse.Namespace) -> CheckpointPlan:
    """Return the plan of the arguments, or the one that SPEC is a file of."""
    out: Location | None = None if arguments.out is None else location(arguments.out)
    if (text := _text_of_plan(arguments.spec)) is not None:
        for name in ("recipe", "dtype", "seed", "shard_size", "layout", "digest"):
            if getattr(arguments, name):
                option = f"--{name.replace('_', '-')}"
                raise ArgumentError(
                    f"{arguments.spec} is a plan, which decides {option} already; leave it out"
                )
        if b'"kind": "computed"' in text:
            learn_to_rebuild()
        plan = CheckpointPlan.from_json(text)
        return plan if out is None else plan.at(out)
    if out is None and not arguments.dry_run:
        raise RecipeError("init needs --out DIR, where to write; or --dry-run to see the plan")
    blueprint = _blueprint(arguments)
    is_divided = arguments.part is not None or arguments.finish or arguments.engine is not None
    shard_size = arguments.shard_size or (PART_FILE_BYTES if is_divided else None)
    layout, digest = arguments.layout or "huggingface", arguments.digest
    return plan_blueprint(blueprint, out or Path(), shard_size=shard_size, digest=digest, layout=layout)


def _text_of_plan(spec: str) -> bytes | None:
    path = Path(spec)
    if spec in BUILTIN or not spec.endswith(".json") or not path.is_file():
        return None
    text = path.read_bytes()
    return text if b'"pyinit_plan"' in text[:1000] else None


def _blueprint(arguments: argparse.Namespace) -> Blueprint:
    """Decide the model: by pyinit's own knowledge of it, or by building it with torch."""
    definition = definition_of(arguments.spec)
    spec = find_spec(arguments.spec) if definition is None else None
    given = None if arguments.recipe is None else recipes_of(arguments.recipe, spec)
    recipes = given.rules if isinstance(given, Scheme) else given
    if spec is not None:
        blueprint = draw_up(spec, recipes, key(arguments.seed or 0), arguments.dtype)
    else:
        by_state = arguments.layout is not None and Layout(arguments.layout).is_cut
        root = key(arguments.seed or 0)
        blueprint = blueprint_of(str(definition), recipes, root, arguments.dtype, by_state=by_state)
    if isinstance(given, Scheme):
        for line in besides(given, blueprint):
            print(line, file=sys.stderr)
    return blueprint
