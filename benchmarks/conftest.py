"""The cases of `pyinit bench` under pytest-benchmark: `pytest benchmarks [--elements 2^26] [--threads N]`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import pyinit
from pyinit.cli.bench.cases import enter, races
from pyinit.cli.bench.command import elements
from pyinit.cli.bench.engine import forced

# One call of a small fill lasts microseconds, less than the clock's noise.
_SMALL_ELEMENTS = 1 << 16
_SMALL_ITERATIONS = 1000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--elements", type=elements, default=1 << 24, help="elements a pass (default 2^24)")
    parser.addoption("--threads", type=int, default=0, help="threads (default: each contender's own choice)")


@pytest.fixture
def race(
    request: pytest.FixtureRequest, benchmark: BenchmarkFixture, tmp_path: Path
) -> Callable[[str, str], None]:
    """Return a function that checks one contender's answer in a race, then times it."""

    def run(name: str, contender: str) -> None:
        cases = races(request.config.getoption("--elements"), request.config.getoption("--threads"))
        case = next(case for case in cases if case.name == name)
        entrants = enter(case, pyinit.info()["isa"], tmp_path, only=contender)
        if not entrants:
            pytest.skip(f"{contender} is not installed, or the machine cannot run it")
        (entrant,) = entrants
        benchmark.group = name
        benchmark.extra_info.update(
            elements=case.job.elements, detail=entrant.trial.detail, **entrant.trial.notes
        )
        iterations = _SMALL_ITERATIONS if case.job.elements <= _SMALL_ELEMENTS else 1
        with forced(entrant.contender.isa):
            benchmark.pedantic(entrant.trial.step, rounds=5, iterations=iterations)

    return run


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a benchmark one run per contender of the race that its function is named after."""
    if "contender" in metafunc.fixturenames:
        name = metafunc.function.__name__.removeprefix("test_")
        case = next(case for case in races(1, 0) if case.name == name)
        metafunc.parametrize(
            "contender",
            [each.name for each in (*case.engines, *case.peers)],
            ids=lambda each: each.replace(" ", "-"),
        )
