"""The guided tour: what initializations are known to do, in the order in which to meet it."""

from __future__ import annotations

from typing import Any

from .lesson import Lesson
from .lessons_size import LESSONS as OF_SIZE
from .lessons_structure import LESSONS as OF_STRUCTURE

__all__ = ["TOUR", "tour"]

TOUR: tuple[Lesson, ...] = (*OF_SIZE, *OF_STRUCTURE)
"""Every lesson, the first first."""


def tour() -> list[dict[str, Any]]:
    """Return the lessons as JSON values.

    Examples
    --------
    >>> tour()[0]["title"]
    {'en': 'Zeros stay equal', 'zh': '零初始化的对称性'}
    """
    return [one.to_dict() for one in TOUR]
