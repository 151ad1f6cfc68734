"""A whole run: every race in turn, contenders interleaved inside each."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import pyinit

from .cases import LIMITS, Entrant, Race, enter
from .engine import forced
from .interleave import Turn, interleave
from .machine import describe
from .record import RaceRecord, Ratio, Record, Sample


def run(
    races: Sequence[Race],
    *,
    elements: int,
    threads: int,
    directory: Path,
    rounds: int = 5,
    budget_seconds: float = 12.0,
    progress: Callable[[str], None] = lambda line: None,
) -> Record:
    """Run `races` one after the other and return their results.

    Parameters
    ----------
    races : sequence of Race
    elements, threads : int
        What the races were made with; recorded.
    directory : Path
        Where races on disk write.
    rounds : int
        The least number of rounds of each race.
    budget_seconds : float
        A race goes on for about this long, if its rounds are short.
    progress : callable
        Receives one line before and after each race.
    """
    machine = describe()
    record = Record(machine, threads or int(pyinit.info()["threads"]), elements)
    for race in races:
        progress(f"{race.name}: checking answers")
        entrants = enter(race, machine["isa"], directory)
        names = ", ".join(entrant.contender.name for entrant in entrants)
        progress(f"{race.name}: {names}")
        turns = [
            Turn(entrant.trial.step, functools.partial(forced, entrant.contender.isa)) for entrant in entrants
        ]
        table = interleave(turns, least=rounds, most=3 * rounds, budget_seconds=budget_seconds)
        record.races.append(summarize(race, entrants, table, machine["isa"]))
    return record


def summarize(race: Race, entrants: Sequence[Entrant], table: list[list[float]], isa: str) -> RaceRecord:
    """Return the samples and the ratios of a race from its table of seconds (rounds x entrants)."""
    result = RaceRecord(race.name, race.job.memory, race.job.dtype, race.job.elements)
    columns = list(zip(*table, strict=True))
    on_disk = race.job.memory == "disk"
    units = race.job.nbytes if on_disk else race.job.flops or race.job.elements
    for entrant, seconds in zip(entrants, columns, strict=True):
        contender = entrant.contender
        rate = units / statistics.median(seconds)
        unit = "B/s" if on_disk else "flop/s" if race.job.flops else "elements/s"
        result.samples.append(
            Sample(contender.name, entrant.trial.detail, contender.isa, seconds, rate, unit)
        )
        result.notes.update(entrant.trial.notes)
    engines = [index for index, entrant in enumerate(entrants) if entrant.contender in race.engines]
    for engine in engines:
        forced_isa = entrants[engine].contender.isa
        for peer, entrant in enumerate(entrants):
            if peer in engines:
                continue
            name = entrant.contender.name
            result.ratios.append(
                Ratio(
                    race.name,
                    race.job.memory,
                    f"{name} {entrant.trial.detail}".strip(),
                    forced_isa or isa,
                    tuple(row[peer] / row[engine] for row in table),
                    race.target(name, forced_isa),
                    "%" if name in LIMITS else "x",
                )
            )
    return result
