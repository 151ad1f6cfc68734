"""The built-in models with their sizes, as ``pyinit init --list`` shows them."""

from __future__ import annotations

from typing import Any

from ..checkpoint.families.builtin import BUILTIN
from ..checkpoint.families.lookup import find_spec
from ..checkpoint.sizes import readable_size
from ..text import aligned

__all__ = ["listing", "sizes"]

_MAGNITUDES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))


def sizes() -> list[dict[str, Any]]:
    """Return name, tensors, parameters, bytes and dtype of every built-in model."""
    specs = ((name, find_spec(name)) for name in BUILTIN)
    return [
        {
            "name": name,
            "tensors": len(spec.tensors),
            "parameters": spec.parameters,
            "bytes": spec.nbytes,
            "dtype": spec.tensors[0].dtype,
        }
        for name, spec in specs
    ]


def listing() -> str:
    """Return the table of the built-in models."""
    rows = [["model", "parameters", "dtype", "size", "tensors"]]
    for model in sizes():
        size = readable_size(model["bytes"])
        rows.append([model["name"], _count(model["parameters"]), model["dtype"], size, str(model["tensors"])])
    return "\n".join(aligned(rows, {1, 3, 4}))


def _count(number: int) -> str:
    """Return a number as a model's name has it: 124M, 1.1B."""
    for unit, letter in _MAGNITUDES:
        if number >= unit:
            return f"{number / unit:.3g}{letter}"
    return str(number)
