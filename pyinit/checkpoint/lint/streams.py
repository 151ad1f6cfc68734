"""Rules on streams and ties: tensors that have the same numbers, and one tensor that is drawn twice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...stream.dtypes import resolve
from .finding import LintFinding
from .subject import Seen, Subject

__all__ = ["double_ties", "reused_streams"]

# last parts of the names of embeddings and of output projections
_EMBEDDINGS = (
    *("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight"),
    *("embed_in.weight", "shared.weight", "embedding.weight"),
)
_HEADS = ("lm_head.weight", "head.weight", "embed_out.weight", "output.weight", "predictions.decoder.weight")


def reused_streams(subject: Subject) -> Iterator[LintFinding]:
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
            yield LintFinding("reused stream", severity, names, case=case)
    yield from _overlaps({at: group[0] for at, group in groups.items()})


def _may_be_tied(subject: Subject, group: list[Seen]) -> bool:
    """Return whether tensors are equal and have the key that the name of one of them gives."""
    first = group[0]
    alike = all((each.shape, each.plan) == (first.shape, first.plan) for each in group)
    root = subject.root
    return alike and root is not None and any(root.fold_in(each.name) == each.key for each in group)


def _overlaps(tensors: dict[tuple[int, int], Seen]) -> Iterator[LintFinding]:
    last: tuple[int, int, int] | None = None
    before: Seen | None = None
    for (seed, offset), tensor in sorted(tensors.items(), key=lambda each: each[0]):
        if last is not None and before is not None and last[0] == seed and offset < last[2]:
            numbers = {"seed": seed, "shift": offset - last[1]}
            yield LintFinding("reused stream", "error", (before.name, tensor.name), numbers, "overlap")
        words = 2 if resolve(tensor.dtype).word_bits == 64 else 4
        last, before = (seed, offset, offset + math.ceil(math.prod(tensor.shape) / words)), tensor


def double_ties(subject: Subject) -> Iterator[LintFinding]:
    """Find tied tensors that are drawn one by one, such as an embedding and a head."""
    pairs = _of_config(subject) if subject.ties is None else subject.ties.items()
    for name, owner in pairs:
        first, second = subject.by_name.get(name), subject.by_name.get(owner)
        if first is None or second is None or not (first.is_drawn and second.is_drawn):
            continue
        if first.key is None or first.key != second.key:
            case = "config" if subject.ties is None else ""
            numbers = {"first": name, "second": owner}
            yield LintFinding("tied but drawn twice", "error", (name, owner), numbers, case)


def _of_config(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield head and embedding by their names, if the configuration ties them."""
    if subject.config is None or subject.config.get("tie_word_embeddings") is not True:
        return
    matrices = [each for each in subject.tensors if len(each.shape) == 2]
    for head in matrices:
        if head.name.endswith(_HEADS):
            tables = (
                each for each in matrices if each.name.endswith(_EMBEDDINGS) and each.shape == head.shape
            )
            if (table := next(tables, None)) is not None:
                yield head.name, table.name
