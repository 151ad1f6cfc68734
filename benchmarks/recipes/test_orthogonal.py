"""Orthogonal matrices of float32: square, many small ones, tall and wide."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_orthogonal_1024x1024(race: Race, contender: str) -> None:
    race("orthogonal_1024x1024", contender)


def test_orthogonal_64x128x128(race: Race, contender: str) -> None:
    race("orthogonal_64x128x128", contender)


def test_orthogonal_4096x4096(race: Race, contender: str) -> None:
    race("orthogonal_4096x4096", contender)


def test_orthogonal_16384x1024(race: Race, contender: str) -> None:
    race("orthogonal_16384x1024", contender)


def test_orthogonal_1024x16384(race: Race, contender: str) -> None:
    race("orthogonal_1024x16384", contender)
