"""Normal draws: float32, bfloat16, float64, fresh memory, and one small call."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_normal(race: Race, contender: str) -> None:
    race("normal", contender)


def test_normal_bfloat16(race: Race, contender: str) -> None:
    race("normal_bfloat16", contender)


def test_normal_float64(race: Race, contender: str) -> None:
    race("normal_float64", contender)


def test_normal_fresh(race: Race, contender: str) -> None:
    race("normal_fresh", contender)


def test_normal_64x64(race: Race, contender: str) -> None:
    race("normal_64x64", contender)
