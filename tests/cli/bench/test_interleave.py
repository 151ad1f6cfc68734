from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyinit.cli.bench import interleave as interleave_module
from pyinit.cli.bench.interleave import Turn, fastest, interleave, seconds


class Clock:
    """Time that passes only where a step says so: a busy machine must not decide these tests."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, duration: float) -> None:
        self.now += duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(interleave_module, "time", clock)
    return clock


def test_seconds_is_the_mean_of_the_calls(clock: Clock) -> None:
    durations = iter([1.0, 2.0, 6.0])
    assert seconds(lambda: clock.sleep(next(durations)), repeats=3) == 3.0


def test_fastest_takes_the_better_of_two_warm_calls(clock: Clock) -> None:
    first = iter([0.0, 5.0, 2.0])  # the untimed call is the quickest, and does not count
    second = iter([9.0, 3.0, 3.0])
    steps = {"first": lambda: clock.sleep(next(first)), "second": lambda: clock.sleep(next(second))}
    assert fastest(steps) == "first"


def test_contenders_take_turns_and_the_ring_is_rotated(clock: Clock) -> None:
    calls: list[str] = []

    def turn(name: str, duration: float) -> Turn:
        def step() -> None:
            calls.append(name)
            clock.sleep(duration)

        return Turn(step)

    table = interleave([turn("a", 0.1), turn("b", 0.2), turn("c", 0.4)], least=3, most=3)
    assert calls == [*"abc", *"abc", *"bca", *"cab"]
    assert table == [pytest.approx([0.1, 0.2, 0.4])] * 3


@pytest.mark.parametrize(
    ("duration", "repeats"), [(0.004, 25), (0.04, 2), (0.07, 1), (1.0, 1), (1e-6, 10_000)]
)
def test_short_steps_are_repeated(clock: Clock, duration: float, repeats: int) -> None:
    calls: list[str] = []
    table = interleave([Turn(lambda: (calls.append("x"), clock.sleep(duration)))], least=1, most=1)
    assert len(calls) == 1 + repeats
    assert table[0][0] == pytest.approx(duration)


def test_rounds_stop_at_the_budget(clock: Clock) -> None:
    def rounds(least: int, most: int, budget: float) -> int:
        return len(
            interleave([Turn(lambda: clock.sleep(0.1))], least=least, most=most, budget_seconds=budget)
        )

    assert rounds(2, 50, 0.2) == 2  # each round rests for 0.05 s and steps for 0.1 s
    assert rounds(2, 50, 0.35) == 3
    assert rounds(2, 50, 0.0) == 2
    assert rounds(1, 4, 100.0) == 4


def test_every_step_runs_inside_its_own_holding(clock: Clock) -> None:
    held: list[str] = []
    seen: list[list[str]] = []

    @contextmanager
    def holding() -> Iterator[None]:
        held.append("avx2")
        yield
        held.remove("avx2")

    def step() -> None:
        seen.append(list(held))
        clock.sleep(0.1)

    interleave([Turn(step, holding), Turn(step)], least=1, most=1)
    assert seen == [["avx2"], [], ["avx2"], []]
