"""Which module of Equinox a leaf belongs to, and how that module uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jax

from ..recipes.fans import Axes

__all__ = ["Owned", "axes_of_owners"]

Owned = tuple[Axes, bool]
"""The axes of a weight, and whether the axes that are not named are a receptive field."""


def axes_of_owners(tree: Any) -> list[Owned | None]:
    """Return, for every leaf, how its owner uses it; None where the owner is not known."""
    equinox = sys.modules.get("equinox")
    if equinox is None:
        return [None] * len(jax.tree.leaves(tree))
    known: dict[type, Callable[[Any, str, int], Owned | None]] = {
        equinox.nn.Linear: _linear,
        equinox.nn.Embedding: _table,
        equinox.nn.GRUCell: _cell,
        equinox.nn.LSTMCell: _cell,
        equinox.nn.Conv: _convolution,
        equinox.nn.ConvTranspose: _transposed,
    }
    owners = tuple(known)
    found: list[Owned | None] = []
    for node in jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, owners)):
        use = next((use for owner, use in known.items() if isinstance(node, owner)), None)
        for path, leaf in jax.tree.leaves_with_path(node):
            name = jax.tree_util.keystr(path, simple=True)
            found.append(None if use is None else use(node, name, len(getattr(leaf, "shape", ()))))
    return found


def _stack(rank: int, own: int) -> tuple[int, ...]:
    """Return the axes that vmap put before a weight of rank `own`."""
    return tuple(range(rank - own))


def _linear(module: Any, name: str, rank: int) -> Owned | None:
    return (Axes(layout="torch", batch_axis=_stack(rank, 2)), False) if name == "weight" else None


def _table(module: Any, name: str, rank: int) -> Owned | None:
    # the table is [rows, features]; the features are its inputs, as in the output layer that shares it
    return Axes(in_axis=rank - 1, out_axis=rank - 2, batch_axis=_stack(rank, 2)), False


def _cell(module: Any, name: str, rank: int) -> Owned | None:
    matrices = ("weight_ih", "weight_hh")
    return (Axes(layout="torch", batch_axis=_stack(rank, 2)), False) if name in matrices else None


def _convolution(module: Any, name: str, rank: int) -> Owned | None:
    if name != "weight":
        return None
    batch = _stack(rank, 2 + module.num_spatial_dims)
    return Axes(layout="torch", batch_axis=batch, groups=module.groups), True


def _transposed(module: Any, name: str, rank: int) -> Owned | None:
    # the weight is [out, in / groups, k...]; with groups no layout of `Axes` describes it
    if name != "weight" or module.groups != 1:
        return None
    batch = _stack(rank, 2 + module.num_spatial_dims)
    out_axis, in_axis = len(batch), len(batch) + 1
    axes = Axes(
        in_axis=in_axis, out_axis=out_axis, batch_axis=batch, transposed=True, stride=tuple(module.stride)
    )
    return axes, True
