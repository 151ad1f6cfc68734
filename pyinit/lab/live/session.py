"""`Session`: an experiment that runs, its runs in lockstep, and the frames that a page paints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ...data import batches
from ...errors import ArgumentError, RecipeError
from ...theory.edge import critical
from ..experiment.experiment import Experiment
from ..experiment.limits import LIMITS, check_size
from ..experiment.script import script
from ..experiment.sets import Source, described
from ..network.network import Network
from .frames import encoded
from .run import SEEN, Run
from .verdicts import verdict_of

__all__ = ["Session"]

Array = npt.NDArray[Any]

# rows that statistics are of
_MOST_SEEN = 256
# sides of the grid of a decision boundary, and multiply-adds that one may take
_SIDES = (96, 64, 48, 32)
_GRID = 100_000_000
_MARGIN = 0.15
_EACH_DIGIT = 4
# rows of a table whose answers are shown, and multiply-adds that they may take
_ANSWERED = 400
_ANSWERS = 20_000_000


class Session:
    """One to four runs of an experiment on the same rows; nothing is trained until `advance`.

    Parameters
    ----------
    experiment : Experiment
    uploads : mapping of str to Source, optional
        The user's own files, by name.
    own : mapping of str to Network, optional
        The user's own networks, by label, in place of the experiment's runs: its depth, width, activation,
        norm and runs do not count then.

    Raises
    ------
    ArgumentError, DataError
        If the data is not there, a network is too large for the lab, or it cannot be trained so.

    Examples
    --------
    >>> from pyinit.lab.experiment.experiment import Experiment
    >>> session = Session(Experiment.from_dict({"data": "moons", "steps": 10, "runs": ["zeros"]}))
    >>> session.advance(4), session.step, session.is_over
    (4, 4, False)
    """

    def __init__(
        self,
        experiment: Experiment,
        uploads: Mapping[str, Source] | None = None,
        own: Mapping[str, Network] | None = None,
    ) -> None:
        self.experiment, self._is_own = experiment, own is not None
        self.source = experiment.source(uploads)
        if own is None:
            networks = dict(zip(experiment.labels, experiment.networks(self.source), strict=True))
        else:
            networks = _checked(own, self.source, experiment.batch_size)
        data = self.source.data
        self._python = "" if own is not None else script(experiment, uploads)
        size = min(max(experiment.batch_size, 2), _MOST_SEEN)
        seen = next(islice(batches(data.train, size, key=experiment.seed), 1))
        self.runs = tuple(
            Run(label, network, data, seen, experiment.options()) for label, network in networks.items()
        )
        self._grid: Array | None = None
        self._images: Array | None = None
        self._answered: Array | None = None
        if self.source.kind == "2d":
            self._grid, self._extent, self._side = self._plane()
        elif self.source.kind == "digits":
            self._images = self._sample()
        else:
            self._answered = self._spread()

    @property
    def step(self) -> int:
        """Steps made by the run that is furthest: all make one at a time, but one that diverged stays."""
        return max(run.training.done for run in self.runs)

    @property
    def is_over(self) -> bool:
        """Whether every run is at its end, or diverged."""
        return all(run.training.is_over for run in self.runs)

    def advance(self, count: int = 1) -> int:
        """Make up to `count` steps of each run; return how many the furthest made."""
        before = self.step
        for _ in range(count):
            made = [run.training.step() for run in self.runs]
            if not any(made):
                break
        return self.step - before

    def rewind(self) -> None:
        """Go back to the first weights: the same bits, and the same order of rows, as before."""
        for run in self.runs:
            run.rewind()

    def frame(self, number: int = 0) -> bytes:
        """Return the state as a frame of kind "step"; losses and scores are those since the last frame."""
        arrays: dict[str, Array] = {}
        for at, run in enumerate(self.runs):
            own = run.arrays()
            if self.step == 0:
                own["predicted"] = run.predicted()
            if self._grid is not None:
                answers = run.answers(self._grid)
                shape = (self._side, self._side)
                is_pair = answers.shape[1] == 2
                own["boundary"] = answers[:, 1].reshape(shape) if is_pair else answers.reshape(*shape, -1)
            if self._images is not None:
                own["digits"] = _decided(run.answers(self.source.data.inputs.take(self._images, axis=0)))
            if self._answered is not None:
                answers = run.answers(self.source.data.inputs.take(self._answered, axis=0))
                own["answers"] = _decided(answers) if answers.shape[1] > 1 else answers[:, 0]
            arrays |= {f"r{at}.{name}": values for name, values in own.items()}
        header: dict[str, Any] = {
            "kind": "step",
            "id": number,
            "step": self.step,
            "runs": len(self.runs),
            "kinds": list(SEEN),
            "scored": self.runs[0].training.goal.metric,
            "finished": self.is_over,
            "diverged": [None if one is None else str(one) for one in self._divergences()],
        }
        if self._grid is not None:
            header["extent"] = list(self._extent)
        return encoded(header, arrays)

    def data_frame(self, number: int = 0) -> bytes:
        """Return the data as a frame of kind "data": points or images with their classes.

        Of a table it is the targets or the classes of the rows whose answers each step's frame has.
        """
        data = self.source.data
        arrays: dict[str, Array] = {}
        if self.source.kind == "2d":
            arrays = {"points": data.inputs, "labels": data.targets}
        elif self._images is not None:
            images = data.inputs.take(self._images, axis=0).astype(np.float64)
            low, high = float(images.min()), float(images.max())
            grey = np.round((images - low) * (255.0 / (high - low or 1.0))).astype(np.uint8)
            arrays = {"images": grey.reshape(-1, 28, 28), "labels": data.targets.take(self._images)}
        elif self._answered is not None:
            arrays = {"labels" if data.classes else "targets": data.targets.take(self._answered)}
        return encoded({"kind": "data", "id": number, "step": 0, "name": self.source.name}, arrays)

    def ready(self) -> dict[str, Any]:
        """Return what a page needs to know of the experiment before the first frame, as JSON values."""
        experiment = self.experiment
        return {
            "type": "ready",
            "experiment": experiment.to_dict(),
            "own": self._is_own,
            "runs": [self._described(at) for at in range(len(self.runs))],
            "data": described(self.source),
            "verdicts": self.verdicts(),
            "python": self._python,
        }

    def verdicts(self) -> list[dict[str, Any]]:
        """Return a verdict on each run, in words, at the weights as they are.

        Each is a dict of JSON values: type "verdict", run, step, kind, text by language, and layers with
        kind and text.
        """
        return [
            {"type": "verdict", "run": at, "step": run.training.done} | verdict_of(run.facts, run.measured())
            for at, run in enumerate(self.runs)
        ]

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each run: its label, and how far it came."""
        rows = []
        for at, run in enumerate(self.runs):
            training, last = run.training, run.training.scores[-1]
            loss = training.losses[-1] if training.losses else math.nan
            score = last.train if last.test is None else last.test
            rows.append(
                {
                    "experiment": self.experiment.to_dict(),
                    "run": at,
                    "label": run.label,
                    "final_loss": loss if math.isfinite(loss) else None,
                    "final_score": score if math.isfinite(score) else None,
                    "steps": training.done,
                    "finished": training.is_over,
                    "diverged": training.divergence is not None,
                }
            )
        return rows

    def _divergences(self) -> list[Any]:
        return [run.training.divergence for run in self.runs]

    def _described(self, at: int) -> dict[str, Any]:
        run = self.runs[at]
        layers = [
            {
                "name": f"layers.{place}",
                "inputs": layer.inputs,
                "units": layer.units,
                "activation": layer.activation.name,
                "recipe": repr(layer.recipe),
                "norm": layer.norm,
                "branch": layer.branch,
            }
            for place, layer in enumerate(run.network.layers)
        ]
        # as a hidden layer has it, where there is one
        facts = run.facts[min(1, len(run.facts) - 1)]
        try:
            edge: float | None = float(critical(run.network.layers[0].activation, facts.bias.std).sigma_w)
        except RecipeError:
            edge = None
        start = None if self._is_own else self.experiment.runs[at]
        return {
            "label": run.label,
            "recipe": repr(facts.layer.recipe) if start is None else start.recipe,
            "layers": layers,
            "scale": None if start is None else start.scale,
            "sigma_w": facts.weight.std * math.sqrt(facts.layer.inputs),
            "sigma_b": facts.bias.std,
            "critical_scale": edge,
        }

    def _plane(self) -> tuple[Array, tuple[float, ...], int]:
        """Return the points of the grid, row by row from the lowest y; its extent; and its side."""
        points = self.source.data.inputs.astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = _MARGIN * np.maximum(high - low, 1e-6)
        low, high = low - margin, high + margin
        layers = self.runs[0].network.layers
        weights = sum(layer.inputs * layer.units for layer in layers)
        side = next((side for side in _SIDES if side * side * weights <= _GRID), _SIDES[-1])
        x, y = (np.linspace(a, b, side) for a, b in zip(low, high, strict=True))
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
        return grid, (float(low[0]), float(high[0]), float(low[1]), float(high[1])), side

    def _spread(self) -> Array:
        """Return rows that are evenly spread over those for testing, where there are such."""
        data = self.source.data
        rows = data.test if len(data.test) else data.train
        weights = sum(layer.inputs * layer.units for layer in self.runs[0].network.layers)
        count = max(1, min(_ANSWERED, _ANSWERS // weights, len(rows)))
        chosen: Array = rows[np.linspace(0, len(rows) - 1, count).round().astype(np.intp)]
        return chosen

    def _sample(self) -> Array:
        """Return rows of a few digits of each class, for testing where there are such."""
        data = self.source.data
        rows = data.test if len(data.test) else data.train
        chosen = [rows[data.targets[rows] == one][:_EACH_DIGIT] for one in range(len(data.classes))]
        return np.concatenate(chosen)


def _decided(shares: Array) -> Array:
    """Return the most likely class of each row, and its probability."""
    return np.stack((shares.argmax(axis=1), shares.max(axis=1)), axis=1).astype(float)


def _checked(own: Mapping[str, Network], source: Source, batch_size: int) -> dict[str, Network]:
    """Return the user's own networks, unless there are too many or they are too large."""
    least, most = LIMITS["runs"]
    if not least <= len(own) <= most:
        raise ArgumentError(f"the lab shows {least:g} to {most:g} networks; got {len(own)}. Leave some out.")
    for network in own.values():
        check_size(network.widths, len(source.data.inputs), batch_size)
    return dict(own)
