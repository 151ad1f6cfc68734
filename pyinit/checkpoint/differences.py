"""How two plans of checkpoints differ, in words."""

from __future__ import annotations

import json
from typing import Any

from ..stream.strict_json import shown

__all__ = ["Document", "difference"]

#: All that decides the bytes of a checkpoint, as JSON values.
Document = dict[str, Any]


def difference(one: Document, other: Document) -> str | None:
    """Return the first thing in which two documents differ, in words, or None."""
    # dicts of another order are equal
    if json.dumps(one) == json.dumps(other):
        return None
    # what follows from something else comes after it
    last = ("tensors", "ties", "config", "rules", "files", "extents")
    for name in (*(name for name in one if name not in last), *last):
        mine, theirs = one.get(name), other.get(name)
        if mine == theirs:
            continue
        if name == "tensors":
            return _tensors_differ(one[name], other[name])
        if name == "files":
            return f"it has {_amount(mine)}, not {_amount(theirs)}"
        if name == "extents":
            return "its extents are others"
        return f"{name} is {shown(mine)}, not {shown(theirs)}"
    return "its tensors or fields have another order"


def _amount(files: Any) -> str:
    most = max((nbytes for nbytes, _ in files.values()), default=0)
    return f"{len(files)} file{'s' * (len(files) != 1)} of at most {most} bytes"


def _tensors_differ(one: Document, other: Document) -> str:
    for name in one:
        if name not in other:
            return f"it has a tensor '{name}', which is missing here"
    for name in other:
        if name not in one:
            return f"it lacks the tensor '{name}'"
    name = next(name for name in one if one[name] != other[name])
    return f"tensor '{name}': {_differ(one[name], other[name])}"


def _differ(one: Any, other: Any, where: str = "") -> str:
    # a recipe is shown as a whole
    if where != "recipe" and isinstance(one, dict) and isinstance(other, dict):
        name = next(name for name in (*one, *other) if one.get(name) != other.get(name))
        return _differ(one.get(name), other.get(name), f"{where}.{name}".lstrip("."))
    return f"{where} is {shown(one)}, not {shown(other)}"
