"""Trainings as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from ....text import WIDTH, aligned, short
from ..records import Record

__all__ = ["comparison_table", "history_table"]

_LABEL = 28
_COLUMNS = ("loss 0", "loss end", "train", "test", "h first", "h last", "dW first", "dW last")


def history_table(history: Record) -> str:
    """Return a head, one line for each score, and where the training diverged."""
    widths = "-".join(map(str, history.network.widths))
    head = (
        f"{history.data}, widths {widths}: {history.optimizer!r}, batches of {history.batch_size}, "
        f"{history.loss}"
    )
    rows = [["epoch", "step", "loss", "train", "test", f" {history.metric}"]]
    for score in history.scores:
        loss = history.losses[min(score.step, history.steps - 1)] if history.steps else None
        numbers = [short(value) for value in (loss, score.train, score.test)]
        rows.append([str(score.epoch), str(score.step), *numbers, ""])
    table = aligned(rows, range(5), widths=[5, 8, 8, 8, 8, len(rows[0][-1])], gap=1)
    lines = textwrap.wrap(head, WIDTH) + table
    if history.divergence is not None:
        lines.append(str(history.divergence))
    return "\n".join(lines)


def comparison_table(histories: Mapping[str, Record]) -> str:
    """Return one line for each training: first and last loss, last scores, the activations it began with."""
    first = next(iter(histories.values()))
    width = min(max(map(len, ["start", *histories])), _LABEL)
    head = (
        f"{first.data}: {first.optimizer!r}, batches of {first.batch_size}, {first.loss}; scores are "
        f"{first.metric}"
    )
    rows = [["start", *_COLUMNS]]
    rows += [[label, *map(short, _cells(history))] for label, history in histories.items()]
    widths = [width, *(8 for _ in _COLUMNS)]
    lines = textwrap.wrap(head, WIDTH) + aligned(rows, range(1, 9), widths=widths, gap=1)
    lines += [f"{label}: {one.divergence}" for label, one in histories.items() if one.divergence is not None]
    if any(history.snapshots for history in histories.values()):
        lines.append("at step 0: h, std of the first and last layer's activation; dW, norms of gradients")
    return "\n".join(lines)


def _cells(history: Record) -> list[float | None]:
    last = history.scores[-1]
    cells: list[float | None] = [float(history.losses[0]), float(history.losses[-1]), last.train, last.test]
    if not history.snapshots:
        return [*cells, None, None, None, None]
    begun = history.snapshots[0]
    norms = begun.gradient_norms()
    return [
        *cells,
        begun.layers[0]["activation"].std,
        begun.layers[-1]["activation"].std,
        norms[0],
        norms[-1],
    ]
