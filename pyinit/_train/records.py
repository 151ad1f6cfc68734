"""What is kept of a training: scores, statistics of layers at some steps, where it broke."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .._probe.axes import Axes
from .._probe.saturation import flat_ends
from .._probe.step import applied
from ..moments import Moments, Question, statistics
from ..network import Network
from .passes import Parameters, Pass

__all__ = ["Divergence", "Score", "Snapshot", "broken_at", "snapshot"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Score:
    """How well the network did after `step` steps, `epoch` epochs begun; test is None without test rows."""

    epoch: int
    step: int
    train: float
    test: float | None


@dataclass(frozen=True)
class Snapshot:
    """Moments of each layer, by kind, on the batch of one step, before the parameters change."""

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
    parameters: Parameters,
    made: list[Pass],
    back: list[Array],
    gradients: Parameters,
    axes: Axes,
    threads: int | None,
) -> Snapshot:
    """Return the moments of every layer on this batch; `back` are the gradients by each z."""
    layers = []
    for at, (layer, forth, dz) in enumerate(zip(network.layers, made, back, strict=True)):
        weight = f"layers.{at}.weight"
        kinds = {
            "pre-activation": forth.entering,
            "activation": forth.activation,
            "gradient": dz,
            "weight": parameters[weight],
            "weight gradient": gradients[weight],
        }
        found = {}
        for kind, values in kinds.items():
            flat = flat_ends(layer.activation) if kind == "pre-activation" else None
            found[kind] = statistics(values, Question(axes.around(kind, values), flat), threads)
        slopes = applied(layer.activation, forth.entering, slope=True)
        silent = (forth.activation == 0).all(axis=0) | (slopes == 0).all(axis=0)
        dead = int(np.count_nonzero(silent)) / layer.units
        found["activation"] = replace(found["activation"], dead=dead)
        layers.append(found)
    return Snapshot(step, tuple(layers))


def broken_at(step: int, made: list[Pass], back: list[Array], gradients: Parameters) -> Divergence:
    """Return where numbers stopped being finite, in the order in which they were computed."""
    for at, forth in enumerate(made):
        for kind, values in (("pre-activation", forth.entering), ("activation", forth.activation)):
            if not np.isfinite(values).all():
                return Divergence(step, at, kind)
    for at, dz in reversed(list(enumerate(back))):
        if not np.isfinite(dz).all():
            return Divergence(step, at, "gradient")
        own = (values for name, values in gradients.items() if name.startswith(f"layers.{at}."))
        if not all(np.isfinite(values).all() for values in own):
            return Divergence(step, at, "weight gradient")
    return Divergence(step, None, "loss")
