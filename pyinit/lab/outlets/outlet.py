"""`Outlet`: what takes the samples of a training; and the series and pictures that outlets have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..live.film import Film
from ..live.scalars import SCALARS
from ..probe.record import LayerReport
from ..probe.report import Report
from ..view.heat import heat

__all__ = ["TITLES", "Call", "Outlet", "Pictures", "numbers_of"]

TITLES = {
    "activation": "activation rms",
    "gradient": "gradient rms",
    "update ratio": "update over weight",
    "saturated": "saturated share",
    "dead": "dead share",
}
"""How outlets call the numbers that are followed over time."""

# a picture is made again when there are so many times the steps of the last one
_GROWTH = 1.5


class Outlet(Protocol):
    """What takes the samples of a training."""

    def write(self, step: int, report: Report, film: Film) -> None:
        """Take a sample; the film has it already."""

    def close(self, film: Film) -> None:
        """Take what is left to take: the training is over."""


class Call:
    """An outlet that calls a function with each step and its report."""

    def __init__(self, function: Callable[[int, Report], Any]) -> None:
        self._function = function

    def write(self, step: int, report: Report, film: Film) -> None:
        """Call the function."""
        self._function(step, report)

    def close(self, film: Film) -> None:
        """Do nothing."""


def numbers_of(layer: LayerReport) -> Iterator[tuple[str, float]]:
    """Yield the title and the value of each number that a layer has."""
    for name, of in SCALARS.items():
        value = of(layer)
        if value == value:
            yield TITLES[name], value


class Pictures:
    """The pictures of all layers over time, made again now and then while a training goes on."""

    def __init__(self) -> None:
        self._drawn = 0

    def due(self, film: Film, *, is_last: bool = False) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
        """Yield the title and the picture of each number, (height, width, 3), if it is time for them."""
        columns = len(film.steps)
        least = self._drawn + 1 if is_last else self._drawn * _GROWTH
        if not columns or columns < least:
            return
        self._drawn = columns
        for name, title in TITLES.items():
            values = film.over_time(name)
            if np.isfinite(values).any():
                yield title, heat(values, name)
