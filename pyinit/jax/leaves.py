"""The leaves of a model: their names, and where each of them is placed."""

from __future__ import annotations

import sys
from typing import Any

import jax

__all__ = ["names_of", "places_of"]

_BOXES = (("flax.core.meta", "AxisMetadata"), ("flax.nnx.variablelib", "Variable"))
"""The classes that Flax wraps around a leaf; no tree holds one unless Flax was imported."""


def names_of(tree: Any) -> list[str]:
    """Return the name of every leaf: its path, joined with dots, without the steps into Flax's boxes."""
    boxes = tuple(getattr(sys.modules[module], name) for module, name in _BOXES if module in sys.modules)
    nodes = jax.tree.leaves_with_path(tree, is_leaf=lambda node: isinstance(node, boxes))
    names = []
    for path, node in nodes:
        inside = jax.tree.leaves_with_path(node)
        for inner, _ in inside:
            steps = path if len(inside) == 1 else (*path, *inner)
            names.append(jax.tree_util.keystr(steps, simple=True, separator="."))
    return names


def places_of(shardings: Any, tree: Any) -> list[Any]:
    """Return a sharding or None for every leaf; `shardings` is one, or a tree or prefix of a tree."""
    each: list[Any] = []

    def extend(place: Any, part: Any) -> None:
        each.extend([place] * len(jax.tree.leaves(part)))

    jax.tree.map(extend, shardings, tree, is_leaf=lambda node: node is None)
    return each
