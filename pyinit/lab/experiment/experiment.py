"""`Experiment`: every setting that decides the bits of one to four trainings side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

from ...errors import ArgumentError, PyinitError
from ...recipes.names import suggestion
from ...stream.arguments import brief
from ...stream.strict_json import JsonObject
from ...theory.activation import NAMES
from ..network.network import Network, mlp
from .fine_tuning import FINE_TUNED, fine_tuned
from .limits import LIMITS, check_size, real, whole
from .sets import Source, source_of
from .start import Start

__all__ = ["NORMS", "OPTIMIZERS", "Experiment", "Norm"]

Norm: TypeAlias = Literal["none", "batch", "layer"]

NORMS = ("none", "batch", "layer")
OPTIMIZERS: dict[str, float] = {"sgd": 0.1, "momentum": 0.01, "adam": 0.001}
"""Each optimizer with the learning rate that it has unless told."""


@dataclass(frozen=True)
class Experiment(JsonObject):
    """The settings of one to four runs, on the same rows in the same order, drawn under the same seed.

    Parameters
    ----------
    data : str
        A set that is shipped ("circles", "moons", "spirals", "blobs", "checkerboard", "mnist", "abalone"), or
        the name of a file that was uploaded.
    depth : int
        Layers with weights, the output's included: 1 is a logistic, softmax or linear regression.
    width : int
        Units of each hidden layer.
    activation : str
        Of the hidden layers, by name.
    norm : {"none", "batch", "layer"}
        Before each hidden activation.
    optimizer : {"sgd", "momentum", "adam"}
    learning_rate : float
    batch_size, steps, seed : int
        As `pyinit.train` takes them; the seed is its key.
    runs : tuple of Start
        How each run begins.

    Raises
    ------
    ArgumentError
        If a setting is not valid or beyond its limit.

    Examples
    --------
    >>> from pyinit.lab.experiment.experiment import Experiment
    >>> Experiment.from_dict({"data": "moons", "runs": ["zeros", "he_normal"]}).runs[1].label
    'he_normal'
    """

    _json_name: ClassVar[str] = "an experiment"
    _json_error: ClassVar[type[PyinitError]] = ArgumentError

    data: str = "spirals"
    depth: int = 4
    width: int = 16
    activation: str = "tanh"
    norm: Norm = "none"
    optimizer: str = "adam"
    learning_rate: float = 0.01
    batch_size: int = 32
    steps: int = 2000
    seed: int = 0
    runs: tuple[Start, ...] = (Start("critical_normal"),)

    def __post_init__(self) -> None:
        if not isinstance(self.data, str) or not 0 < len(self.data) <= 100 or not self.data.isprintable():
            raise ArgumentError(
                f"data is the name of a data set, of at most 100 characters; got {brief(self.data)}. Use "
                "'spirals'."
            )
        for name in ("depth", "width", "batch_size", "steps", "seed"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "learning_rate", real("learning_rate", self.learning_rate))
        _choice("activation", self.activation, NAMES)
        _choice("norm", self.norm, NORMS)
        _choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        least, most = LIMITS["runs"]
        if not isinstance(self.runs, list | tuple) or not least <= len(self.runs) <= most:
            raise ArgumentError(
                f"an experiment has {least:g} to {most:g} runs; got {brief(self.runs)}. Give a list of them."
            )
        runs = tuple(one if isinstance(one, Start) else Start.from_dict(one) for one in self.runs)
        object.__setattr__(self, "runs", runs)
        for one in runs:
            if one.recipe != FINE_TUNED:
                one.weight(self.activation)
            elif self.norm != "none":
                raise ArgumentError(f"{FINE_TUNED} is for networks without normalization. Use norm none.")

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each run, no two the same."""
        found: list[str] = []
        for one in self.runs:
            label, number = one.label, 2
            while label in found:
                label, number = f"{one.label} ({number})", number + 1
            found.append(label)
        return tuple(found)

    def source(self, uploads: Mapping[str, Source] | None = None) -> Source:
        """Return the data, a shipped set or one of the uploads.

        Raises
        ------
        ArgumentError
            If there is none of that name.
        """
        return source_of(self.data, uploads)

    def widths(self, source: Source) -> list[int]:
        """Return the network's widths: one output for two classes and for a regression, else one a class."""
        classes = len(source.data.classes)
        features = source.data.inputs.shape[1]
        return [features, *[self.width] * (self.depth - 1), classes if classes > 2 else 1]

    def networks(self, source: Source) -> tuple[Network, ...]:
        """Return the network of each run.

        Raises
        ------
        ArgumentError
            If it is too large for the lab, or a recipe cannot make its weights.
        """
        widths = self.widths(source)
        check_size(widths, len(source.data.inputs), self.batch_size)
        return tuple(self._network(one, source, widths) for one in self.runs)

    def _network(self, start: Start, source: Source, widths: list[int]) -> Network:
        if start.recipe == FINE_TUNED:
            return fine_tuned(source, widths, self.activation, self.options(), start.first_steps)
        norm = None if self.norm == "none" else self.norm
        try:
            return mlp(widths, self.activation, start.weight(self.activation), start.bias(), norm)
        except PyinitError as error:
            raise ArgumentError(f"{start.label}: {error}") from None

    def options(self) -> dict[str, Any]:
        """Return the options of `pyinit.train` and `pyinit.compare`."""
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "steps": self.steps,
            "batch_size": self.batch_size,
            "key": self.seed,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return every setting as a dict of JSON values."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        return content | {"runs": [one.to_dict() for one in self.runs]}

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Experiment:
        known = [one.name for one in fields(cls)]
        for name in content:
            if name not in known:
                raise ArgumentError(f"an experiment has no {name!r:.60}. {suggestion(str(name)[:60], known)}")
        return cls(**content)


def _choice(what: str, value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in known:
        hint = suggestion(value[:60], known) if isinstance(value, str) else f"Known are {', '.join(known)}."
        raise ArgumentError(f"there is no {what} {brief(value)}. {hint}")
