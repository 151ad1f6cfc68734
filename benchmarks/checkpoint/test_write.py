"""A checkpoint written, beside the same bytes written plainly."""

from __future__ import annotations

from collections.abc import Callable

Race = Callable[[str, str], None]


def test_write_checkpoint(race: Race, contender: str) -> None:
    race("write_checkpoint", contender)
