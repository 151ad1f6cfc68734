"""Variances between which fixed points are looked for, and an activation's moments at each."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ..errors import RecipeError
from .activation import Activation
from .domain import Values
from .moments import second_moment, slope_moment

__all__ = ["EQUAL", "GRID", "moments_on_grid"]

_PER_DECADE = 4
GRID = np.logspace(-24.0, 24.0, 48 * _PER_DECADE + 1)
"""From 1e-24 to 1e24, four a decade."""
EQUAL = 1e-10
"""What rounding and quadrature leave of an equality."""
_OSCILLATING = 1e4


@lru_cache(maxsize=32)
def moments_on_grid(phi: Activation) -> tuple[Values, Values]:
    """Return E phi^2 and E phi'^2 on the grid; what overflows is infinite."""
    return _on_grid(second_moment, phi), _on_grid(slope_moment, phi)


def _on_grid(moment: Callable[[Activation, Values], Values], phi: Activation) -> Values:
    try:
        found = moment(phi, GRID)
    except RecipeError:
        # what oscillates for ever follows a power in the mean, long before it cannot be integrated
        inside = GRID <= _OSCILLATING
        held = moment(phi, GRID[inside])
        power = round(math.log10(held[-1] / held[-1 - _PER_DECADE]))
        found = np.append(held, held[-1] * (GRID[~inside] / GRID[inside][-1]) ** power)
    return np.where(np.isnan(found), np.inf, found)
