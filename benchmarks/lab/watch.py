"""What `pyinit.torch.watch` costs: `python benchmarks/lab/watch.py [--every 50] [--rounds 30]`.

A training step alone and one that is sampled, in turns; CPU time of the whole process, so that other programs
disturb less. It prints what a sample costs in steps, and at every=50 in percent of a step: from the medians
of rounds, and from the best of each; then what it costs to count a step that is no sample. Before the clock
starts, weights are asserted to have the same bits with and without.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks as optimizer_hooks

import pyinit.torch as pt
from pyinit.cli.bench.machine import describe

Batch = tuple[torch.Tensor, torch.Tensor]
NEVER = 1 << 40


class Decoder(nn.Module):
    """A small transformer that is trained to say its input again."""

    def __init__(self, width: int, layers: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        block = nn.TransformerEncoderLayer(
            width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.embedding(ids))).flatten(0, 1)


def chain(width: int, layers: int, rows: int) -> tuple[nn.Module, Batch]:
    """Return layers of tanh on images of 784 numbers, and a batch."""
    widths = [784, *[width] * (layers - 1), 10]
    made: list[nn.Module] = []
    for inputs, units in pairwise(widths):
        made += [nn.Linear(inputs, units), nn.Tanh()]
    return nn.Sequential(*made[:-1]), (torch.randn(rows, 784), torch.randint(0, 10, (rows,)))


def decoder(width: int, layers: int, rows: int, length: int) -> tuple[nn.Module, Batch]:
    """Return a transformer of 1024 words, and a batch."""
    ids = torch.randint(0, 1024, (rows, length))
    return Decoder(width, layers, 1024), (ids, ids.flatten())


CASES: dict[str, Callable[[], tuple[nn.Module, Batch]]] = {
    "chain, 4 layers of 256, 128 rows": lambda: chain(256, 4, 128),
    "chain, 8 layers of 512, 256 rows": lambda: chain(512, 8, 256),
    "transformer, 4 layers of 128, 512 words": lambda: decoder(128, 4, 8, 64),
    "transformer, 4 layers of 256, 1024 words": lambda: decoder(256, 4, 8, 128),
}


def stepper(module: nn.Module, batch: Batch) -> Callable[[], None]:
    """Return one step of training."""
    optimizer, (x, y) = torch.optim.AdamW(module.parameters(), lr=1e-4), batch

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()

    return step


@contextmanager
def sampled(module: nn.Module, step: Callable[[], None]) -> Iterator[None]:
    """Sample every step; the first, which learns what modules compute, is not timed."""
    with pt.watch(module, 1):
        step()
        yield


def microseconds_to_count(times: int = 20_000) -> float:
    """Return what an update costs that is counted and not sampled."""
    module, (x, _) = chain(16, 2, 4)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.0)
    with pt.watch(module, NEVER):
        module(x).sum().backward()
        optimizer.step()
        (hook,) = optimizer_hooks.values()
        start = time.process_time()
        for _ in range(times):
            hook(optimizer, (), {})
        return (time.process_time() - start) / times * 1e6


def seconds(step: Callable[[], None]) -> float:
    """Return the CPU seconds of a step."""
    start = time.process_time()
    step()
    return time.process_time() - start


def check(make: Callable[[], tuple[nn.Module, Batch]]) -> None:
    """Assert that a watched training has the bits of another."""
    module, batch = make()
    other = copy.deepcopy(module)
    step, same = stepper(module, batch), stepper(other, batch)
    for _ in range(3):
        same()
    with pt.watch(module, 2) as watching:
        for _ in range(3):
            step()
    assert watching.steps == (0, 2)
    for one, two in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def measure(make: Callable[[], tuple[nn.Module, Batch]], rounds: int) -> list[list[float]]:
    """Return for each round the seconds of a step alone, and of one that is sampled."""
    module, batch = make()
    step = stepper(module, batch)
    for _ in range(5):
        step()
    rows = []
    for _ in range(rounds):
        row = [statistics.median(seconds(step) for _ in range(3))]
        with sampled(module, step):
            row.append(statistics.median(seconds(step) for _ in range(3)))
        rows.append(row)
    return rows


def main() -> None:
    """Check, then print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    torch.manual_seed(0)
    for name, make in CASES.items():
        check(make)
        rows = measure(make, arguments.rounds)
        best = [min(column) for column in zip(*rows, strict=True)]
        costs = statistics.median(row[1] / row[0] for row in rows) - 1.0, best[1] / best[0] - 1.0
        shares = " and ".join(f"{cost / arguments.every:.2%}" for cost in costs)
        print(
            f"{name}: step {best[0] * 1e3:.1f} ms, sample {costs[0]:.2f} and {costs[1]:.2f} steps, "
            f"at every={arguments.every} {shares}"
        )
    print(f"a step that is no sample: {microseconds_to_count():.1f} us")


if __name__ == "__main__":
    main()
