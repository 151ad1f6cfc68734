"""`pi.train`: a network and a data set in, a history out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ...data import Dataset, batches
from ...errors import DataError, RecipeError, ShapeError
from ...stream.arguments import check_threads, count, is_integer
from ...stream.key import Key, as_key
from ..network.dense import Dense
from ..network.network import Network, as_network
from ..probe.measure.axes import Axes, axes_of
from .history import History
from .objective import Objective, objective_of
from .optimizers import Optimizer, optimizer_of
from .records import Divergence, Score, Snapshot, broken_at, snapshot
from .sweep import backward, forward, outputs, parts_by_layer, threads_for

__all__ = ["Progress", "train"]

Array = npt.NDArray[Any]
Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class _Length:
    """The length of a training, in steps, and the steps of an epoch."""

    steps: int
    per_epoch: int


def train(
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
    record: int | Literal["step", "epoch"] | None = "epoch",
    score: Literal["epoch", "end"] = "epoch",
    bins: int = 32,
    range: Any = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> History:
    """Train a network that starts from its recipes, and record what initializations are compared by.

    Each epoch goes through all training rows in an order that the key determines. A loss or gradient that is
    not finite ends the training, and the history names the first such number.

    Parameters
    ----------
    network : Network or sequence of Dense
        Such as ``pi.mlp([8, 16, 1], "relu", bias="zeros")``; each parameter is drawn under its name.
    data : Dataset
        Used as it is: see `Dataset.standardized`. A regression's targets are trained as (t - mean) / sd of
        the training rows, so that an output of 0 predicts their mean.
    optimizer : {"sgd", "momentum", "adam"} or SGD, Momentum, Adam
    learning_rate : float, optional
        Replaces the optimizer's own, which is 0.1, 0.01 or 0.001.
    epochs, steps : int, optional
        How long to train: one of them; by default 5 epochs.
    batch_size : int
        The last batch of an epoch may have fewer rows.
    loss : {"mse", "cross_entropy", "logistic"}, optional
        By default a squared error for a regression, cross entropy for classes, and the logistic loss for two
        classes and one output. A squared error on classes takes one-hot targets.
    key : int or Key
        Determines parameters and the order of rows; an int is a seed.
    record : int, "step", "epoch" or None
        The steps at which moments of layers are recorded: every n-th, every one, or the first of each epoch,
        and always the last; None for none.
    score : {"epoch", "end"}
        When all rows are scored: after each epoch, or only at the end.
    bins : int
        Bins of each histogram.
    range : (float, float) or mapping of str to (float, float), optional
        Ends of the histograms, as `probe` takes it.
    threads : int, optional
        At most this many threads.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    History

    Raises
    ------
    ShapeError
        If the network does not fit the data.
    DataError
        If the data is not a Dataset, or a batch has a single row where there is batch normalization.
    RecipeError
        If an option is not valid.

    Guarantees
    ----------
    Losses, scores, statistics and parameters are the same bits on every machine, for any number of threads
    and any instruction set: each product and sum has one order, and exp and log are pyinit's own. An
    activation given as a function is as reproducible as that function.

    Examples
    --------
    >>> import pyinit as pi
    >>> data = pi.data.abalone().standardized()
    >>> network = pi.mlp([8, 16, 1], "relu", bias="zeros")
    >>> history = pi.train(network, data, optimizer="adam", learning_rate=0.01, epochs=3)
    >>> history.final_score < 2.3
    True
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
    every = _every(record, length.per_epoch)
    if score not in ("epoch", "end"):
        raise RecipeError(f"score is 'epoch' or 'end'; got {score!r}. Choose one.")
    axes = axes_of(bins, range, False)
    threads = check_threads(threads)
    training = _Training(net, data, goal, how, where, threads)
    return training.run(length, size, every, score == "epoch", axes, progress)


