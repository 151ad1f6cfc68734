"""The clock: contenders take turns, A B A B, so that a drift of the machine affects all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

# A turn shorter than this is repeated: one page fault or timer interrupt must not decide it.
_SHORTEST_TURN_SECONDS = 0.1

# Other libraries' worker threads spin after a call, OpenBLAS' for 2^26 cycles (some 30 ms); the next one must
# begin without them.
_REST_SECONDS = 0.05


@dataclass(frozen=True)
class Turn:
    """One contender in the ring: its step, and what must hold while it runs."""

    step: Callable[[], Any]
    holding: Callable[[], AbstractContextManager[Any]] = nullcontext


def seconds(step: Callable[[], Any], repeats: int = 1) -> float:
    """Return the mean seconds of `repeats` calls; what a call returns is freed outside the clock."""
    total = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        made = step()
        total += time.perf_counter() - start
        del made
    return total / repeats


def fastest(steps: Mapping[str, Callable[[], Any]]) -> str:
    """Return the name of the step with the smallest time of two, after one untimed call each."""
    for step in steps.values():
        step()
    return min(steps, key=lambda name: min(seconds(steps[name]) for _ in range(2)))


def interleave(
    turns: Sequence[Turn], *, least: int = 5, most: int = 15, budget_seconds: float = 12.0
) -> list[list[float]]:
    """Run all turns in rounds and return one row of seconds per round, one column per turn.

    Parameters
    ----------
    turns : sequence of Turn
        Each has been warmed up by its answer check.
    least, most : int
        Bounds on the number of rounds.
    budget_seconds : float
        No round starts after this much time, once `least` rounds are done.

    Notes
    -----
    The ring is rotated by one each round, so that no contender always follows the same one.
    """
    repeats = []
    for turn in turns:
        with turn.holding():
            repeats.append(max(1, min(10_000, round(_SHORTEST_TURN_SECONDS / seconds(turn.step)))))
    rounds: list[list[float]] = []
    start = time.perf_counter()
    while len(rounds) < least or (len(rounds) < most and time.perf_counter() - start < budget_seconds):
        row = [0.0] * len(turns)
        for place in range(len(turns)):
            which = (place + len(rounds)) % len(turns)
            time.sleep(_REST_SECONDS)
            with turns[which].holding():
                row[which] = seconds(turns[which].step, repeats[which])
        rounds.append(row)
    return rounds
