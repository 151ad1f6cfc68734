"""Many small layers under `accelerate` and by torch: `python benchmarks/torch/small_layers.py [--layers N]`.

One line a kind of layer: microseconds a layer of both, and `accelerate`'s time over torch's, the median of
rounds in which the two took turns, either one first in half of them. 1.0 or less is wanted. That both draw is
checked before they are timed.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from pyinit.cli.bench.answer import AnswerError
from pyinit.torch import accelerate

LAYERS: dict[str, tuple[Callable[[], Any], int]] = {
    "Linear(16, 16)": (lambda: torch.nn.Linear(16, 16), 2),
    "Linear(64, 64)": (lambda: torch.nn.Linear(64, 64), 2),
    "Conv2d(8, 16, 3)": (lambda: torch.nn.Conv2d(8, 16, 3), 2),
    "Embedding(32, 16)": (lambda: torch.nn.Embedding(32, 16), 1),
    "LayerNorm(16)": (lambda: torch.nn.LayerNorm(16), 0),
    "BatchNorm2d(16)": (lambda: torch.nn.BatchNorm2d(16), 0),
    "LSTM(8, 8)": (lambda: torch.nn.LSTM(8, 8), 4),
}


def seconds(build: Callable[[], Any], layers: int) -> float:
    """Return the seconds that so many layers take, which all live until the end."""
    # what others have left behind is not theirs to collect
    gc.collect()
    start = time.perf_counter()
    built = [build() for _ in range(layers)]
    taken = time.perf_counter() - start
    assert len(built) == layers
    return taken


def main(layers: int, rounds: int) -> None:
    """Print the table."""
    for name, (build, fills) in LAYERS.items():
        with accelerate(key=0) as block:
            build()
        if block.fills != fills:
            raise AnswerError(f"{name} made {block.fills} draws in a block, not {fills}")
        times = []
        for turn in range(rounds):
            taken = [0.0, 0.0]
            for ours in (turn % 2, 1 - turn % 2):
                with accelerate(key=0) if ours else nullcontext():
                    taken[ours] = seconds(build, layers)
            times.append(taken)
        ratio = statistics.median(ours / theirs for theirs, ours in times)
        theirs, ours = (min(column) / layers * 1e6 for column in zip(*times, strict=True))
        print(f"{name:20} torch {theirs:6.1f} us  accelerate {ours:6.1f} us  {ratio:.2f}x")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=16)
    given = parser.parse_args()
    main(given.layers, given.rounds)
