"""Gives each draw the key of the leaf that it belongs to, which follows from the leaf's name."""

from __future__ import annotations

from collections.abc import Sequence

from ...stream.key import Key
from .nodes import Node, sources

__all__ = ["streams"]


def streams(nodes: Sequence[Node], names: Sequence[str], root: Key) -> dict[int, Key]:
    """Return the key of every draw and of every JAX key that a leaf depends on, by the source's number.

    A source belongs to the first leaf that depends on it, so leaves that share a draw are tied. The first
    source of a leaf has the key of its name, ``root.fold_in(name)``; the others, in the order of the program,
    that key folded with 1, 2, ...
    """
    found: dict[int, Key] = {}
    for node, name in zip(nodes, names, strict=True):
        own = [source for source in sources(node) if source.number not in found]
        for position, source in enumerate(own):
            leaf = root.fold_in(name)
            found[source.number] = leaf.fold_in(position) if position else leaf
    return found
