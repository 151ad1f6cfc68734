"""What pyinit and torch call alike: dtypes, and the axes of a weight as torch stores it."""

from __future__ import annotations

from functools import lru_cache

import torch

from ..recipes.composite import Composite
from ..recipes.fans import Axes
from ..recipes.recipe import Recipe
from ..recipes.rules import fitted
from ..stream.dtypes import FLOATS
from ..stream.dtypes import FORMATS as NAMES
from ..stream.window import Shape

__all__ = ["FLOATING", "FORMATS", "as_stored"]

FORMATS = {getattr(torch, name): name for name in NAMES}
"""The dtypes that pyinit writes, with its names for them."""

FLOATING = frozenset(getattr(torch, name) for name in FLOATS)
"""Those that torch draws and computes in everywhere: neither float8 nor complex numbers."""


def as_stored(recipe: Recipe, shape: Shape) -> Recipe:
    """Return a recipe that reads a weight as torch stores it, unless it names axes itself."""
    is_read = hasattr(recipe, "layout") or isinstance(recipe, Composite)
    return _laid_out(recipe, shape) if is_read else recipe


@lru_cache(maxsize=1024)
def _laid_out(recipe: Recipe, shape: Shape) -> Recipe:
    return fitted(recipe, Axes(layout="torch"), shape)
