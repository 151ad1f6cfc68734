"""Checks of single arguments: a number, a flag, a count of threads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ArgumentError, RecipeError

__all__ = ["brief", "check_threads", "flag", "number"]

# kMostThreads of csrc/threads.hpp
_MOST_THREADS = 4096


def check_threads(threads: Any) -> int | None:
    """Return the most threads to use as an int, or None as it is."""
    if threads is None:
        return None
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise ArgumentError(
            f"threads must be a positive integer; got {threads!r}. Leave it out for all CPUs."
        )
    return min(int(threads), _MOST_THREADS)


def number(what: str, value: Any, *, finite: bool = True) -> float:
    """Return a parameter as a float, without a negative zero; NaN is not valid."""
    if type(value) is float and value - value == 0.0:
        return value + 0.0
    # NumPy's complex numbers are floats, too, but for half of what they say
    is_other = isinstance(value, bool | np.bool_ | np.complexfloating)
    if is_other or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise RecipeError(f"{what} must be a number; got {brief(value)}. Use a float.")
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise RecipeError(f"{what} must be a number; got {brief(value)} ({error}). Use a float.") from None
    if math.isnan(result) or (finite and math.isinf(result)):
        kind = "a finite number" if finite else "a number"
        raise RecipeError(f"{what} must be {kind}; got {result}. Correct the recipe.")
    return result + 0.0


def flag(what: str, value: Any) -> bool:
    """Return a parameter that is True or False, and nothing that only counts as one of them."""
    if not isinstance(value, bool):
        raise RecipeError(f"{what} is True or False; got {brief(value)}. Use a bool.")
    return value


def brief(value: Any) -> str:
    """Return a value as a message shows it: in one line, and not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 100 else f"{text[:97]}..."
