"""`Film`: what was seen of a training that the lab does not run itself, as messages and frames for the page.

A film holds a bounded number of shots; where it is full, every second one is dropped, and from then on every
second one is kept. What is followed over time is kept likewise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import ArgumentError
from ...linalg.statistics import Moments
from ..experiment.experiment import Experiment
from ..probe.measure.axes import ends
from ..probe.record import LayerReport
from ..probe.report import Report
from .frames import encoded
from .run import BINS, SEEN
from .scalars import SCALARS

__all__ = ["Film"]

Array = npt.NDArray[Any]

_SIZES = {"counts": BINS, "edges": 2, "moments": 5}


@dataclass(frozen=True, eq=False)
class _Shot:
    """A step, as arrays of the layers that were called in it."""

    step: int
    names: tuple[str, ...]
    arrays: dict[str, Array]
    scalars: Array
    verdict: dict[str, Any]


class Film:
    """The record of a training, step by step, that `pi.lab` shows.

    Parameters
    ----------
    label : str
        What the page calls it.
    most : int
        The most shots that are kept.

    Attributes
    ----------
    report : Report or None
        The newest.
    """

    def __init__(self, label: str, most: int = 512) -> None:
        self.label = label
        self.report: Report | None = None
        self._most, self._each, self._count = most, 1, 0
        self._shots: list[_Shot] = []
        self._layers: dict[str, LayerReport] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that are kept."""
        return tuple(one.step for one in self._shots)

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers, in the order in which they are called."""
        return tuple(self._layers)

    def add(self, step: int, report: Report) -> None:
        """Add what was seen of a step."""
        self.report = report
        self._layers = _joined(self._layers, report.layers)
        if self._count % self._each == 0:
            if len(self._shots) == self._most:
                del self._shots[1::2]
                self._each *= 2
            if self._count % self._each == 0:
                self._shots.append(_shot(step, report))
        self._count += 1
        for listener in tuple(self._listeners):
            listener()

    def follow(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each shot, until what is returned is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def over_time(self, scalar: str) -> Array:
        """Return one number of every layer at every step that is kept, (layers, steps).

        Parameters
        ----------
        scalar : {"activation", "gradient", "update ratio", "saturated", "dead"}
            The rms of activations; that of gradients; the rms of the weights' update over that of the
            weights; shares. nan where a layer has none.

        Raises
        ------
        ArgumentError
            If there is no such number.
        """
        if scalar not in SCALARS:
            raise ArgumentError(f"over time there is one of {', '.join(SCALARS)}; got {scalar!r:.60}.")
        at = list(SCALARS).index(scalar)
        found = np.full((len(self._layers), len(self._shots)), np.nan)
        rows = {name: row for row, name in enumerate(self._layers)}
        for column, shot in enumerate(self._shots):
            found[[rows[name] for name in shot.names], column] = shot.scalars[:, at]
        return found

    def ready(self, *, is_live: bool) -> dict[str, Any]:
        """Return what a page needs to know before the first frame, as JSON values."""
        layers = [
            {
                "name": name,
                "inputs": one.inputs,
                "units": one.units,
                "activation": one.activation,
                "recipe": one.recipe,
                "norm": one.norm,
                "branch": one.branch,
            }
            for name, one in self._layers.items()
        ]
        run = {"label": self.label, "recipe": self.label, "layers": layers, "named": True, "scale": None}
        last = self._shots[-1].step if self._shots else 0
        # settings are not shown of a film, but for how far it goes
        experiment = Experiment().to_dict() | {"steps": 0 if is_live else last}
        return {
            "type": "ready",
            "experiment": experiment,
            "own": True,
            "film": "live" if is_live else "recorded",
            "runs": [run | {"sigma_w": None, "sigma_b": 0.0, "critical_scale": None}],
            "data": {"name": self.label, "kind": "film", "rows": 0, "features": 0, "classes": []},
            "verdicts": self.verdicts(0) if self._shots else [],
            "python": "",
        }

    def data_frame(self) -> bytes:
        """Return a frame of kind "data" without arrays, as the page expects one."""
        return encoded({"kind": "data", "id": 0, "step": 0, "name": self.label}, {})

    def frame(self, at: int, number: int, *, is_last: bool = False) -> bytes:
        """Return the shot at a position as a frame of kind "step"."""
        shot = self._shots[at]
        rows = [list(self._layers).index(name) for name in shot.names]
        arrays: dict[str, Array] = {}
        for name, values in shot.arrays.items():
            whole = np.full((len(self._layers), *values.shape[1:]), np.nan, np.float32)
            if name in ("counts", "edges"):
                whole[:] = 0.0
            whole[rows] = values
            arrays[f"r0.{name}"] = whole
        arrays["r0.losses"] = np.empty(0, np.float32)
        arrays["r0.scores"] = np.empty((0, 3), np.float32)
        header = {
            "kind": "step",
            "id": number,
            "step": shot.step,
            "runs": 1,
            "kinds": list(SEEN),
            "scored": "loss",
            "finished": is_last,
            "diverged": [None],
        }
        return encoded(header, arrays)

    def verdicts(self, at: int) -> list[dict[str, Any]]:
        """Return the verdict at a shot as the page takes it."""
        shot = self._shots[at]
        own = dict(zip(shot.names, shot.verdict["layers"], strict=True))
        absent = {"kind": "healthy", "text": {"en": "", "zh": ""}}
        return [shot.verdict | {"layers": [own.get(name, absent) for name in self._layers]}]


def _joined(known: dict[str, LayerReport], new: Sequence[LayerReport]) -> dict[str, LayerReport]:
    """Return the layers known and new; a new one comes after the one that was called before it."""
    if all(one.name in known for one in new):
        return known
    order = list(known)
    place = 0
    for one in new:
        if one.name in order:
            place = order.index(one.name) + 1
        else:
            order.insert(place, one.name)
            place += 1
    found = {one.name: one for one in new}
    return {name: known.get(name) or found[name] for name in order}


def _shot(step: int, report: Report) -> _Shot:
    layers = report.layers
    arrays: dict[str, Array] = {
        name: np.full((len(layers), len(SEEN), size), np.nan, np.float32) for name, size in _SIZES.items()
    }
    arrays["counts"][:] = 0.0
    arrays["edges"][:] = 0.0
    for at, layer in enumerate(layers):
        for place, kind in enumerate(SEEN):
            one = layer.moments.get(kind)
            if one is None or one.histogram is None:
                continue
            arrays["counts"][at, place] = one.histogram.counts
            arrays["edges"][at, place] = ends(one.histogram.axis)
            arrays["moments"][at, place] = _moments(one)
    arrays["norms"] = np.array(
        [[_norm(layer.moments.get(kind)) for kind in ("weight", "weight gradient")] for layer in layers],
        np.float32,
    ).reshape(-1, 2)
    scalars = np.array([[of(layer) for of in SCALARS.values()] for layer in layers]).reshape(-1, len(SCALARS))
    arrays["updates"] = scalars[:, list(SCALARS).index("update ratio")].astype(np.float32)
    verdict = {
        "type": "verdict",
        "run": 0,
        "step": step,
        "kind": report.verdict.kind,
        "text": _both(str(report.verdict)),
        "layers": [{"kind": one.verdict.kind, "text": _both(str(one.verdict))} for one in layers],
    }
    return _Shot(step, tuple(one.name for one in layers), arrays, scalars, verdict)


def _both(text: str) -> dict[str, str]:
    return {"en": text, "zh": text}


def _moments(one: Moments) -> tuple[float, ...]:
    saturated, dead = (math.nan if share is None else share for share in (one.saturated, one.dead))
    return one.mean, one.std, math.sqrt(one.second_moment), saturated, dead


def _norm(one: Moments | None) -> float:
    return math.nan if one is None else math.sqrt(one.second_moment * one.count)
