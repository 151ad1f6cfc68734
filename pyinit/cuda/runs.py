"""A window as runs of consecutive elements, as csrc/fill/region.hpp cuts it, for the kernels of a device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from ..stream.window import Shape
from .tasks import RUN_AXES, Runs

__all__ = ["pieces_of", "runs_of"]


@lru_cache(maxsize=256)
def runs_of(shape: Shape, start: Shape, extent: Shape) -> tuple[tuple[Runs, int], ...]:
    """Return the runs of a window, and how many elements of the window precede them.

    Axes that follow each other without a gap are merged. There is one item, unless more than ``RUN_AXES``
    axes number the runs.
    """
    return tuple(_runs(shape, start, extent))


def _runs(shape: Shape, start: Shape, extent: Shape) -> Iterator[tuple[Runs, int]]:
    axes: list[tuple[int, int]] = []  # innermost first: extent and stride
    base, stride = 0, 1
    for n, first, length in zip(reversed(shape), reversed(start), reversed(extent), strict=True):
        base += first * stride
        if length != 1:
            if axes and stride == axes[-1][0] * axes[-1][1]:
                axes[-1] = (axes[-1][0] * length, axes[-1][1])
            else:
                axes.append((length, stride))
        stride *= n
    if 0 in extent:
        return
    length = axes.pop(0)[0] if axes and axes[0][1] == 1 else 1
    inner, outer = axes[:RUN_AXES], axes[RUN_AXES:]
    count = math.prod(n for n, _ in inner)
    extents = (*(n for n, _ in inner), *(1 for _ in range(RUN_AXES - len(inner))))
    strides = (*(step for _, step in inner), *(0 for _ in range(RUN_AXES - len(inner))))
    passed = 0
    for place in product(*(range(n) for n, _ in reversed(outer))):
        beyond = sum(i * step for i, (_, step) in zip(reversed(place), outer, strict=True))
        yield Runs(base + beyond, length, count, extents, strides), passed
        passed += length * count


def pieces_of(runs: Runs, per_block: int) -> int:
    """Return how many pieces of blocks of the stream some runs have; see csrc/cuda/window.hpp."""
    return int(((runs.length + per_block - 2) // per_block + 1) * runs.runs)
