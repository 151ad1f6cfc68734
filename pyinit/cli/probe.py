"""See what initializations do to data before training: a table and a verdict each, and a picture of all."""

from __future__ import annotations

import argparse
import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import Dataset, dataset
from ..data.arrays import warn_of_constants
from ..lab.network.dense import BIAS
from ..lab.network.network import Network, mlp
from ..lab.probe.probe import probe
from ..lab.probe.report import Report
from ..lab.probe.view.page import page
from ..lab.probe.view.picture import plot
from ..recipes.recipe import Recipe
from .experiment import add_network, add_outputs, init_of, inits_of, outputs_of, residual_of, write
from .meter import Meter

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit probe --data abalone --widths 8,64,64,64,1 --activation relu --init he,xavier",
    "pyinit probe --data mnist --widths 784,100,100,10 --html probe.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit probe`` to `parser`."""
    add_network(parser)
    add = parser.add_argument
    add("--bias", default=BIAS, metavar="RECIPE", help="a recipe for biases (default: zeros), or none")
    add(
        "--loss",
        choices=("sum", "mse", "cross_entropy"),
        default="sum",
        help="the loss whose gradients are shown",
    )
    add("--forward", action="store_true", help="forward only, no gradients")
    add("--standardize", action="store_true", help="give the features mean 0 and variance 1 first")
    add("--bins", type=int, default=64, help="bins of each histogram (default 64)")
    add("--log", action="store_true", help="histograms over powers of two, positive and negative")
    add("--html", type=Path, metavar="FILE", help="save one page with everything in it")
    add_outputs(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit probe``."""
    outputs = outputs_of(arguments, ("plot", "html", "json"))
    chosen = inits_of(arguments.init, arguments.activation)
    networks = {title: _network(arguments, recipe) for title, recipe in chosen.items()}
    data = dataset(arguments.data)
    if arguments.standardize:
        data = data.standardized()
    elif data.per == "feature":
        # where all features have one scale, as pixels have, some may well be constant
        warn_of_constants(data.inputs, data.name, data.feature_names)
    reports = _run(arguments, networks, data)
    makers: dict[str, Callable[[Path], bytes]] = {
        "plot": lambda path: _picture(reports, path),
        "html": lambda path: page(reports).encode(),
        "json": lambda path: _numbers(reports).encode(),
    }
    if arguments.json == "-":
        sys.stdout.write(_numbers(reports))
    else:
        print("\n\n".join(str(report) for report in reports))
    write(outputs, makers, overwrite=arguments.force)
    return 0


def _network(arguments: argparse.Namespace, recipe: Recipe) -> Network:
    bias = None if arguments.bias == "none" else init_of(arguments.bias, arguments.activation)
    return mlp(arguments.widths, arguments.activation, recipe, bias, arguments.norm, residual_of(arguments))


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
    with Meter(sys.stderr, _layers) as meter, warnings.catch_warnings():
        # warned of already: once for all recipes, and by name
        warnings.filterwarnings("ignore", "x has features that are constant")
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


def _numbers(reports: list[Report]) -> str:
    return json.dumps({"reports": [report.to_dict() for report in reports]}, allow_nan=False) + "\n"


def _picture(reports: list[Report], path: Path) -> bytes:
    stream = io.BytesIO()
    plot(reports).savefig(stream, format=path.suffix.lower().lstrip("."), dpi=130)
    return stream.getvalue()
