"""What one experiment may ask of the machine that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...errors import ArgumentError
from ...stream.arguments import brief, is_integer

__all__ = ["LIMITS", "UPLOAD_BYTES", "check_size", "real", "whole"]

LIMITS: dict[str, tuple[float, float]] = {
    "depth": (1, 100),
    "width": (1, 512),
    "learning_rate": (1e-6, 100.0),
    "batch_size": (1, 1024),
    "steps": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
    "scale": (0.0, 1000.0),
    "sigma_b": (0.0, 10.0),
    "runs": (1, 4),
}
"""The least and the most of each number of an experiment."""

UPLOAD_BYTES = 16 << 20
"""The largest file that is taken."""

_PARAMETERS = 1 << 22
# multiply-adds of one forward pass: of a step's batch, and of all rows, which are scored each epoch
_BATCH = 1 << 29
_ROWS = 1 << 34


def whole(name: str, value: Any) -> int:
    """Return an integer within its limits."""
    least, most = LIMITS[name]
    if is_integer(value) and least <= value <= most:
        return int(value)
    raise _outside(name, value, "an integer")


def real(name: str, value: Any) -> float:
    """Return a number within its limits."""
    least, most = LIMITS[name]
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
        return float(value) + 0.0
    raise _outside(name, value, "a number")


def _outside(name: str, value: Any, kind: str) -> ArgumentError:
    least, most = LIMITS[name]
    return ArgumentError(
        f"{name} must be {kind} from {least:.12g} to {most:.12g}; got {brief(value)}. Choose one of these."
    )


def check_size(widths: Sequence[int], rows: int, batch_size: int) -> None:
    """Refuse a network of such widths that the lab would train too slowly to be watched.

    Raises
    ------
    ArgumentError
        If it has too many weights, alone or times the rows of a batch or of the data.
    """
    weights = sum(inputs * units for inputs, units in pairwise(widths))
    where = f"depth {len(widths) - 1} makes {weights:,} weights"
    if weights > _PARAMETERS:
        raise ArgumentError(f"{where}; the lab takes {_PARAMETERS:,}. Use a smaller width or depth.")
    size = min(batch_size, rows)
    if weights * size > _BATCH:
        raise ArgumentError(
            f"{where}, times {size} rows in a batch; the lab takes {_BATCH:,} multiplications. Use a "
            "smaller batch, width or depth."
        )
    if weights * rows > _ROWS:
        raise ArgumentError(
            f"{where}, times {rows} rows of data; the lab takes {_ROWS:,} multiplications. Use a smaller "
            "width or depth, or fewer rows."
        )
