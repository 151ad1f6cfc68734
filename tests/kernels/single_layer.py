"""One layer as production runs it, by the name of its activation, with memory for every gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyinit.lab.network import fused
from pyinit.linalg.statistics import Moments
from pyinit.theory.activation import activation

__all__ = ["Gradients", "backward", "forward"]


class Gradients(NamedTuple):
    dz: np.ndarray
    dx: np.ndarray | None
    dw: np.ndarray | None
    db: np.ndarray
    of_dz: Moments | None
    of_dw: Moments | None


def forward(x: np.ndarray, weight: Any, phi: Any, **options: Any) -> fused.Forward:
    return fused.forward(x, weight, activation(phi), **options)


def backward(
    x: np.ndarray,
    weight: Any,
    phi: Any,
    z: np.ndarray,
    dy: np.ndarray,
    *,
    keep_dw: bool = True,
    **options: Any,
) -> Gradients:
    dw = np.empty(weight.shape, np.float32) if keep_dw else None
    db = np.empty(weight.shape[1], np.float32)
    dz, dx, *found = fused.backward(x, weight, activation(phi), z, dy, dw=dw, db=db, **options)
    return Gradients(dz, dx, dw, db, *found)
