"""Rules on streams and ties: tensors that have the same numbers, and one tensor that is drawn twice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...stream.dtypes import resolve
from .finding import Finding
from .subject import Seen, Subject

__all__ = ["double_ties", "reused_streams"]

# last parts of the names of embeddings and of output projections
_EMBEDDINGS = (
    *("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight"),
    *("embed_in.weight", "shared.weight", "embeddings.weight", "embedding.weight"),
)
_HEADS = ("lm_head.weight", "head.weight", "embed_out.weight", "output.weight", "decoder.weight")


def reused_streams(subject: Subject) -> Iterator[Finding]:
    """Find tensors that are drawn from one stream, or from streams that overlap."""
    drawn = [each for each in subject.tensors if each.key is not None and each.is_drawn]
    groups: dict[tuple[int, int], list[Seen]] = {}
    for tensor in drawn:
        assert tensor.key is not None
        groups.setdefault((tensor.key.seed, tensor.key.offset), []).append(tensor)
    for group in groups.values():
        if len(group) > 1:
            is_tie = _may_be_tied(subject, group)
            names = tuple(tensor.name for tensor in group)
            case, severity = ("tie", "info") if is_tie else ("", "error")
            yield Finding("reused stream", severity, names, case=case)
    yield from _overlaps({at: group[0] for at, group in groups.items()})


def _may_be_tied(subject: Subject, group: list[Seen]) -> bool:
    """Return whether tensors are equal and have the key that the name of one of them gives."""
    first = group[0]
    alike = all((each.shape, each.plan) == (first.shape, first.plan) for each in group)
    root = subject.root
    return alike and root is not None and any(root.fold_in(each.name) == each.key for each in group)


def _overlaps(tensors: dict[tuple[int, int], Seen]) -> Iterator[Finding]:
    last: tuple[int, int, int] | None = None
    before: Seen | None = None
    for (seed, offset), tensor in sorted(tensors.items(), key=lambda each: each[0]):
        if last is not None and before is not None and last[0] == seed and offset < last[2]:
            numbers = {"seed": seed, "shift": offset - last[1]}
            yield Finding("reused stream", "error", (before.name, tensor.name), numbers, "overlap")
        words = 2 if resolve(tensor.dtype).word_bits == 64 else 4
        last, before = (seed, offset, offset + math.ceil(math.prod(tensor.shape) / words)), tensor


def double_ties(subject: Subject) -> Iterator[Finding]:
    """Find embeddings and heads that the configuration ties, and that are drawn one by one."""
    if subject.config is None or subject.config.get("tie_word_embeddings") is not True:
        return
    random = [each for each in subject.tensors if each.is_drawn and len(each.shape) == 2]
    heads = [each for each in random if each.name.endswith(_HEADS)]
    tables = [each for each in random if each.name.endswith(_EMBEDDINGS) and each not in heads]
    for head in heads:
        table = next((each for each in tables if each.shape == head.shape), None)
        if table is not None and (table.key is None or table.key != head.key):
            numbers = {"first": head.name, "second": table.name}
            yield Finding("tied but drawn twice", "error", (head.name, table.name), numbers)
