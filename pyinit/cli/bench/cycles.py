"""Cycles an element of each float32 fill on one thread, beside what a model of the ports says."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import pyinit as pi

from ... import _core
from .engine import KEY, forced

# A product of 64 bits takes this long on Intel since 2008 and on AMD since Zen 2, and about as long on the
# large cores of Arm.
_CYCLES_A_PRODUCT = 3
_PRODUCTS = 20_000
# 256 KiB of float32 stay in the second cache, and in the first of none.
_SIDE = 256
_TURNS = 40


@dataclass(frozen=True)
class Fill:
    """A fill that is measured: `shape` elements of the tensor `whole` by `recipe`.

    Parameters
    ----------
    name : str
        As `benchmarks/ports.sh` calls it, if its model knows the fill.
    recipe : pyinit.Recipe
    base : str
        The fill whose cycles are subtracted, or "".
    shape, whole : tuple of int
    """

    name: str
    recipe: pi.Recipe
    base: str = ""
    shape: tuple[int, ...] = (_SIDE, _SIDE)
    whole: tuple[int, ...] = (_SIDE, _SIDE)

    def step(self) -> Callable[[], Any]:
        """Return what fills the elements once."""
        out = np.zeros(self.shape, np.float32)
        window = pi.Window((0,) * len(self.whole), self.whole)
        return lambda: pi.fill(out, self.recipe, key=KEY, window=window, threads=1)


FILLS = (
    Fill("uniform", pi.uniform()),
    Fill("normal", pi.normal()),
    Fill("truncated", pi.truncated_normal()),
    Fill("chance zeros", pi.sparse(0.5, 1.0, exact=False), "normal"),
    Fill("column zeros", pi.sparse(0.5, 1.0), "normal"),
    Fill("rows of 16", pi.normal(), "", (4096, 16), (4096, 48)),
    Fill("rows of 34", pi.normal(), "", (2048, 34), (2048, 68)),
)


@dataclass(frozen=True)
class Cycles:
    """Cycles an element of one fill on one instruction set.

    Parameters
    ----------
    fill, isa : str
    measured : tuple of float
        One figure a turn.
    model : dict of str to (float, float)
        Processor to (what its ports allow, simulated with the waiting).
    """

    fill: str
    isa: str
    measured: tuple[float, ...]
    model: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median over the turns."""
        return statistics.median(self.measured)

    @property
    def middle_half(self) -> tuple[float, float]:
        """The quartiles, between which half of the turns lie."""
        lower, _, upper = statistics.quantiles(self.measured, n=4)
        return lower, upper


class PortsError(ValueError):
    """A file is not what `benchmarks/ports.sh --lines` prints."""


def read_model(path: Path) -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """Return (instruction set, fill) to processor to (ports, simulated) from what `ports.sh --lines` printed.

    Raises
    ------
    PortsError
        If a line has another form.
    """
    model: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            isa, fill, processor, ports, simulated = line.split("|")
            figures = (float(ports), float(simulated))
        except ValueError:
            raise PortsError(
                f"{path}, line {number}: needs isa|fill|processor|ports|simulated; got {line!r}. "
                "Make it with `bash benchmarks/ports.sh --lines`."
            ) from None
        model.setdefault((isa, fill), {})[processor] = figures
    return model


def measure(
    isas: Sequence[str], model: dict[tuple[str, str], dict[str, tuple[float, float]]] | None = None
) -> list[Cycles]:
    """Return the cycles of every fill on every instruction set of `isas`, one thread, output in the cache.

    Notes
    -----
    A turn is one fill between two chains of products, whose time gives the clock rate at that moment. The
    time of the same call for a single row is subtracted: it is what a call costs before its first element.
    """
    found = []
    for isa in isas:
        with forced(isa):
            turns = {fill.name: _turns(fill) for fill in FILLS}
        for fill in FILLS:
            measured = turns[fill.name]
            if fill.base:
                base = statistics.median(turns[fill.base])
                measured = [cycles - base for cycles in measured]
            known = {} if model is None else model.get((isa, fill.name), {})
            found.append(Cycles(fill.name, isa, tuple(measured), known))
    return found


def _turns(fill: Fill) -> list[float]:
    whole = fill.step()
    row = Fill(fill.name, fill.recipe, "", (1, *fill.shape[1:]), fill.whole).step()
    elements = (fill.shape[0] - 1) * fill.shape[1]
    whole(), row()
    figures = []
    for _ in range(_TURNS):
        before, call, filled, after = (_seconds(step) for step in (_chain, row, whole, _chain))
        cycle = (before + after) / (2 * _CYCLES_A_PRODUCT * _PRODUCTS)
        figures.append((filled - call) / cycle / elements)
    return figures


def _chain() -> None:
    _core.multiply_in_turn(_PRODUCTS)


def _seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
