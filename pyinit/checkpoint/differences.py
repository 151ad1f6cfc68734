"""How two plans of checkpoints differ, in words."""

from __future__ import annotations

import json
from typing import Any

from ..stream.strict_json import finite, shown

__all__ = ["Document", "canonical", "difference"]

#: All that decides the bytes of a checkpoint, as JSON values.
Document = dict[str, Any]


def canonical(content: Document) -> str:
    """Return the one text of a document that its fingerprint is taken of."""
    return json.dumps(finite(content), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def difference(one: Document, other: Document) -> str | None:
    """Return the first thing in which two documents differ, in words, or None."""
    if (text := canonical(one)) == (another := canonical(other)):
        return None
    one, other = json.loads(text), json.loads(another)
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


def _amount(files: Document) -> str:
    most = max((nbytes for nbytes, _ in files.values()), default=0)
    return f"{len(files)} files of at most {most} bytes"


def _tensors_differ(one: Document, other: Document) -> str:
    for name in one:
        if name not in other:
            return f"it has a tensor '{name}', which is missing here"
        if found := _differ(one[name], other[name]):
            return f"tensor '{name}' has {found}"
    return f"it lacks the tensor '{next(name for name in other if name not in one)}'"


def _differ(one: Any, other: Any, where: str = "") -> str | None:
    if one == other:
        return None
    if isinstance(one, dict) and isinstance(other, dict):
        for name in (*one, *other):
            if found := _differ(one.get(name), other.get(name), f"{where} {name}".strip()):
                return found
    return f"{where} {shown(one)}, not {shown(other)}"
