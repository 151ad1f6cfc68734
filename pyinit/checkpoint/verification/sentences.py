"""One sentence for each kind of finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..sizes import readable_size

__all__ = ["sentence"]

Facts = Mapping[str, Any]


def sentence(kind: str, tensor: str | None, file: str | None, facts: Facts) -> str:
    """Return what a finding says, with the name of the tensor or file."""
    said = _SAID[kind](facts)
    return f"{file}: {said}" if tensor is None else f"{tensor}: {said}"


def _plural(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _header(facts: Facts) -> str:
    text = f"the header is not the one that was written; its first other byte is {facts['first']}"
    return text if facts["why"] is None else f"{text}, and it cannot be read: {facts['why']}"


def _dtype(facts: Facts) -> str:
    text = f"the dtype is {facts['found']}; {facts['expected']} was written"
    if facts["rounded"] is None:
        return text
    return f"{text}. The values are {'' if facts['rounded'] else 'not '}the expected ones converted"


def _corrupt(facts: Facts) -> str:
    first, last = facts["first"], facts["last"]
    if facts["bits"] == 1:
        return f"one bit is flipped, in byte {first}"
    where = f"byte {first}" if first == last else f"bytes {first} to {last}"
    text = f"{_plural(facts['differ'], 'byte')} of {facts['of']} compared differ, in {where}"
    if facts["zero"]:
        return f"{text}, and are zero: a range that never reached the disk?"
    return f"{text}: corrupt, or changed in part"


def _key(facts: Facts) -> str:
    if "name" in facts:
        return f"the values are those of the name '{facts['name']}' under the same key"
    if facts["folded"]:
        return f"the values are those of seed {facts['seed']}"
    return f"the values are those of the key {facts['seed']} itself, without the tensor's name"


def _values(facts: Facts) -> str:
    numbers = f"mean {facts['mean']:.6g} and std {facts['std']:.6g}"
    if facts["nonfinite"]:
        numbers += f" of what is finite ({facts['nonfinite']} numbers are not)"
    if facts["same_law"]:
        return (
            f"the values are others of the same mean and std ({numbers}): another seed or generator, or "
            "re-initialized after loading"
        )
    return (
        f"the values are others, with {numbers} where {facts['expected_mean']:.6g} and "
        f"{facts['expected_std']:.6g} were written: another recipe, or trained"
    )


_SAID: dict[str, Callable[[Facts], str]] = {
    "missing_file": lambda facts: "the file is missing",
    "extra_file": lambda facts: "the file is not of this checkpoint, and loaders may read it; move it away",
    "truncated_file": lambda facts: (
        f"the file is truncated: it has {facts['bytes']} bytes of {facts['expected']}"
    ),
    "longer_file": lambda facts: f"the file has {facts['bytes']} bytes; {facts['expected']} were written",
    "header": _header,
    "index": lambda facts: f"the index is not the one that was written: {facts['why']}",
    "text": lambda facts: (
        f"the file is not the one that was written (it has {readable_size(facts['bytes'])} now): edited, or "
        "saved again by a library"
    ),
    "missing": lambda facts: "the tensor is missing",
    "unexpected": lambda facts: "the receipt knows no such tensor",
    "shape": lambda facts: f"the shape is {tuple(facts['found'])}; {tuple(facts['expected'])} was written",
    "dtype": _dtype,
    "truncated": lambda facts: (
        f"truncated: {readable_size(facts['missing'])} of {readable_size(facts['bytes'])} are missing"
    ),
    "zeros": lambda facts: "all values are zero",
    "constant": lambda facts: f"all values are {facts['value']:.6g}",
    "rounded": lambda facts: f"the values are the expected ones rounded to {facts['to']}",
    "swapped": lambda facts: f"it holds what '{facts['holds']}' should hold",
    "key": _key,
    "recipe": lambda facts: f"the values are those of {facts['recipe']} under the same key",
    "scaled": lambda facts: (
        f"the values are {facts['factor']:.6g} times the expected ones: another gain or std"
    ),
    "changed": lambda facts: (
        f"the values are near the expected ones, off by {100 * facts['distance']:.3g} % (root mean square): "
        "trained, or computed elsewhere"
    ),
    "corrupt": _corrupt,
    "reinitialized": lambda facts: (
        f"the values are others, distributed as {facts['by']} begins them (std {facts['std']:.6g}, where "
        f"{facts['expected_std']:.6g} was written): re-initialized after loading"
    ),
    "values": _values,
    "checksum": lambda facts: (
        f"the CRC-32 is {facts['found']}; {facts['expected']} was written (the values cannot be made here)"
    ),
    "untied": lambda facts: f"it should share '{facts['owner']}', and is a tensor of its own",
    "unchecked": lambda facts: f"not checked: {facts['why']}",
}
