"""Tables as text: columns that are aligned, lines of at most 100 characters, numbers of at most 8."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["WIDTH", "aligned", "percent", "short"]

WIDTH = 100


def aligned(
    rows: Sequence[Sequence[str]],
    right: Collection[int] = (),
    *,
    widths: Sequence[int] | None = None,
    gap: int = 2,
    rule: bool = False,
) -> list[str]:
    """Return the lines of a table.

    Parameters
    ----------
    rows : sequence of sequences of str
        The cells; the first row holds the heads.
    right : collection of int
        The columns that are aligned to the right.
    widths : sequence of int, optional
        By default each column is as wide as its longest cell. A longer cell is cut, and ends in "…".
    gap : int
        Spaces between columns.
    rule : bool
        Whether a line of dashes follows the heads.
    """
    if widths is None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if rule:
        rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = []
    for row in rows:
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            text = cell if len(cell) <= width else cell[: width - 1] + "…"
            cells.append(text.rjust(width) if column in right else text.ljust(width))
        lines.append((" " * gap).join(cells).rstrip())
    return lines


def short(value: float | None) -> str:
    """Return a number in at most 8 characters; nothing for None."""
    if value is None:
        return ""
    texts = (f"{value:.{digits}g}" for digits in (4, 3, 2))
    plain = next((text for text in texts if len(text) <= 8 and "e" not in text), None)
    if plain is not None:
        return plain
    text = f"{value:.1e}"
    # -1e-300 has no room for a second digit
    return text if len(text) <= 8 else f"{value:.0e}"


def percent(value: float | None) -> str:
    """Return a share in percent; nothing for None."""
    return "" if value is None else f"{value:.0%}"
