"""Checks of the arguments that torch's callers give."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import TensorNumberError

__all__ = ["number"]


def number(value: Any) -> float:
    """Return a number of a call: a float, or what torch takes for one; no text and no complex number."""
    try:
        if isinstance(value, str | bytes | bytearray):
            raise TypeError("text is no number")
        if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "cmMOSU":
            # of a complex number, float() takes the real part alone
            raise TypeError(f"{value.dtype} is no real number")
        return float(value)
    except (TypeError, ValueError) as error:
        raise TensorNumberError(
            f"an initializer's numbers are floats; got {value!r} ({error}). Use a float."
        ) from None
