"""A report as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from typing import TypeAlias

from ....text import WIDTH, aligned, percent, short
from ..record import LayerReport, Record

__all__ = ["table"]

_Column: TypeAlias = tuple[str, int, str]
_COLUMNS = (
    ("layer", 9, "<"),
    ("shape", 11, "<"),
    ("phi", 10, "<"),
    ("z mean", 8, ">"),
    ("z rms", 8, ">"),
    ("theory", 8, ">"),
    ("h rms", 8, ">"),
    ("flat", 5, ">"),
    ("dead", 5, ">"),
    ("grad rms", 8, ">"),
    ("verdict", 9, "<"),
)

# of a layer whose name is long: as wide as layer, shape and mean together
_NAME = sum(width for _, width, _ in (*_COLUMNS[:2], _COLUMNS[3])) + 2


def table(report: Record) -> str:
    """Return head, a line a layer, and the verdict."""
    title = f"{report.title}: " if report.title else ""
    inputs = report.inputs
    head = (
        f"{title}{report.rows} rows, input mean {short(inputs.mean)}, rms {short(inputs.second_moment**0.5)}"
    )
    if report.seed is not None:
        head += f", seed {report.seed}"
    if report.offset:
        head += f", offset {report.offset}"
    if report.loss is not None:
        head += f", loss {short(report.loss)}"
    columns: tuple[_Column, ...] = _COLUMNS
    rows = [_cells(layer) for layer in report.layers]
    if any(len(cells[0]) > _COLUMNS[0][1] for cells in rows):
        # names of modules take the place of shape and mean
        columns = (("layer", _NAME, "<"), _COLUMNS[2], *_COLUMNS[4:])
        rows = [[_end(cells[0]), cells[2], *cells[4:]] for cells in rows]
    heads, widths, sides = zip(*columns, strict=True)
    right = {column for column, side in enumerate(sides) if side == ">"}
    lines = textwrap.wrap(head, WIDTH) + aligned([heads, *rows], right, widths=widths, gap=1)
    return "\n".join([*lines, *textwrap.wrap(str(report.verdict), WIDTH, subsequent_indent="  ")])


def _cells(layer: LayerReport) -> list[str]:
    z, h = layer.moments["pre-activation"], layer.moments["activation"]
    gradient, theory = layer.moments.get("gradient"), layer.predictions.get("pre-activation")
    marks = ("n" if layer.norm else "") + ("+" if layer.branch is not None else "")
    return [
        layer.name.removeprefix("layers.") + (f" {marks}" if marks else ""),
        f"{layer.inputs}x{layer.units}",
        layer.activation,
        short(z.mean),
        short(z.second_moment**0.5),
        short(None if theory is None else theory.second_moment**0.5),
        short(h.second_moment**0.5),
        percent(z.saturated),
        percent(h.dead),
        short(None if gradient is None else gradient.second_moment**0.5),
        layer.verdict.kind,
    ]


def _end(name: str) -> str:
    return name if len(name) <= _NAME else "…" + name[1 - _NAME :]
