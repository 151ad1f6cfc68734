"""A training that goes on step by step: the one loop that `pi.train` and the live lab both run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...data import Dataset, batches
from ...errors import DataError, RecipeError, ShapeError
from ...stream.arguments import check_threads, count
from ...stream.key import Key, as_key
from ..network.dense import Dense
from ..network.network import Network, as_network
from ..network.passes import Pass
from .history import History
from .objective import Objective, objective_of
from .optimizers import Optimizer, optimizer_of
from .records import Divergence, Score, Snapshot, broken_at
from .sweep import backward, forward, outputs, parts_by_layer

__all__ = ["Length", "Training", "Watch", "begin"]

Array = npt.NDArray[Any]
Watch: TypeAlias = Callable[[int, list[Pass], list[Array]], None]
"""Called with (step, what each layer made, gradients at the pre-activations) before the step's update."""


@dataclass(frozen=True)
class Length:
    """The length of a training, in steps, and the steps of an epoch."""

    steps: int
    per_epoch: int


class Training:
    """The state of a training: all parameters in one vector, with a view for each name.

    Arguments are taken as they are; `pyinit.train` checks them. Nothing here depends on how many steps are
    made at once: a training that is stopped and goes on has the same bits as one that is not.

    Attributes
    ----------
    network : Network
    goal : Objective
    length : Length
    size : int
        Rows in a batch.
    threads : int or None
    parameters : dict of str to ndarray
        Views, which follow every update.
    losses : list of float
    scores : list of Score
    divergence : Divergence or None
    done : int
        Steps made, without one at which the training diverged.
    parts, places : list of Parts
        Each layer's parameters, and the places of their gradients.
    """

    def __init__(
        self,
        network: Network,
        data: Dataset,
        goal: Objective,
        optimizer: Optimizer,
        key: Key,
        length: Length,
        size: int,
        threads: int | None = None,
        each_epoch: bool = True,
    ) -> None:
        self.network, self._data, self.goal = network, data, goal
        self._optimizer, self._key, self.threads = optimizer, key, threads
        self.length, self.size, self._each_epoch = length, size, each_epoch
        drawn = network.init(key=key, threads=threads)
        self._vector = np.concatenate([values.ravel() for values in drawn.values()])
        self._gradient = np.zeros_like(self._vector)
        shapes = {name: values.shape for name, values in drawn.items()}
        self.parameters = _views(self._vector, shapes)
        self._gradients = _views(self._gradient, shapes)
        # views, which follow every update of the vector
        self.parts = parts_by_layer(network, self.parameters)
        self.places = parts_by_layer(network, self._gradients)
        self._scored = [data.train] + ([data.test] if len(data.test) else [])
        # rows do not depend on each other: all at once need not be gathered
        is_whole = len(data.train) + len(data.test) == len(data.inputs)
        self._scores_all = is_whole and all(layer.norm is None for layer in network.layers)
        self._inputs_of = [] if self._scores_all else [data.inputs[rows] for rows in self._scored]
        self._threads = threads or 0
        self._update = optimizer.start(len(self._vector))
        self._rows = self._ordered()
        self.losses: list[float] = []
        self.divergence: Divergence | None = None
        self.done = 0
        with _quiet():
            self.scores = [self._score(0, 0)]

    @property
    def is_over(self) -> bool:
        """Whether no step is left, or the training diverged."""
        return self.divergence is not None or self.done == self.length.steps

    def step(self, watch: Watch | None = None) -> bool:
        """Make one step; return False, without one, where the training is over."""
        if self.is_over:
            return False
        with _quiet():
            self._step(next(self._rows), watch)
        return True

    def _step(self, rows: npt.NDArray[np.intp], watch: Watch | None) -> None:
        network, parts, step = self.network, self.parts, self.done
        made = forward(network, parts, self._data.inputs.take(rows, axis=0), self._threads)
        loss, dy = self.goal(made[-1].activation, rows)
        self.losses.append(loss)
        back: list[Array] = []
        if math.isfinite(loss):
            back = backward(network, parts, made, dy, self.places, self._threads)
        if not back or not np.isfinite(self._gradient).all():
            self.divergence = broken_at(step, made, back, self._gradients)
            if step > self.scores[-1].step:
                self.scores.append(self._score(-(-step // self.length.per_epoch), step))
            return
        if watch is not None:
            watch(step, made, back)
        self._update(self._vector, self._gradient)
        self.done = step + 1
        if self.done == self.length.steps or (self._each_epoch and self.done % self.length.per_epoch == 0):
            self.scores.append(self._score(-(-self.done // self.length.per_epoch), self.done))

    def history(self, snapshots: Sequence[Snapshot] = ()) -> History:
        """Return what the training has made so far."""
        return History(
            self._data.name,
            self.network,
            self._optimizer,
            self.goal.loss,
            self.goal.metric,
            self.size,
            np.array(self.losses, np.float64),
            tuple(self.scores),
            tuple(snapshots),
            self.parameters,
            self.divergence,
        )

    def _ordered(self) -> Iterator[npt.NDArray[np.intp]]:
        """Yield the rows of each step."""
        for epoch in range(-(-self.length.steps // self.length.per_epoch)):
            yield from batches(self._data.train, self.size, key=self._key, epoch=epoch)

    def _score(self, epoch: int, step: int) -> Score:
        if self._scores_all:
            (everything,) = outputs(self.network, self.parts, [self._data.inputs], self._threads)
            made = [everything[rows] for rows in self._scored]
        else:
            made = outputs(self.network, self.parts, self._inputs_of, self._threads)
        targets = [self._data.targets[rows] for rows in self._scored]
        train, *test = (self.goal.score(y, t) for y, t in zip(made, targets, strict=True))
        return Score(epoch, step, train, test[0] if test else None)


def begin(
    network: Network | Sequence[Dense],
    data: Dataset,
    *,
    optimizer: str | Optimizer = "sgd",
    learning_rate: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 128,
    loss: str | None = None,
    key: int | Key = 0,
    threads: int | None = None,
    each_epoch: bool = True,
) -> Training:
    """Return a training before its first step; options are those of `pyinit.train`, and checked here.

    Raises
    ------
    ShapeError, DataError, RecipeError
        As `pyinit.train`.
    """
    net, where = as_network(network), as_key(key)
    if not isinstance(data, Dataset):
        raise DataError(
            f"training needs a Dataset; got {type(data).__name__}. Use pyinit.data.abalone(), or "
            "pyinit.data.Dataset(name, inputs, targets)."
        )
    features = data.inputs.shape[1]
    if net.widths[0] != features:
        raise ShapeError(
            f"{data.name} has {features} features; got a network of {net.widths[0]} inputs. Make the first "
            f"width {features}."
        )
    goal = objective_of(data, net.widths[-1], loss)
    how = optimizer_of(optimizer, learning_rate)
    rows = len(data.train)
    size = min(count("batch_size", batch_size, error=DataError), rows)
    length = _length(-(-rows // size), epochs, steps)
    if any(layer.norm == "batch" for layer in net.layers) and (size == 1 or rows % size == 1):
        raise DataError(
            f"batch normalization needs at least 2 rows in a batch; {rows} rows in batches of {size} leave "
            "1. Choose another batch_size."
        )
    return Training(net, data, goal, how, where, length, size, check_threads(threads), each_epoch)


def _length(per_epoch: int, epochs: int | None, steps: int | None) -> Length:
    if epochs is not None and steps is not None:
        raise RecipeError("a training takes either epochs or steps; got both. Leave one of them out.")
    if steps is not None:
        return Length(count("steps", steps, error=DataError), per_epoch)
    whole = 5 if epochs is None else count("epochs", epochs, error=DataError)
    return Length(per_epoch * whole, per_epoch)


def _quiet() -> np.errstate:
    return np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")


def _views(vector: Array, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()]).tolist()
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
