"""The records of a training: scores, statistics of layers at some steps, and where it diverged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...linalg.statistics import Moments, Question, statistics
from ..network.network import Network
from ..network.passes import Parts, Pass, silent_share
from ..probe.measure.axes import Axes
from ..probe.measure.saturation import flat_ends
from .optimizers import Optimizer

__all__ = ["Divergence", "Record", "Score", "Snapshot", "broken_at", "snapshot"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Score:
    """Scores after `step` steps, when `epoch` epochs had begun; `test` is None without test rows."""

    epoch: int
    step: int
    train: float
    test: float | None


@dataclass(frozen=True)
class Snapshot:
    """Moments of each layer on a step's batch, before the update; by kind, as in a `LayerReport`."""

    step: int
    layers: tuple[dict[str, Moments], ...]

    def gradient_norms(self) -> tuple[float, ...]:
        """Return the Euclidean norm of each layer's weight gradient."""
        found = (layer["weight gradient"] for layer in self.layers)
        return tuple(math.sqrt(one.second_moment * one.count) for one in found)


@dataclass(frozen=True)
class Divergence:
    """The first number that was not finite: at which step, in which layer, of which kind.

    `layer` is None for the loss itself.
    """

    step: int
    layer: int | None
    kind: str

    def __str__(self) -> str:
        where = "the loss" if self.layer is None else f"layers.{self.layer}'s {self.kind}"
        return f"diverged at step {self.step}: {where} is not finite"


def snapshot(
    step: int,
    network: Network,
    made: list[Pass],
    back: list[Array],
    parts: Sequence[Parts],
    gradients: Sequence[Parts],
    axes: Axes,
    threads: int | None,
) -> Snapshot:
    """Return the moments of every layer on this batch; `back` are the gradients at each pre-activation."""
    layers = []
    for at, (layer, forth, gradient) in enumerate(zip(network.layers, made, back, strict=True)):
        kinds = {
            "pre-activation": forth.inside.entering,
            "activation": forth.activation,
            "gradient": gradient,
            "weight": parts[at].weight,
            "weight gradient": gradients[at].weight,
        }
        found = {}
        for kind, values in kinds.items():
            flat = flat_ends(layer.activation) if kind == "pre-activation" else None
            found[kind] = statistics(values, Question(axes.around(kind, values), flat), threads)
        dead = silent_share(layer, forth.inside.entering, forth.activation)
        found["activation"] = replace(found["activation"], dead=dead)
        layers.append(found)
    return Snapshot(step, tuple(layers))


def broken_at(step: int, made: list[Pass], back: list[Array], gradients: Mapping[str, Array]) -> Divergence:
    """Return where numbers stopped being finite, in the order in which they were computed."""
    for at, forth in enumerate(made):
        for kind, values in (("pre-activation", forth.inside.entering), ("activation", forth.activation)):
            if not np.isfinite(values).all():
                return Divergence(step, at, kind)
    for at, gradient in reversed(list(enumerate(back))):
        if not np.isfinite(gradient).all():
            return Divergence(step, at, "gradient")
        own = (values for name, values in gradients.items() if name.startswith(f"layers.{at}."))
        if not all(np.isfinite(values).all() for values in own):
            return Divergence(step, at, "weight gradient")
    return Divergence(step, None, "loss")


@dataclass(frozen=True, eq=False, repr=False)
class Record:
    """The results of a training; a `History` adds how they are printed, drawn and written."""

    data: str
    network: Network
    optimizer: Optimizer
    loss: str
    metric: str
    batch_size: int
    losses: npt.NDArray[np.float64]
    scores: tuple[Score, ...]
    snapshots: tuple[Snapshot, ...]
    parameters: dict[str, npt.NDArray[np.float32]]
    divergence: Divergence | None

    @property
    def steps(self) -> int:
        """The number of batches, including one at which the training diverged."""
        return len(self.losses)
