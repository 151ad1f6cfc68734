"""Hundreds of names as a few patterns: what differs only in numbers is one."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["folded", "pattern_of"]


def pattern_of(name: str) -> str:
    """Return a name with a star for each part that is a number.

    Examples
    --------
    >>> pattern_of("model.layers.11.mlp.down_proj.weight")
    'model.layers.*.mlp.down_proj.weight'
    """
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def folded(names: Iterable[str]) -> dict[str, int]:
    """Return patterns with the number of names of each; a name that has none of its kind stays itself.

    Examples
    --------
    >>> folded(["h.0.attn.weight", "h.1.attn.weight", "layer.3.bias"])
    {'h.*.attn.weight': 2, 'layer.3.bias': 1}
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(pattern_of(name), []).append(name)
    return {pattern if len(each) > 1 else each[0]: len(each) for pattern, each in groups.items()}
