"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAILS", "FINE", "NOTE", "Finding"]

#: It is as it should be.
FINE = "fine"
#: It works, and something would be faster, or possible, if it were otherwise.
NOTE = "note"
#: It does not work.
FAILS = "fails"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    topic : str
        What it is, in a word or two.
    state : {"fine", "note", "fails"}
    found : str
        What was found, with its unit.
    advice : str
        What to do; "" where nothing is to be done.
    """

    topic: str
    state: str
    found: str
    advice: str = ""
