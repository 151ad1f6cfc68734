"""Square products of float32 in the fixed order."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_matmul_1024(race: Race, contender: str) -> None:
    race("matmul_1024", contender)


def test_matmul_2048(race: Race, contender: str) -> None:
    race("matmul_2048", contender)


def test_matmul_4096(race: Race, contender: str) -> None:
    race("matmul_4096", contender)
