"""Truncated normal draws."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_truncated_normal(race: Race, contender: str) -> None:
    race("truncated_normal", contender)
