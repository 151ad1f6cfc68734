"""What a training returns: curves, scores, statistics of layers, and the parameters it ended with."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...errors import ArgumentError, FormatError, PyinitError
from ...linalg.statistics import Moments
from ...stream.strict_json import finite, number, parsed
from ..network.network import Network
from ..probe.measure.axes import KINDS
from .optimizers import optimizer_from
from .records import Divergence, Record, Score, Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["History"]

# what moments say in a number
_STATISTICS = {field.name for field in fields(Moments)} - {"histogram"} | {"second_moment", "std"}


@dataclass(frozen=True, eq=False, repr=False)
class History(Record):
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
            "network": _said(self.network),
            "optimizer": self.optimizer.to_dict(),
            "loss": self.loss,
            "metric": self.metric,
            "batch_size": self.batch_size,
            "losses": self.losses.tolist(),
            "scores": [asdict(score) for score in self.scores],
            "snapshots": [asdict(one) for one in self.snapshots],
            "divergence": None if self.divergence is None else asdict(self.divergence),
        }
        result: dict[str, Any] = finite(content)
        return result

    def to_json(self) -> str:
        """Return all but the parameters as one JSON object."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_dict(cls, content: Any) -> History:
        """Return the history that `to_dict` wrote, without parameters.

        Raises
        ------
        FormatError
            If it is not one, or its network has an activation that is a function, or weights that are an
            array, which JSON does not hold.
        """
        if not isinstance(content, dict) or not isinstance(content.get("network"), dict):
            raise FormatError(
                "a history needs a network that JSON can hold, without functions and arrays; got "
                f"{content!r:.60}. Read what to_json wrote."
            )
        try:
            values = dict(content)
            values["network"] = Network.from_dict(values["network"])
            values["optimizer"] = optimizer_from(values["optimizer"])
            values["losses"] = np.array([number(loss) for loss in values["losses"]], np.float64)
            values["scores"] = tuple(_score(**score) for score in values["scores"])
            values["snapshots"] = tuple(_snapshot(**one) for one in values["snapshots"])
            if values["losses"].ndim != 1 or not values["losses"].size or not values["scores"]:
                raise ValueError("it needs losses and scores, one after the other")
            depth = len(values["network"].layers)
            if any(len(one.layers) != depth for one in values["snapshots"]):
                raise ValueError(f"snapshots are of {depth} layers, as the network")
            if values["divergence"] is not None:
                values["divergence"] = Divergence(**values["divergence"])
            return cls(**values, parameters={})
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise FormatError(f"not a history that to_json wrote: {reason}. Write it again.") from None

    @classmethod
    def from_json(cls, text: str) -> History:
        """Return the history that `to_json` wrote, without parameters.

        Raises
        ------
        FormatError
            As `from_dict`.
        """
        return cls.from_dict(parsed(text, "a history", FormatError))


def _score(epoch: int, step: int, train: Any, test: Any) -> Score:
    return Score(int(epoch), int(step), float(train), None if test is None else float(test))


def _snapshot(step: int, layers: list[dict[str, Any]]) -> Snapshot:
    kinds = ({kind: Moments.from_dict(item) for kind, item in layer.items()} for layer in layers)
    return Snapshot(step, tuple(kinds))


def _said(network: Network) -> Any:
    try:
        return network.to_dict()
    except PyinitError:
        # an activation that is a function has no JSON
        return str(network)
