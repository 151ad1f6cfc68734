"""What a run measured: samples of each contender, and the ratios inside each round."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import Any

from .cycles import Cycles


@dataclass(frozen=True)
class Ratio:
    """Peer's seconds over pyinit's, round by round: above 1 pyinit is faster.

    Parameters
    ----------
    race : str
        Name of the race, for example "normal".
    memory : {"warm", "fresh", "disk"}
    against : str
        The peer, with the generator it chose if it has several.
    isa : str
        Instruction set pyinit ran on.
    rounds : tuple of float
        One ratio per round.
    target : float or None
        The least median required.
    unit : {"x", "%"}
        A multiple of a peer's speed, or a share of what the machine allows.
    """

    race: str
    memory: str
    against: str
    isa: str
    rounds: tuple[float, ...]
    target: float | None
    unit: str = "x"

    @property
    def median(self) -> float:
        """Median over the rounds."""
        return statistics.median(self.rounds)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without a target."""
        return None if self.target is None else self.median >= self.target

    def show(self, value: float) -> str:
        """Return `value` in the ratio's unit."""
        return f"{100 * value:.0f} %" if self.unit == "%" else f"{value:.3g}x"


@dataclass(frozen=True)
class Sample:
    """One contender's seconds in each round of a race.

    Parameters
    ----------
    rate : float
        Elements per second at the median; bytes for a race on disk, floating-point operations for a product.
    """

    contender: str
    detail: str
    isa: str | None
    seconds: tuple[float, ...]
    rate: float
    rate_unit: str


@dataclass
class RaceRecord:
    """The results of one race."""

    name: str
    memory: str
    dtype: str
    elements: int
    samples: list[Sample] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Record:
    """A whole run."""

    machine: dict[str, Any]
    threads: int
    elements: int
    races: list[RaceRecord] = field(default_factory=list)
    cycles: list[Cycles] = field(default_factory=list)

    def ratios(self) -> list[Ratio]:
        """Return the ratios of all races, in order."""
        return [ratio for race in self.races for ratio in race.ratios]

    def to_json(self) -> dict[str, Any]:
        """Return the run as JSON-able data, medians and extremes included."""
        data = asdict(self)
        for race, content in zip(self.races, data["races"], strict=True):
            for ratio, entry in zip(race.ratios, content["ratios"], strict=True):
                entry.update(
                    median=ratio.median, lowest=min(ratio.rounds), highest=max(ratio.rounds), met=ratio.met
                )
        for cycles, entry in zip(self.cycles, data["cycles"], strict=True):
            entry.update(median=cycles.median)
        return data
