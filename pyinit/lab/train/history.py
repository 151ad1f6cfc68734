"""What a training returns: curves, scores, statistics of layers, and the parameters it ended with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from ...errors import ArgumentError, FormatError, PyinitError
from ...linalg.statistics import Moments
from ...stream.strict_json import JsonObject, finite, restored
from ..network.network import Network
from ..probe.measure.axes import KINDS
from .optimizers import optimizer_from
from .records import Divergence, Record, Score, Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["History"]

# the statistics of moments that are single numbers
_STATISTICS = {field.name for field in fields(Moments)} - {"histogram"} | {"second_moment", "std"}


@dataclass(frozen=True, eq=False, repr=False)
class History(Record, JsonObject):
    """One training, from the first loss to the last score; `print` shows a table.

    Parameters
    ----------
    data : str
        Name of the data set.
    network : Network
        What was trained: layers and recipes.
    optimizer : Optimizer
    loss : str
        Which loss: "mse" (of a regression's targets in standard deviations), "cross_entropy", "logistic".
    metric : {"rmse", "accuracy"}
        What scores are: the error in the targets' own unit, or the share of right classes.
    batch_size : int
    losses : ndarray of float64, (steps,)
        Of each step's batch, before the step.
    scores : tuple of Score
        Before training, after each epoch, and at the end.
    snapshots : tuple of Snapshot
        Moments of layers at the steps that were recorded.
    parameters : dict of str to ndarray of float32
        As they were at the end; where training diverged, before the step that was not finite. Empty in a
        history read from JSON.
    divergence : Divergence or None
        Where a number was not finite, which ended the training.

    Examples
    --------
    >>> import pyinit as pi
    >>> history = pi.train(pi.mlp([2, 8, 2], "relu"), pi.data.moons(100), steps=5)
    >>> history.losses.shape, history.metric, history.divergence
    ((5,), 'accuracy', None)
    """

    _json_name: ClassVar[str] = "a history"

    @property
    def final_score(self) -> float:
        """The last score on test rows, or on training rows where there are no others."""
        last = self.scores[-1]
        return last.train if last.test is None else last.test

    def series(
        self, layer: int, kind: str = "activation", of: str = "std"
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return a statistic of one layer over the recorded steps.

        Parameters
        ----------
        layer : int
            Counted from 0, or from the end when negative.
        kind : {"pre-activation", "activation", "gradient", "weight", "weight gradient"}
        of : str
            Such as "mean", "variance", "std", "second_moment", "minimum", "saturated", "dead".

        Returns
        -------
        steps : ndarray of int64
        values : ndarray of float64
            NaN where the statistic does not apply.

        Raises
        ------
        ArgumentError
            If there is no such layer, kind or statistic.

        Examples
        --------
        >>> import pyinit as pi
        >>> history = pi.train(pi.mlp([2, 8, 2]), pi.data.moons(100), steps=4, record=2)
        >>> history.series(0, "weight", "std")[0].tolist()
        [0, 2, 3]
        """
        depth = len(self.network.layers)
        if kind not in KINDS or not -depth <= layer < depth:
            raise ArgumentError(
                f"series are of {', '.join(KINDS)} in {depth} layers; got {kind!r} of layer {layer!r}. "
                "Choose one."
            )
        if of not in _STATISTICS:
            raise ArgumentError(f"moments have no {of!r}. Use std, mean, saturated or dead.")
        found = [getattr(one.layers[layer][kind], of) for one in self.snapshots]
        steps = np.array([one.step for one in self.snapshots], np.int64)
        return steps, np.array([math.nan if value is None else value for value in found], np.float64)

    def gradient_norms(self) -> npt.NDArray[np.float64]:
        """Return the norm of each layer's weight gradient, of shape (recorded steps, layers)."""
        norms = [one.gradient_norms() for one in self.snapshots]
        return np.array(norms, np.float64).reshape(-1, len(self.network.layers))

    def __str__(self) -> str:
        from .view.table import history_table

        return history_table(self)

    def __repr__(self) -> str:
        return (
            f"History({self.data!r}: {self.steps} steps of {self.optimizer!r}; "
            f"{self.metric} {self.final_score:.4g})"
        )

    def plot(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw the loss, the score and the layers' standard deviations and gradients; needs matplotlib.

        Parameters
        ----------
        path : str or path, optional
            Where to save the picture; its ending says the format (png, svg, pdf).

        Returns
        -------
        matplotlib.figure.Figure
        """
        from .view.picture import plot

        return plot({"": self}, path)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the parameters as a dict of JSON values; infinities and NaN become strings."""
        content = {
            "data": self.data,
            "network": _written(self.network),
            "optimizer": self.optimizer.to_dict(),
            "loss": self.loss,
            "metric": self.metric,
            "batch_size": self.batch_size,
            "losses": self.losses.tolist(),
            "scores": [asdict(score) for score in self.scores],
            "snapshots": [asdict(one) for one in self.snapshots],
            "divergence": None if self.divergence is None else asdict(self.divergence),
        }
        return dict(finite(content))

    @classmethod
    def _read(cls, content: dict[str, Any]) -> History:
        if not isinstance(content["network"], dict):
            raise FormatError(
                "a history needs a network that JSON can hold, without functions and arrays; got "
                f"{content['network']!r:.60}. Train such a network to read its history again."
            )
        network = content["network"] = Network.from_dict(content["network"])
        content["optimizer"] = optimizer_from(content["optimizer"])
        content["losses"] = np.array(restored(content["losses"]), np.float64)
        content["scores"] = tuple(_score(**score) for score in content["scores"])
        content["snapshots"] = tuple(_snapshot(**one) for one in content["snapshots"])
        if content["losses"].ndim != 1 or not content["losses"].size or not content["scores"]:
            raise ValueError("it needs losses and scores, one after the other")
        depth = len(network.layers)
        if any(len(one.layers) != depth for one in content["snapshots"]):
            raise ValueError(f"snapshots are of {depth} layers, as the network")
        if content["divergence"] is not None:
            content["divergence"] = Divergence(**content["divergence"])
        history = cls(**content, parameters={})
        # a value of another type raises an error now, not when somebody prints the history
        str(history)
        return history


def _score(epoch: int, step: int, train: Any, test: Any) -> Score:
    return Score(int(epoch), int(step), float(train), None if test is None else float(test))


def _snapshot(step: int, layers: list[dict[str, Any]]) -> Snapshot:
    kinds = ({kind: Moments.from_dict(item) for kind, item in layer.items()} for layer in layers)
    return Snapshot(step, tuple(kinds))


def _written(network: Network) -> Any:
    try:
        return network.to_dict()
    except PyinitError:
        # an activation that is a function has no JSON
        return str(network)
