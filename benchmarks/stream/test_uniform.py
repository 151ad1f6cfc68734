"""Uniform draws."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_uniform(race: Race, contender: str) -> None:
    race("uniform", contender)
