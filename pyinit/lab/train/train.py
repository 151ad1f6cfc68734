"""`pi.train`: a network and a data set in, a history out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy.typing as npt

from ...data import Dataset
from ...errors import RecipeError
from ...stream.arguments import is_integer
from ...stream.key import Key
from ..network.dense import Dense
from ..network.network import Network
from ..network.passes import Pass
from ..probe.measure.axes import axes_of
from .history import History
from .optimizers import Optimizer
from .records import Snapshot, snapshot
from .training import begin

__all__ = ["Progress", "train"]

Array = npt.NDArray[Any]
Progress: TypeAlias = Callable[[int, int], None]


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
    if score not in ("epoch", "end"):
        raise RecipeError(f"score is 'epoch' or 'end'; got {score!r}. Choose one.")
    axes = axes_of(bins, range, False)
    training = begin(
        network,
        data,
        optimizer=optimizer,
        learning_rate=learning_rate,
        epochs=epochs,
        steps=steps,
        batch_size=batch_size,
        loss=loss,
        key=key,
        threads=threads,
        each_epoch=score == "epoch",
    )
    length, net = training.length, training.network
    every = _every(record, length.per_epoch)
    snapshots: list[Snapshot] = []

    def watch(step: int, made: list[Pass], back: list[Array]) -> None:
        if step % every == 0 or step == length.steps - 1:
            snapshots.append(
                snapshot(step, net, made, back, training.parts, training.places, axes, training.threads)
            )

    while training.step(watch if every else None):
        if progress is not None and training.divergence is None:
            progress(training.done, length.steps)
    return training.history(snapshots)


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
