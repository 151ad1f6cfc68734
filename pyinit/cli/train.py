"""Train one network from several initializations on the same batches: a table, curves, layers in training."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data import dataset
from ..lab.network.dense import BIAS
from ..lab.network.loss import LOSSES
from ..lab.train.comparison import Comparison, compare
from .experiment import add_network, add_outputs, init_of, inits_of, outputs_of, residual_of, write
from .meter import Meter

__all__ = ["EXAMPLES", "add_arguments", "execute"]

#: Shown by --help, and parsed by a test.
EXAMPLES = (
    "pyinit train --data moons --widths 2,16,16,2 --init normal,xavier",
    "pyinit train --data mnist --widths 784,100,10 --optimizer adam --plot mnist.png",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pyinit train`` to `parser`."""
    add_network(parser)
    add = parser.add_argument
    add("--bias", default=BIAS, metavar="RECIPE", help="a recipe for biases (default: zeros), or none")
    add("--optimizer", choices=("sgd", "momentum", "adam"), default="sgd", help="default: sgd")
    add("--learning-rate", type=float, metavar="RATE", help="default: 0.1, momentum 0.01, adam 0.001")
    add("--loss", choices=tuple(LOSSES), help="default: the one that suits the targets")
    add("--epochs", type=int, help="passes over all training rows (default 5)")
    add("--steps", type=int, help="number of batches, instead of epochs")
    add("--batch-size", type=int, default=128, help="rows in a batch (default 128)")
    add(
        "--record",
        type=_record,
        default="epoch",
        metavar="N",
        help="record layers every N steps; or epoch, or none",
    )
    add("--raw", action="store_true", help="leave the features as they are; they are standardized otherwise")
    add("--bins", type=int, default=32, help="bins of each histogram (default 32)")
    add_outputs(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Run ``pyinit train``."""
    outputs = outputs_of(arguments, ("plot", "json"))
    recipes = inits_of(arguments.init, arguments.activation)
    data = dataset(arguments.data)
    if not arguments.raw:
        data = data.standardized()
    with Meter(sys.stderr, _steps) as meter:
        found = compare(
            recipes,
            data,
            widths=arguments.widths,
            activation=arguments.activation,
            bias=None if arguments.bias == "none" else init_of(arguments.bias, arguments.activation),
            norm=arguments.norm,
            residual=residual_of(arguments),
            optimizer=arguments.optimizer,
            learning_rate=arguments.learning_rate,
            loss=arguments.loss,
            epochs=arguments.epochs,
            steps=arguments.steps,
            batch_size=arguments.batch_size,
            record=arguments.record,
            bins=arguments.bins,
            key=arguments.seed,
            threads=arguments.threads,
            progress=meter,
        )
    if arguments.json == "-":
        print(found.to_json())
    else:
        print(found if len(found) > 1 else next(iter(found.histories.values())))
    makers: dict[str, Callable[[Path], bytes]] = {
        "plot": lambda path: _picture(found, path),
        "json": lambda path: (found.to_json() + "\n").encode(),
    }
    write(outputs, makers, overwrite=arguments.force)
    return 0


def _record(text: str) -> Any:
    if text in ("epoch", "none"):
        return None if text == "none" else text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"needs epoch, none or a number of steps; got {text!r}") from None


def _steps(done: int, total: int, seconds: float) -> str:
    return f"{done} of {total} steps, {done / seconds:.0f} steps/s"


def _picture(found: Comparison, path: Path) -> bytes:
    stream = io.BytesIO()
    found.plot().savefig(stream, format=path.suffix.lower().lstrip("."), dpi=130)
    return stream.getvalue()
