"""Layers of which each takes what the one before it gives: those of a Sequential, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeGuard

from torch import nn

from ...checkpoint.lint.subject import Link
from ...theory.activation import spelled
from ..probing.nonlinearity import of_module

__all__ = ["rows_of"]

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_PASSING = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.Flatten, nn.Unflatten, nn.Identity)


def rows_of(module: nn.Module) -> Iterator[tuple[Link, ...]]:
    """Yield rows of linear layers and convolutions; whatever else stands between two ends a row."""
    inside: set[nn.Module] = set()
    for name, part in module.named_modules():
        if part not in inside and _is_plain(part):
            yield from _rows(list(_children(part, name, inside)))


def _is_plain(part: nn.Module) -> TypeGuard[nn.Sequential]:
    """Return whether a module runs its children one after another."""
    return isinstance(part, nn.Sequential) and type(part).forward is nn.Sequential.forward


def _children(part: nn.Sequential, name: str, inside: set[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    """Yield the children of a Sequential in order, those of Sequentials in it in their place."""
    for last, child in part.named_children():
        path = f"{name}.{last}" if name else last
        if _is_plain(child):
            inside.add(child)
            yield from _children(child, path, inside)
        else:
            yield path, child


def _rows(children: list[tuple[str, nn.Module]]) -> Iterator[tuple[Link, ...]]:
    row: list[Link] = []
    for name, child in children:
        if isinstance(child, _LAYERS):
            bias = None if child.bias is None else f"{name}.bias"
            row.append(Link(f"{name}.weight", bias, "linear"))
        elif isinstance(child, _PASSING):
            continue
        elif row and not any(True for _ in child.parameters()) and (phi := of_module(child)) is not None:
            known = None if phi.phi is None else spelled(phi.phi)
            # two activations in a row are none that theory knows
            row[-1] = replace(row[-1], phi=known if row[-1].phi == "linear" else None)
        else:
            if row:
                yield tuple(row)
            row = []
    if row:
        yield tuple(row)
