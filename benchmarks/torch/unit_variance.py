"""`pyinit.torch.lsuv` beside the package lsuv: `python benchmarks/torch/unit_variance.py`.

Both make the layers of one module orthonormal and scale them to unit variance on one batch. Ratios of times,
of rounds in which both took turns; the variances are asserted first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from lsuv import lsuv_with_singlebatch  # type: ignore[import-untyped]  # no stubs

import pyinit.torch as pit

DEPTH, WIDTH, ROWS, ROUNDS = 12, 512, 256, 7


def module() -> torch.nn.Sequential:
    """Return layers with ReLU between them."""
    layers = [part for _ in range(DEPTH) for part in (torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 10))


def ours(model: torch.nn.Module, x: torch.Tensor) -> None:
    """Scale by pyinit."""
    pit.lsuv(model, x, key=0)


def theirs(model: torch.nn.Module, x: torch.Tensor) -> None:
    """Scale by the package."""
    lsuv_with_singlebatch(model, x, verbose=False)


def seconds(scale: Callable[[torch.nn.Module, torch.Tensor], None], x: torch.Tensor) -> float:
    """Return how long the scaling of a new module takes, whose first layers then have unit variance."""
    model = module()
    start = time.perf_counter()
    scale(model, x)
    passed = time.perf_counter() - start
    with torch.no_grad():
        assert abs(float(model[:1](x).var()) - 1) < 0.15
        assert abs(float(model[:3](x).var()) - 1) < 0.15
    return passed


if __name__ == "__main__":
    torch.manual_seed(0)
    batch = torch.randn(ROWS, WIDTH)
    ratios = []
    for number in range(ROUNDS + 1):
        ratio = seconds(theirs, batch) / seconds(ours, batch)
        if number:
            ratios.append(ratio)
    print(f"lsuv / pyinit: {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})")
