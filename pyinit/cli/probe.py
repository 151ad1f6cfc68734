"""See what initializations do to data before training: a table and a verdict each, and a picture of all."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._probe import Report, probe
from .._probe.page import page
from .._probe.picture import plot
from ..data import Dataset, dataset
from ..dense import default_recipe
from ..distributions import normal
from ..errors import RecipeError
from ..famous import critical_normal, glorot_normal, he_normal, lecun_normal
from ..network import Network, mlp
from ..recipe import Recipe, from_dict
from ..staging import Staging
from ..strict_json import parsed
from .meter import Meter

__all__ = ["activation_of", "add_arguments", "execute", "inits_of", "widths_of"]

_SHORT: dict[str, Callable[[], Recipe]] = {
    "normal": normal,
    "xavier": glorot_normal,
    "glorot": glorot_normal,
    "he": he_normal,
    "kaiming": he_normal,
    "lecun": lecun_normal,
}
_PICTURES = (".png", ".svg", ".pdf", ".jpg", ".webp")


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit probe`` to `parser`."""
    parser.description = __doc__
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
        default="tanh",
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
    add("--bias", metavar="RECIPE", help="a recipe for biases (default: no biases)")
    add("--norm", choices=("batch", "layer"), help="normalize before every activation")
    add(
        "--residual",
        nargs="?",
        const="plain",
        choices=("plain", "scaled"),
        help="skips between equal layers; scaled: each branch divided by the root of their number",
    )
    add("--loss", choices=("sum", "mse", "cross_entropy"), default="sum", help="whose gradient comes back")
    add("--forward", action="store_true", help="forward only, no gradients")
    add("--standardize", action="store_true", help="give the features mean 0 and variance 1 first")
    add("--seed", type=_seed, default=0, help="an integer in [0, 2**64) (default 0)")
    add("--bins", type=int, default=64, help="bins of each histogram (default 64)")
    add("--log", action="store_true", help="histograms over powers of two, positive and negative")
    add("--threads", type=int, help="threads (default: the CPUs of this process)")
    add("--plot", type=Path, metavar="FILE", help=f"save the picture ({', '.join(_PICTURES)})")
    add("--html", type=Path, metavar="FILE", help="save one page with everything in it")
    add("--json", metavar="FILE", help="save the numbers; - prints them in place of the tables")
    add("--force", action="store_true", help="replace existing files")


def _seed(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"needs an integer in [0, 2**64); got {text!r}") from None


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit probe``."""
    outputs = _outputs(arguments)
    chosen = inits_of(arguments.init, arguments.activation)
    networks = {title: _network(arguments, recipe) for title, recipe in chosen.items()}
    data = dataset(arguments.data)
    if arguments.standardize:
        data = data.standardized()
    reports = _run(arguments, networks, data)
    numbers = json.dumps({"reports": [report.to_dict() for report in reports]}, allow_nan=False) + "\n"
    makers: dict[str, Callable[[Path], bytes]] = {
        "plot": lambda path: _picture(reports, path),
        "html": lambda path: page(reports).encode(),
        "json": lambda path: numbers.encode(),
    }
    if arguments.json == "-":
        sys.stdout.write(numbers)
    else:
        print("\n\n".join(str(report) for report in reports))
    for kind, path in outputs.items():
        with Staging(path.parent, [path.name], overwrite=arguments.force) as staging:
            staging.write(path.name, makers[kind](path))
            staging.publish()
        print(f"wrote {path}", file=sys.stderr)
    return 0


def inits_of(texts: list[str] | None, activation: Any) -> dict[str, Recipe]:
    """Return the recipes that ``--init`` names, by what they are called in tables."""
    if texts is None:
        return {"default": default_recipe(activation)}
    found: dict[str, Recipe] = {}
    for text in texts:
        names = [text] if text.lstrip().startswith("{") else [name.strip() for name in text.split(",")]
        for name in names:
            if name in found:
                raise RecipeError(f"--init names {name} twice. Name each recipe once.")
            found[name] = _init(name, activation)
    return found


def _init(name: str, activation: Any) -> Recipe:
    if name in _SHORT:
        return _SHORT[name]()
    if name in ("critical", "critical_normal"):
        return critical_normal(activation)
    return from_dict(parsed(name, "--init", RecipeError) if name.startswith("{") else name)


def _network(arguments: argparse.Namespace, recipe: Recipe) -> Network:
    residual: Any = {None: False, "plain": True, "scaled": "scaled"}[arguments.residual]
    bias = None if arguments.bias is None else _init(arguments.bias, arguments.activation)
    return mlp(arguments.widths, arguments.activation, recipe, bias, arguments.norm, residual)


def _run(arguments: argparse.Namespace, networks: dict[str, Network], data: Dataset) -> list[Report]:
    options: dict[str, Any] = {
        "backward": not arguments.forward,
        "bins": arguments.bins,
        "log": arguments.log,
    }
    if arguments.loss != "sum" and not arguments.forward:
        options |= {"targets": data.targets, "loss": arguments.loss}
    runs = len(networks)
    reports: list[Report] = []
    with Meter(sys.stderr, _layers) as meter:
        for title, network in networks.items():

            def progress(done: int, total: int) -> None:
                meter(len(reports) * total + done, runs * total)

            report = probe(
                network,
                data.inputs,
                key=arguments.seed,
                threads=arguments.threads,
                title=title,
                progress=progress,
                **options,
            )
            reports.append(report)
    return reports


def _layers(done: int, total: int, seconds: float) -> str:
    return f"{done} of {total} layers, {seconds:.1f} s"


def _outputs(arguments: argparse.Namespace) -> dict[str, Path]:
    """Return the files to write, refused now if they cannot be."""
    found: dict[str, Path] = {}
    for kind in ("plot", "html", "json"):
        path = getattr(arguments, kind)
        if path is None or path == "-":
            continue
        found[kind] = Path(path)
        if kind == "plot" and found[kind].suffix.lower() not in _PICTURES:
            raise RecipeError(f"--plot needs a name ending in {', '.join(_PICTURES)}; got '{path}'")
        Staging(found[kind].parent, [found[kind].name], overwrite=arguments.force)
    return found


def _picture(reports: list[Report], path: Path) -> bytes:
    stream = io.BytesIO()
    plot(reports).savefig(stream, format=path.suffix.lower().lstrip("."), dpi=130)
    return stream.getvalue()
