"""A small module and the steps of loops that train it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


def small() -> Any:
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))


def moments(report: Any) -> list[dict[str, Any]]:
    """The moments that a probe has, too."""
    return [{kind: one for kind, one in layer.moments.items() if kind != "update"} for layer in report.layers]


def mean(y: Any) -> Any:
    return y.square().mean()


def step(optimizer: Any, *losses: Callable[[], Any]) -> None:
    optimizer.zero_grad()
    for loss in losses:
        loss().backward()
    optimizer.step()
