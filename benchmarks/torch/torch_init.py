"""torch.nn.init's functions by pyinit and by torch: `python benchmarks/torch/torch_init.py [--rounds N]`.

One line a function and size: microseconds of both and torch's time over pyinit's, medians of rounds in which
the two took turns on memory of their own, written before. Each answer is checked before it is timed.
"""

from __future__ import annotations

import argparse
import functools
import math
import statistics
from collections.abc import Callable
from typing import Any

import torch

from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.interleave import Turn, interleave
from pyinit.cli.bench.machine import describe
from pyinit.torch import init

# a small layer's weight, and one of 4 million elements
SMALL, LARGE = (64, 64), (2048, 2048)

FUNCTIONS: dict[str, tuple[Callable[[Any], Callable[[Any], Any]], float]] = {
    "normal_": (lambda module: functools.partial(module.normal_, std=0.5), 0.5),
    "kaiming_uniform_": (lambda module: functools.partial(module.kaiming_uniform_, a=math.sqrt(5)), 0.0),
    "trunc_normal_": (lambda module: functools.partial(module.trunc_normal_, std=0.02), 0.02),
    "orthogonal_": (lambda module: module.orthogonal_, 0.0),
}
"""What is called, and the std that its draws should have; 0 where the shape decides."""


def check(name: str, std: float, tensor: Any, who: str) -> None:
    """Raise AnswerError unless the tensor has the mean and std, or the orthonormal rows, it was asked for."""
    rows, columns = tensor.shape
    values = tensor.double()
    if name == "orthogonal_":
        error = float((values @ values.T - torch.eye(rows)).abs().max())
        if error > 1e-5:
            raise AnswerError(f"{who}'s {name} is not orthogonal: {error:.2g}")
        return
    std = std or 1 / math.sqrt(3 * columns)
    # bfloat16 and torch's draws in it have coarse steps
    room = 6 / math.sqrt(rows * columns) + (0.01 if tensor.dtype is torch.bfloat16 else 0.0)
    if abs(float(values.mean())) > room * std or abs(float(values.std()) / std - 1) > room:
        raise AnswerError(f"{who}'s {name} is off: {float(values.mean()):.3g} +- {float(values.std()):.3g}")


def cases() -> list[tuple[str, tuple[int, int], torch.dtype, bool]]:
    """Return the function, shape and dtype of each race, and whether its tensor is a transposed one."""
    draws = [name for name in FUNCTIONS if name != "orthogonal_"]
    return [
        *((name, SMALL, torch.float32, False) for name in FUNCTIONS),
        *((name, LARGE, dtype, False) for name in draws for dtype in (torch.float32, torch.bfloat16)),
        ("normal_", LARGE, torch.float32, True),
        ("orthogonal_", (1024, 1024), torch.float32, False),
    ]


def measure(least: int) -> None:
    """Check the answers, then print the table."""
    print(
        ", ".join(f"{what}: {which}" for what, which in describe().items()),
        f"torch: {torch.__version__}",
        sep=", ",
    )
    print(f"{'':46}{'pyinit us':>12}{'torch us':>12}{'torch/pyinit':>14}")
    for name, shape, dtype, transposed in cases():
        make, std = FUNCTIONS[name]
        turns = []
        for who, module in (("pyinit", init), ("torch", torch.nn.init)):
            tensor = torch.ones(shape, dtype=dtype)
            if transposed:
                tensor = tensor.t()
            step = functools.partial(make(module), tensor)
            torch.manual_seed(0)
            check(name, std, step(), who)
            turns.append(Turn(step))
        rounds = interleave(turns, least=least, most=3 * least, budget_seconds=3.0)
        ours, theirs = (statistics.median(column) * 1e6 for column in zip(*rounds, strict=True))
        ratio = statistics.median(row[1] / row[0] for row in rounds)
        what = f"{name} {shape[0]} x {shape[1]} {str(dtype)[6:]}{' transposed' if transposed else ''}"
        print(f"{what:46}{ours:12.1f}{theirs:12.1f}{ratio:14.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    measure(parser.parse_args().rounds)
