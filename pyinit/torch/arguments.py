"""Checks of the arguments that torch's callers give."""

from __future__ import annotations

from typing import Any

from .errors import TensorNumberError

__all__ = ["number"]


def number(value: Any) -> float:
    """Return a number of a call: a float, or what torch takes for one; never text."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError("text is no number")
        return float(value)
    except (TypeError, ValueError) as error:
        raise TensorNumberError(
            f"an initializer's numbers are floats; got {value!r} ({error}). Use a float."
        ) from None
