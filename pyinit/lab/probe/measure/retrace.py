"""Which layers to keep on the way forward, and how the way back makes the others again from them.

A layer is a pure function of what it got, so one that was not kept is run again and is the same, bit for bit.
With s places no layer is run more than r times where there are fewer than (s + r)! / (s! r!) of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["places_for", "retraced", "stops"]

Array = npt.NDArray[np.float32]

_BYTES = 3 << 24
_RUNS = 4


def places_for(layers: int, largest_bytes: int) -> int:
    """Return how many layers to keep: as many as 48 MiB hold; more, where one would be run over 4 times."""
    places = max(_BYTES // largest_bytes, 1)
    while places < layers and math.comb(places + _RUNS, places) <= layers:
        places += 1
    return min(places, layers)


def stops(first: int, end: int, places: int) -> Iterator[int]:
    """Yield the layers to keep on the way from `first` to the one before `end`, which is the last of them.

    The fewest runs in all: where every layer has its place, each is kept.

    References
    ----------
    Griewank, "Achieving logarithmic growth of temporal and spatial complexity in reverse automatic
    differentiation", Optimization Methods and Software 1, 1992.
    """
    while first < end:
        stop = first + _passed(end - first, places)
        yield stop
        first, places = stop + 1, places - 1


def _passed(layers: int, places: int) -> int:
    """Return how many of so many layers to pass before the one to keep: they will be run again."""
    if layers <= places:
        return 0
    runs = 2
    while math.comb(places + runs, places) <= layers:
        runs += 1
    after = math.comb(places + runs - 1, places - 1) - 1
    return max(layers - 1 - after, math.comb(places + runs - 2, places) - 1)


def retraced(
    kept: dict[int, Array], places: int, run: Callable[[int, int, Array | None], Array]
) -> Iterator[Array]:
    """Yield z of every layer from the last to the first, and forget it.

    Parameters
    ----------
    kept : dict of int to ndarray
        z of the layers that `stops` names, first to last.
    places : int
        How many z may be kept at once.
    run : callable
        run(first, stop, z) returns the z of layer `stop` from that of the layer before `first`, None for the
        input.
    """
    held = list(kept.items())
    kept.clear()
    for at in reversed(range(held[-1][0] + 1)):
        last, z = held[-1] if held else (-1, None)
        for stop in stops(last + 1, at + 1, places - len(held)):
            z = run(last + 1, stop, z)
            held.append((stop, z))
            last = stop
        del z
        yield held.pop()[1]
