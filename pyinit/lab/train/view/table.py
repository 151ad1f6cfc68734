"""Trainings as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from ...view.text import WIDTH, number
from ..records import Record

__all__ = ["comparison_table", "history_table"]

_LABEL = 28
_COLUMNS = ("loss 0", "loss end", "train", "test", "h first", "h last", "dW first", "dW last")


def history_table(history: Record) -> str:
    """Return head, a line a score, and where it broke."""
    widths = "-".join(map(str, history.network.widths))
    head = (
        f"{history.data}, widths {widths}: {history.optimizer!r}, batches of {history.batch_size}, "
        f"{history.loss}"
    )
    columns = f"{'epoch':>5} {'step':>8} {'loss':>8} {'train':>8} {'test':>8}  {history.metric}"
    lines = [*textwrap.wrap(head, WIDTH), columns]
    for score in history.scores:
        loss = history.losses[min(score.step, history.steps - 1)] if history.steps else None
        lines.append(
            f"{score.epoch:>5} {score.step:>8} {number(loss):>8} {number(score.train):>8} "
            f"{number(score.test):>8}".rstrip()
        )
    if history.divergence is not None:
        lines.append(str(history.divergence))
    return "\n".join(lines)


def comparison_table(histories: Mapping[str, Record]) -> str:
    """Return a line a training: first and last loss, last scores, the spread of activations it began with."""
    first = next(iter(histories.values()))
    width = min(max(map(len, ["start", *histories])), _LABEL)
    head = (
        f"{first.data}: {first.optimizer!r}, batches of {first.batch_size}, {first.loss}; scores are "
        f"{first.metric}"
    )
    names = " ".join(f"{name:>8}" for name in _COLUMNS)
    lines = [*textwrap.wrap(head, WIDTH), f"{'start':<{width}} {names}"]
    for label, history in histories.items():
        text = label if len(label) <= width else label[: width - 1] + "…"
        cells = " ".join(f"{number(value):>8}" for value in _cells(history))
        lines.append(f"{text:<{width}} {cells}".rstrip())
    lines += [f"{label}: {one.divergence}" for label, one in histories.items() if one.divergence is not None]
    if any(history.snapshots for history in histories.values()):
        lines.append("at step 0: h, std of the first and last layer's activation; dW, norms of gradients")
    return "\n".join(lines)


def _cells(history: Record) -> list[float | None]:
    last = history.scores[-1]
    cells: list[float | None] = [float(history.losses[0]), float(history.losses[-1]), last.train, last.test]
    if history.snapshots:
        begun = history.snapshots[0]
        norms = begun.gradient_norms()
        cells += [begun.layers[0]["activation"].std, begun.layers[-1]["activation"].std, norms[0], norms[-1]]
    return cells
