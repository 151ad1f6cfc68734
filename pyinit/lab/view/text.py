"""Text of at most 100 columns, and numbers of at most 8 characters."""

from __future__ import annotations

__all__ = ["WIDTH", "number"]

WIDTH = 100


def number(value: float | None) -> str:
    """Return a number in at most 8 characters."""
    if value is None:
        return ""
    texts = (f"{value:.{digits}g}" for digits in (4, 3, 2))
    plain = next((text for text in texts if len(text) <= 8 and "e" not in text), None)
    return f"{value:.1e}" if plain is None else plain
