"""Weights from which an adapter's part was subtracted: a mark that copies, conversions and moves keep."""

from __future__ import annotations

import math
from typing import Any

import torch

__all__ = ["mark", "subtracted"]

_MARK = "_pyinit_residual"
_SAMPLES = 64
_ROUNDING = 2.0**-8
"""More than the relative rounding of bfloat16."""
_SMALLEST = 2.0**-24
"""The smallest number of float16."""


def mark(holder: Any, base: torch.Tensor, adapter: str = "") -> None:
    """Note at a weight, or at its module, that a part was subtracted, and some of the numbers left."""
    setattr(holder, _MARK, (adapter, _sample(base)))


def subtracted(holder: Any, base: torch.Tensor) -> str | None:
    """Return the adapter whose part was subtracted from a weight; None if its numbers are others by now.

    A module keeps its mark in a deep copy and beside converted weights. A weight that was loaded again has
    other numbers.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(2, 3)
    >>> mark(layer, layer.weight, "default")
    >>> subtracted(layer.double(), layer.weight)
    'default'
    >>> _ = torch.nn.init.ones_(layer.weight)
    >>> subtracted(layer, layer.weight) is None
    True
    """
    adapter, kept = getattr(holder, _MARK, (None, ()))
    if adapter is None:
        return None
    if base.is_meta:
        return None
    if type(base).__name__ == "DTensor":
        # its numbers lie on other ranks, too
        return str(adapter)
    found = _sample(base)
    is_same = len(found) == len(kept) and all(
        math.isclose(one, two, rel_tol=_ROUNDING, abs_tol=_SMALLEST)
        for one, two in zip(found, kept, strict=True)
    )
    return str(adapter) if is_same else None


def _sample(base: torch.Tensor) -> tuple[float, ...]:
    """Return numbers that are spread evenly over a matrix."""
    rows, columns = base.shape
    count = min(_SAMPLES, rows * columns)
    at = torch.arange(count, device=base.device) * (rows * columns) // max(count, 1)
    return tuple(base.detach()[at // columns, at % columns].double().tolist())
