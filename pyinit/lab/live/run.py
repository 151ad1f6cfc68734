"""One run of an experiment: its training, and what can be seen of it between two steps.

What is seen is of one batch that stays the same, so that only the weights change it. Looking changes nothing
that is trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data import Dataset
from ...errors import RecipeError
from ...linalg.statistics import LinearAxis, Moments, Question, statistics
from ...theory.law import InputMoments
from ..network.network import Network
from ..network.passes import Parts
from ..probe.measure.axes import axes_of
from ..probe.measure.facts import LayerFacts, facts_of
from ..probe.measure.measure import Measured
from ..probe.prediction.prediction import Prediction, expected, predicted
from ..train.records import Snapshot, snapshot
from ..train.sweep import backward, forward, outputs
from ..train.training import Training, begin
from .overlays import Law, laws_of

__all__ = ["BINS", "SEEN", "Run"]

Array = npt.NDArray[Any]

BINS = 64
"""Bins of each histogram."""
SEEN = ("pre-activation", "activation", "gradient", "weight")
"""The kinds of a frame, in its order."""
_DRAWN = 32
# of rows by their length
_GROUPS = 5
_AXES = axes_of(BINS, None, False)


@dataclass(frozen=True, eq=False)
class _Expected:
    """What theory expects at the start: predictions and laws of each layer, by kind."""

    predictions: tuple[dict[str, Prediction], ...]
    laws: tuple[dict[str, Law], ...]


class Run:
    """A training that is watched; `seen` are the rows that statistics are of.

    Attributes
    ----------
    label : str
    network : Network
    facts : tuple of LayerFacts
    training : Training
    """

    def __init__(
        self, label: str, network: Network, data: Dataset, seen: npt.NDArray[np.intp], options: dict[str, Any]
    ) -> None:
        self.label, self.network = label, network
        self.facts: tuple[LayerFacts, ...] = facts_of(network)
        self._data, self._rows, self._options = data, seen, options
        self._x = data.inputs.take(seen, axis=0)
        self._inputs = statistics(self._x, Question(_AXES.around("activation", self._x)), 1)
        shapes = [(layer.inputs, layer.units) for layer in network.layers]
        self._places = [Parts(np.empty(shape, np.float32)) for shape in shapes]
        self.training: Training
        self.rewind()
        theory = expected(self.facts, self._x, self.measured())
        groups = self._by_length() or [theory]
        laws = tuple(laws_of(one.layer, [group[at] for group in groups]) for at, one in enumerate(self.facts))
        self._expected = _Expected(theory, laws)

    def _by_length(self) -> list[tuple[dict[str, Prediction], ...]]:
        """Return the predictions for rows of about one length each; none where rows act on each other.

        A mean of the weights passes on sums of rows, which lengths do not tell.
        """
        if any(one.layer.norm is not None or one.weight.mean for one in self.facts):
            return []
        lengths = np.sort(np.square(self._x, dtype=np.float64).mean(axis=1))
        found = []
        for part in np.array_split(lengths, min(_GROUPS, len(lengths))):
            inputs = InputMoments(float(part.mean()), self._inputs.mean, 0.0)
            try:
                found.append(predicted(self.facts, inputs, None))
            except RecipeError:
                return []
        return found

    def rewind(self) -> None:
        """Go back to the first weights, which are drawn again."""
        self.training = begin(self.network, self._data, threads=1, **self._options)
        self._sent = [0, 0]
        self._seen: tuple[int, Measured] | None = None

    def measured(self) -> Measured:
        """Return the moments of every layer on the rows that are seen, at the weights as they are."""
        if self._seen is None or self._seen[0] != self.training.done:
            self._seen = self.training.done, self._measured()
        return self._seen[1]

    def _measured(self) -> Measured:
        with np.errstate(all="ignore"):
            parts = self.training.parts
            made = forward(self.network, parts, self._x, 1)
            loss, dy = self.training.goal(made[-1].activation, self._rows)
            back = backward(self.network, parts, made, dy, self._places, 1)
            found: Snapshot = snapshot(
                self.training.done, self.network, made, back, parts, self._places, _AXES, 1
            )
        return Measured(self._inputs, found.layers, loss)

    def arrays(self) -> dict[str, Array]:
        """Return the statistics of all layers, as a frame has them, and losses and scores since the last."""
        layers = self.measured().layers
        found: dict[str, Array] = {
            name: np.full((len(layers), len(SEEN), size), np.nan) for name, size in _SIZES.items()
        }
        for at, own in enumerate(layers):
            laws = self._expected.laws[at]
            for place, kind in enumerate(SEEN):
                one = own[kind]
                assert one.histogram is not None
                axis = one.histogram.axis
                assert isinstance(axis, LinearAxis)
                found["counts"][at, place] = one.histogram.counts
                found["edges"][at, place] = axis.low, axis.high
                found["moments"][at, place] = _moments(one)
                if kind in laws:
                    found["theory"][at, place] = laws[kind].density(axis)
        found["norms"] = np.array([[_norm(own["weight"]), _norm(own["weight gradient"])] for own in layers])
        training = self.training
        losses, scores = training.losses[self._sent[0] :], training.scores[self._sent[1] :]
        self._sent = [len(training.losses), len(training.scores)]
        found["losses"] = np.array(losses, np.float64)
        rows = [(one.step, one.train, math.nan if one.test is None else one.test) for one in scores]
        found["scores"] = np.array(rows, np.float64).reshape(-1, 3)
        if all(max(layer.inputs, layer.units) <= _DRAWN for layer in self.network.layers):
            for at, (part, gradient) in enumerate(zip(training.parts, self._places, strict=True)):
                found[f"weights.{at}"] = part.weight.T
                found[f"gradients.{at}"] = gradient.weight.T
        return found

    def predicted(self) -> Array:
        """Return the rms that theory predicts at the start, (layers, kinds); nan where it is silent."""
        found = np.full((len(self.facts), len(SEEN)), np.nan)
        for at, own in enumerate(self._expected.predictions):
            for place, kind in enumerate(SEEN):
                if kind in own:
                    found[at, place] = math.sqrt(max(own[kind].second_moment, 0.0))
        return found

    def answers(self, x: Array) -> Array:
        """Return the probability of each class, (rows, classes), or a regression's prediction, (rows, 1).

        Batch normalization takes mean and variance from the rows that are seen.
        """
        parts = self.training.parts
        is_batch = any(layer.norm == "batch" for layer in self.network.layers)
        with np.errstate(all="ignore"):
            y = outputs(self.network, parts, [self._x, x] if is_batch else [x], 1)[-1].astype(np.float64)
            goal = self.training.goal
            if goal.loss == "mse":
                return y * goal.sd + goal.mean
            if goal.loss == "logistic":
                one = 1.0 / (1.0 + np.exp(-y))
                return np.concatenate((1.0 - one, one), axis=1)
            powers = np.exp(y - y.max(axis=1, keepdims=True))
            shares: Array = powers / powers.sum(axis=1, keepdims=True)
            return shares


_SIZES = {"counts": BINS, "edges": 2, "moments": 5, "theory": BINS}


def _moments(one: Moments) -> tuple[float, ...]:
    saturated, dead = (math.nan if share is None else share for share in (one.saturated, one.dead))
    return one.mean, one.std, math.sqrt(one.second_moment), saturated, dead


def _norm(one: Moments) -> float:
    return math.sqrt(one.second_moment * one.count)
