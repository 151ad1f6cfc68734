"""Reads a delimited text file into cells: encoding, delimiter, header, line numbers. It converts nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import DataError
from ..stream.strict_json import shown

__all__ = ["Table", "is_number", "read_table", "refuse"]

_DELIMITERS = ("\t", ";", "|", ",", " ")
_SAMPLE = 20


@dataclass(frozen=True)
class Table:
    """Rows of cells, the names of their columns, and the line on which each row begins."""

    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]


def refuse(where: str, faults: list[str], remedy: str) -> DataError:
    """Return the error that names the first three faults and counts the others."""
    more = "" if len(faults) <= 3 else f"; and {len(faults) - 3} more"
    return DataError(f"{where}: {'; '.join(faults[:3])}{more}. {remedy}")


def read_table(raw: bytes, where: str, header: bool | None, delimiter: str | None) -> Table:
    """Return the cells of a file's bytes.

    If `delimiter` is None, it is the one that cuts the first 20 rows into the most columns, the same number
    in each. If `header` is None, the first row is a header unless one of its cells is a number. Lines of
    blank cells are skipped.
    """
    text = _decoded(raw, where)
    if delimiter is None:
        delimiter = _delimiter(text, where)
    elif not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise DataError(
            f"a delimiter is one character, neither quote nor newline; got {delimiter!r}. Use ','."
        )
    if header not in (None, True, False):
        raise DataError(f"header is True, False or None to find out; got {header!r}. Choose one.")
    lines, rows = [], []
    for line, row in _records(text, delimiter, where):
        lines.append(line)
        rows.append(row)
    if not rows:
        raise DataError(f"{where} is empty; a row for each example is needed. Check what wrote it.")
    if header is None:
        header = not any(is_number(cell) for cell in rows[0])
    width = len(rows[0])
    faults = [
        f"line {line}: {width} columns are needed, as in line {lines[0]}; got {len(row)}"
        for line, row in zip(lines, rows, strict=True)
        if len(row) != width
    ]
    if faults:
        raise refuse(where, faults, "Complete these rows, or name the delimiter.")
    if not header:
        return Table(tuple(f"column {i + 1}" for i in range(width)), rows, lines)
    if len(rows) == 1:
        raise DataError(f"{where} has a header and no rows; give it rows, or header=False if line 1 is one.")
    names = tuple(cell.strip() or f"column {i + 1}" for i, cell in enumerate(rows[0]))
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise DataError(
            f"{where} names column {shown(twice[0])} twice; rename one, or header=False if line 1 is data."
        )
    return Table(names, rows[1:], lines[1:])


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, "inf" and "nan" included, and thus no column's name."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _decoded(raw: bytes, where: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{where} must be text in UTF-8; got UTF-16. Save it as UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where} must be text in UTF-8; line {line} has the byte 0x{error.object[error.start]:02x}. "
            "Save it as UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{where} must be text; line {line} has a zero byte. Give a CSV file or an npz file.")
    return text


def _records(text: str, delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which a record begins, and its cells; the delimiter " " matches any run of blanks."""
    if delimiter == " ":
        for i, line in enumerate(io.StringIO(text, newline=None)):
            if line.strip():
                yield i + 1, line.split()
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield begins, row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{where}, line {begins}: {error}. Check its quotes, or name the delimiter."
        ) from None


def _delimiter(text: str, where: str) -> str:
    best, most = "", 1
    for candidate in _DELIMITERS:
        widths = []
        try:
            for _, row in _records(text, candidate, where):
                widths.append(len(row))
                if len(widths) == _SAMPLE:
                    break
        except DataError:
            continue
        # blanks inside cells are common, so a space is the delimiter only where nothing else fits
        if len(set(widths)) == 1 and widths[0] > most and not (candidate == " " and best):
            best, most = candidate, widths[0]
    # rows of different lengths fit none: use the most usual, so that the error names the rows
    return best or next((candidate for candidate in (",", ";", "\t", "|") if candidate in text), ",")
