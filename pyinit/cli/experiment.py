"""The arguments that ``probe`` and ``train`` share: data, a network, recipes to compare, files to write."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from ..checkpoint.local import write_small
from ..checkpoint.targets import exists_already
from ..errors import RecipeError
from ..lab.network.dense import ACTIVATION, default_recipe
from ..recipes.distributions import normal
from ..recipes.famous import critical_normal, glorot_normal, he_normal, lecun_normal
from ..recipes.recipe import Recipe, from_dict
from ..stream.strict_json import parsed
from .init import seed_of

__all__ = [
    "PICTURES",
    "activation_of",
    "add_network",
    "add_outputs",
    "init_of",
    "inits_of",
    "outputs_of",
    "residual_of",
    "widths_of",
    "write",
]

_SHORT: dict[str, Callable[[], Recipe]] = {
    "normal": normal,
    "xavier": glorot_normal,
    "glorot": glorot_normal,
    "he": he_normal,
    "kaiming": he_normal,
    "lecun": lecun_normal,
}
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".webp")
"""Endings of pictures."""


def widths_of(text: str) -> list[int]:
    """Return the widths that "8,16,1" names."""
    try:
        return [int(width) for width in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"needs widths such as 8,16,16,1; got {text!r}") from None


def activation_of(text: str) -> str | tuple[str, float]:
    """Return the activation that "tanh" or "leaky_relu:0.2" names."""
    name, colon, parameter = text.partition(":")
    if not colon:
        return name
    try:
        return name, float(parameter)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"needs a name such as tanh or leaky_relu:0.2; got {text!r}"
        ) from None


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the data, the network and the recipes."""
    add = parser.add_argument
    add("--data", required=True, metavar="DATA", help="abalone, mnist, moons, ..., or a CSV or npz file")
    add(
        "--widths",
        required=True,
        type=widths_of,
        metavar="N,...",
        help="number of features, then of each layer's units",
    )
    add(
        "--activation",
        type=activation_of,
        default=ACTIVATION,
        metavar="NAME",
        help="tanh (default), relu, gelu, ...",
    )
    add(
        "--init",
        action="append",
        metavar="RECIPE,...",
        help="recipes to compare: normal (std 1), xavier, he, lecun, critical, any recipe's name, or one as "
        "JSON; may be repeated. By default the one that suits the activation",
    )
    add("--norm", choices=("batch", "layer"), help="normalize before every activation")
    add(
        "--residual",
        nargs="?",
        const="plain",
        choices=("plain", "scaled"),
        help="skips between equal layers; scaled: each branch divided by the root of their number",
    )
    add("--seed", type=seed_of, default=0, help="an integer in [0, 2**64) (default 0)")
    add("--threads", type=int, help="threads (default: the CPUs of this process)")


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the files to write."""
    add = parser.add_argument
    add("--plot", type=Path, metavar="FILE", help=f"save the picture ({', '.join(PICTURES)})")
    add("--json", metavar="FILE", help="save the numbers; - prints them in place of the tables")
    add("--force", action="store_true", help="replace existing files")


def inits_of(texts: list[str] | None, activation: Any) -> dict[str, Recipe]:
    """Return the recipes that ``--init`` names, by their names in tables."""
    if texts is None:
        return {"default": default_recipe(activation)}
    found: dict[str, Recipe] = {}
    for text in texts:
        names = [text] if text.lstrip().startswith("{") else [name.strip() for name in text.split(",")]
        for name in names:
            if name in found:
                raise RecipeError(f"--init names {name} twice. Name each recipe once.")
            found[name] = init_of(name, activation)
    return found


def init_of(name: str, activation: Any) -> Recipe:
    """Return the recipe of a name, short or long, or of JSON."""
    if name in _SHORT:
        return _SHORT[name]()
    if name in ("critical", "critical_normal"):
        return critical_normal(activation)
    return from_dict(parsed(name, "--init", RecipeError) if name.startswith("{") else name)


def residual_of(arguments: argparse.Namespace) -> bool | Literal["scaled"]:
    """Return what ``--residual`` means for `pyinit.mlp`."""
    return "scaled" if arguments.residual == "scaled" else arguments.residual is not None


def outputs_of(arguments: argparse.Namespace, kinds: Iterable[str]) -> dict[str, Path]:
    """Return the files to write by kind; one that cannot be written is an error now, not after the run."""
    found: dict[str, Path] = {}
    for kind in kinds:
        path = getattr(arguments, kind)
        if path is None or path == "-":
            continue
        found[kind] = Path(path)
        if kind == "plot" and found[kind].suffix.lower() not in PICTURES:
            raise RecipeError(f"--plot needs a name ending in {', '.join(PICTURES)}; got '{path}'")
        if not found[kind].parent.is_dir():
            raise RecipeError(
                f"--{kind} needs a directory that exists; got '{path}'. Make its directory first."
            )
        if not arguments.force and os.path.lexists(found[kind]):
            raise exists_already(found[kind])
    return found


def write(
    outputs: Mapping[str, Path], makers: Mapping[str, Callable[[Path], bytes]], *, overwrite: bool
) -> None:
    """Write to each file what the maker of its kind returns; a file appears when it is complete."""
    for kind, path in outputs.items():
        write_small(path, makers[kind](path), overwrite=overwrite)
        print(f"wrote {path}", file=sys.stderr)
