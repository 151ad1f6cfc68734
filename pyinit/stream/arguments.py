"""Checks of single arguments: an integer, a number, a share, a flag, a count of threads."""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from ..errors import ArgumentError, PyinitError, RecipeError

__all__ = ["brief", "check_threads", "count", "flag", "is_integer", "number", "share"]

# kMostThreads of csrc/threads.hpp
_MOST_THREADS = 4096


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer, Python's or NumPy's; a bool or an array of several is none."""
    # NumPy 2.2 takes its own bool for an index, with a warning
    if isinstance(value, (bool, np.bool_)):
        return False
    try:
        index(value)
    except TypeError:
        return False
    return True


def count(
    what: str,
    value: Any,
    least: int | None = 1,
    most: int | None = None,
    *,
    error: type[PyinitError] = RecipeError,
    advice: str = "Use an int.",
) -> int:
    """Return an integer as an int: at least `least`, at most `most`; None for no bound."""
    if is_integer(value):
        found = index(value)
        if (least is None or found >= least) and (most is None or found <= most):
            return found
    kind = "a positive integer" if (least, most) == (1, None) else "an integer"
    if most is not None:
        kind += f" in [{least}, {most}]"
    elif least not in (None, 1):
        kind += f" of at least {least}"
    raise error(f"{what} must be {kind}; got {brief(value)}. {advice}")


def check_threads(threads: Any) -> int | None:
    """Return the most threads to use as an int, or None as it is."""
    if threads is None:
        return None
    found = count("threads", threads, error=ArgumentError, advice="Leave it out for all CPUs.")
    return min(found, _MOST_THREADS)


def number(
    what: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    finite: bool = True,
    error: type[PyinitError] = RecipeError,
    advice: str = "Correct the recipe.",
) -> float:
    """Return a number as a float, without a negative zero; NaN is not valid."""
    if type(value) is float and value - value == 0.0:
        result = value
    else:
        if _is_other(value) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
            raise error(f"{what} must be a number; got {brief(value)}. Use a float.")
        try:
            result = float(value)
        except (TypeError, ValueError, OverflowError) as reason:
            raise error(f"{what} must be a number; got {brief(value)} ({reason}). Use a float.") from None
        if math.isnan(result) or (finite and math.isinf(result)):
            kind = "a finite number" if finite else "a number"
            raise error(f"{what} must be {kind}; got {result}. {advice}")
    if least is not None and result < least:
        raise error(f"{what} must be at least {least:g}; got {result!r}. {advice}")
    if above is not None and result <= above:
        raise error(f"{what} must be above {above:g}; got {result!r}. {advice}")
    return result + 0.0


def share(
    what: str,
    value: Any,
    interval: str = "[0, 1)",
    *,
    error: type[PyinitError] = RecipeError,
    advice: str = "Use a fraction.",
) -> float:
    """Return a number between 0 and 1; `interval` says which of the two ends is valid."""
    found = number(what, value, error=error, advice=advice)
    if 0 < found < 1 or (found == 0 and interval[0] == "[") or (found == 1 and interval[-1] == "]"):
        return found
    raise error(f"{what} must be in {interval}; got {found!r}. {advice}")


def flag(what: str, value: Any, *, error: type[PyinitError] = RecipeError) -> bool:
    """Return a parameter that is True or False; 0, 1 and NumPy's bools are refused."""
    if not isinstance(value, bool):
        raise error(f"{what} is True or False; got {brief(value)}. Use a bool.")
    return value


def _is_other(value: Any) -> bool:
    """Return whether float() would make a number of what is none: a bool, text, half of a complex number."""
    if isinstance(value, np.generic | np.ndarray):
        return value.dtype.kind in "bcmMOSU"
    return isinstance(value, bool)


def brief(value: Any) -> str:
    """Return the text of a value for a message: one line of at most 100 characters."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:
        # Python does not print an int of more than 4300 digits
        text = f"{type(value).__name__} that is too long to print"
    return text if len(text) <= 100 else f"{text[:97]}..."
