"""A report as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from typing import TypeAlias

from ...view.text import WIDTH, number
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
        f"{title}{report.rows} rows, input mean {number(inputs.mean)}, "
        f"rms {number(inputs.second_moment**0.5)}"
    )
    if report.seed is not None:
        head += f", seed {report.seed}"
    if report.offset:
        head += f", offset {report.offset}"
    if report.loss is not None:
        head += f", loss {number(report.loss)}"
    columns: tuple[_Column, ...] = _COLUMNS
    rows = [_cells(layer) for layer in report.layers]
    if any(len(cells[0]) > _COLUMNS[0][1] for cells in rows):
        # names of modules take the place of shape and mean
        columns = (("layer", _NAME, "<"), _COLUMNS[2], *_COLUMNS[4:])
        rows = [[_end(cells[0]), cells[2], *cells[4:]] for cells in rows]
    lines = [*textwrap.wrap(head, WIDTH), _line([name for name, _, _ in columns], columns)]
    lines += [_line(cells, columns) for cells in rows]
    return "\n".join([*lines, *textwrap.wrap(str(report.verdict), WIDTH, subsequent_indent="  ")])


def _cells(layer: LayerReport) -> list[str]:
    z, h = layer.moments["pre-activation"], layer.moments["activation"]
    gradient, theory = layer.moments.get("gradient"), layer.predictions.get("pre-activation")
    marks = ("n" if layer.norm else "") + ("+" if layer.branch is not None else "")
    return [
        layer.name.removeprefix("layers.") + (f" {marks}" if marks else ""),
        f"{layer.inputs}x{layer.units}",
        layer.activation,
        number(z.mean),
        number(z.second_moment**0.5),
        number(None if theory is None else theory.second_moment**0.5),
        number(h.second_moment**0.5),
        _share(z.saturated),
        _share(h.dead),
        number(None if gradient is None else gradient.second_moment**0.5),
        layer.verdict.kind,
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _end(name: str) -> str:
    return name if len(name) <= _NAME else "…" + name[1 - _NAME :]


def _line(cells: list[str], columns: tuple[_Column, ...]) -> str:
    padded = []
    for cell, (_, width, side) in zip(cells, columns, strict=True):
        text = cell if len(cell) <= width else cell[: width - 1] + "…"
        padded.append(f"{text:{side}{width}}")
    return " ".join(padded).rstrip()