class _Training:
    """The state of a training: all parameters in one vector, with a view for each name."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        goal: Objective,
        optimizer: Optimizer,
        key: Key,
        threads: int | None,
    ) -> None:
        self._network, self._data, self._goal = network, data, goal
        self._optimizer, self._key, self._threads = optimizer, key, threads
        drawn = network.init(key=key, threads=threads)
        self._vector = np.concatenate([values.ravel() for values in drawn.values()])
        self._gradient = np.zeros_like(self._vector)
        shapes = {name: values.shape for name, values in drawn.items()}
        self.parameters = _views(self._vector, shapes)
        self._gradients = _views(self._gradient, shapes)
        # views, which follow every update of the vector
        self._parts = parts_by_layer(network, self.parameters)
        self._places = parts_by_layer(network, self._gradients)
        self._rows_of = [data.part("train")] + ([data.part("test")] if len(data.test) else [])

    @np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")
    def run(
        self, length: _Length, size: int, every: int, each_epoch: bool, axes: Axes, progress: Progress | None
    ) -> History:
        """Train, and return the history."""
        network, parts = self._network, self._parts
        threads = threads_for(network, size, self._threads)
        update = self._optimizer.start(len(self._vector))
        losses: list[float] = []
        snapshots: list[Snapshot] = []
        scores = [self._score(0, 0)]
        divergence: Divergence | None = None
        for step, rows in enumerate(self._rows(length, size)):
            made = forward(network, parts, self._data.inputs.take(rows, axis=0), threads)
            loss, dy = self._goal(made[-1].activation, rows)
            losses.append(loss)
            back: list[Array] = []
            if math.isfinite(loss):
                back = backward(network, parts, made, dy, self._places, threads)
            if not back or not np.isfinite(self._gradient).all():
                divergence = broken_at(step, made, back, self._gradients)
                break
            if every and (step % every == 0 or step == length.steps - 1):
                snapshots.append(
                    snapshot(step, network, made, back, parts, self._places, axes, self._threads)
                )
            update(self._vector, self._gradient)
            done = step + 1
            if done == length.steps or (each_epoch and done % length.per_epoch == 0):
                scores.append(self._score(-(-done // length.per_epoch), done))
            if progress is not None:
                progress(done, length.steps)
        taken = 0 if divergence is None else divergence.step
        if taken > scores[-1].step:
            scores.append(self._score(-(-taken // length.per_epoch), taken))
        return History(
            self._data.name,
            self._network,
            self._optimizer,
            self._goal.loss,
            self._goal.metric,
            size,
            np.array(losses, np.float64),
            tuple(scores),
            tuple(snapshots),
            self.parameters,
            divergence,
        )

    def _rows(self, length: _Length, size: int) -> Iterator[npt.NDArray[np.intp]]:
        """Yield the rows of each step."""
        left = length.steps
        for epoch in range(-(-length.steps // length.per_epoch)):
            for rows in batches(self._data.train, size, key=self._key, epoch=epoch):
                if not left:
                    return
                yield rows
                left -= 1

    def _score(self, epoch: int, step: int) -> Score:
        inputs = [x for x, _ in self._rows_of]
        threads = threads_for(self._network, len(inputs[0]), self._threads)
        made = outputs(self._network, self._parts, inputs, threads)
        train, *test = (self._goal.score(y, t) for y, (_, t) in zip(made, self._rows_of, strict=True))
        return Score(epoch, step, train, test[0] if test else None)


def _views(vector: Array, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()]).tolist()
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def _length(per_epoch: int, epochs: int | None, steps: int | None) -> _Length:
    if epochs is not None and steps is not None:
        raise RecipeError("a training takes either epochs or steps; got both. Leave one of them out.")
    if steps is not None:
        return _Length(count("steps", steps, error=DataError), per_epoch)
    whole = 5 if epochs is None else count("epochs", epochs, error=DataError)
    return _Length(per_epoch * whole, per_epoch)


def _every(record: Any, per_epoch: int) -> int:
    """Return the number of steps from one record to the next; 0 for no records."""
    if record is None:
        return 0
    if isinstance(record, str) and record in ("step", "epoch"):
        return 1 if record == "step" else per_epoch
    if not is_integer(record) or record < 1:
        raise RecipeError(
            f"record is a number of steps, 'step', 'epoch' or None; got {record!r}. Use 10 for every tenth."
        )
    return int(record)
