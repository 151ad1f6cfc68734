"""Converts columns of cells to numbers, one-hot features or classes; errors name the line and the column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..stream.strict_json import shown
from .delimited import Table, refuse

__all__ = ["MISSING", "Frame", "frame"]

MISSING = ("", "?", "na", "n/a", "nan", "null", "none")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_LARGEST = float(np.finfo(np.float32).max)
# A column with more different words than this holds names or remarks, not categories.
_LEVELS = 100
_CLASSES = 1000

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """Inputs, targets and the place of each row in the file; NaN is a missing number, -1 a missing class."""

    inputs: Array
    targets: Array
    feature_names: Sequence[str]
    classes: Sequence[str]
    places: Sequence[str]
    # number of leading rows that are for training; None if the file does not tell
    train: int | None = None


def frame(
    table: Table,
    where: str,
    target: str | int | None,
    task: str | None,
    ignore: Sequence[str | int],
    categorical: str,
) -> Frame:
    """Convert every column that is not ignored."""
    at = _column(table, len(table.names) - 1 if target is None else target, "target", where)
    passed = {_column(table, name, "ignore", where) for name in ignore}
    used = [i for i in range(len(table.names)) if i != at and i not in passed]
    if at in passed or not used:
        raise DataError(
            f"{where} needs a target and at least one other column; got columns {shown(table.names)}, target "
            f"{shown(table.names[at])}, ignored {shown([table.names[i] for i in sorted(passed)])}. "
            "Name other ones, or the delimiter."
        )
    blocks, names, faults, words = [], [], [], []
    for i in used:
        cells = [row[i].strip() for row in table.rows]
        values, wrong = _numbers(cells)
        if not _categorical(values, wrong):
            faults += [(table.lines[k], _fault(table, k, i)) for k in wrong]
            blocks.append(values[:, None])
            names.append(table.names[i])
        elif categorical == "refuse":
            words.append(f"column {shown(table.names[i])} has words, as {shown(cells[wrong[0]])}")
        else:
            levels, codes = _levels(cells, table.names[i], where)
            blocks.append(np.where(codes[:, None] < 0, np.nan, codes[:, None] == np.arange(len(levels))))
            names += [f"{table.names[i]}={level}" for level in levels]
    cells = [row[at].strip() for row in table.rows]
    values, wrong = _numbers(cells)
    labels = _categorical(values, wrong)
    if not labels:
        faults += [(table.lines[k], _fault(table, k, at)) for k in wrong]
    elif task == "regression":
        raise DataError(
            f"{where}: target {shown(table.names[at])} has words, as {shown(cells[wrong[0]])}; a regression "
            "needs numbers. Use task='classification', or another target."
        )
    if words:
        raise refuse(where, words, "Use categorical='one-hot', or ignore these columns.")
    if faults:
        raise refuse(
            where, [text for _, text in sorted(faults)], "Correct these cells, or ignore their columns."
        )
    classes: list[str] = []
    targets: Array = values
    if labels or task == "classification":
        classes, targets = _classes(cells, labels, table.names[at], where)
    places = [f"line {line}" for line in table.lines]
    return Frame(np.concatenate(blocks, axis=1), targets, names, classes, places)


def _column(table: Table, wanted: Any, what: str, where: str) -> int:
    if isinstance(wanted, str) and wanted in table.names:
        return table.names.index(wanted)
    if (
        isinstance(wanted, int)
        and not isinstance(wanted, bool)
        and -len(table.names) <= wanted < len(table.names)
    ):
        return wanted % len(table.names)
    raise DataError(
        f"{what} must name a column of {where} or count from 0; got {wanted!r}. "
        f"Columns are {shown(table.names)}."
    )


def _fault(table: Table, row: int, column: int) -> str:
    return (
        f"line {table.lines[row]}, column {shown(table.names[column])}: a finite float32 number is needed; "
        f"got {shown(table.rows[row][column].strip())}"
    )


def _numbers(cells: list[str]) -> tuple[npt.NDArray[np.float64], list[int]]:
    """Return the numbers, NaN where one is missing or not valid, and the rows that are not valid."""
    joined = "".join(cells)
    # Python's float also reads 1_000 and digits of other scripts
    if joined.isascii() and "_" not in joined:
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            pass
        else:
            if not (np.abs(values) > _LARGEST).any():
                return values, []
    values, wrong = np.full(len(cells), np.nan), []
    for k, cell in enumerate(cells):
        if _NUMBER.fullmatch(cell) and abs(float(cell)) <= _LARGEST:
            values[k] = float(cell)
        elif cell.lower() not in MISSING:
            wrong.append(k)
    return values, wrong


def _categorical(values: npt.NDArray[np.float64], wrong: list[int]) -> bool:
    """Return whether words outnumber numbers; a few words among numbers are mistakes."""
    return bool(len(wrong) > np.count_nonzero(~np.isnan(values)))


def _levels(cells: list[str], name: str, where: str) -> tuple[list[str], npt.NDArray[np.int64]]:
    levels = sorted({cell for cell in cells if cell.lower() not in MISSING})
    if len(levels) > _LEVELS:
        raise DataError(
            f"{where}: column {shown(name)} has {len(levels)} different words; one-hot takes at most "
            f"{_LEVELS}. Ignore it."
        )
    number = {level: i for i, level in enumerate(levels)}
    return levels, np.array([number.get(cell, -1) for cell in cells])


def _classes(cells: list[str], words: bool, name: str, where: str) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Number the labels: words in alphabetical order, numbers by size; 1 and 1.0 are one class."""
    labels: list[Any] = [
        None
        if cell.lower() in MISSING
        else cell
        if words
        else int(cell)
        if _INTEGER.fullmatch(cell)
        else float(cell)
        for cell in cells
    ]
    known = sorted({label for label in labels if label is not None})
    if len(known) > _CLASSES:
        raise DataError(
            f"{where}: target {shown(name)} has {len(known)} different labels; at most {_CLASSES} are "
            "classes. Use task='regression', or another target."
        )
    number = {label: i for i, label in enumerate(known)}
    codes = np.array([-1 if label is None else number[label] for label in labels])
    return [str(label) for label in known], codes
