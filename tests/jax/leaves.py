"""What a leaf of a tree of parameters should hold."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyinit as pi

__all__ = ["drawn", "holds"]


def drawn(
    recipe: pi.Recipe, shape: tuple[int, ...], *path: str | int, seed: int = 7, dtype: Any = "float32"
) -> Any:
    """Return what a recipe makes under a seed and a name, folded further."""
    key = pi.key(seed)
    for part in path:
        key = key.fold_in(part)
    return recipe(shape, key=key, dtype=dtype)


def holds(array: Any, value: float) -> bool:
    """Return whether every element is `value`."""
    return bool((np.asarray(array) == value).all())
