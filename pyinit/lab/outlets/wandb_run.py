"""Samples as what a run of Weights & Biases logs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..live.film import Film
from ..live.run import SEEN
from ..probe.report import Report
from .outlet import Pictures, numbers_of

__all__ = ["STEP", "WandbRun"]

STEP = "pyinit/step"
"""The name of the step, which is the x axis of everything that is logged here."""


class WandbRun:
    """An outlet to a run: numbers, histograms, and a picture of all layers for each number.

    Names are "pyinit/activation rms/LAYER" and so on. A run's own steps only increase, and what is logged for
    an earlier one is lost; where the run is ahead of the training's steps, a sample has the run's step, and
    its own under "pyinit/step".
    """

    def __init__(self, run: Any) -> None:
        self._run, self._pictures = run, Pictures()
        self._library = import_module("wandb")
        run.define_metric(STEP, hidden=True)
        run.define_metric("pyinit/*", step_metric=STEP)

    def write(self, step: int, report: Report, film: Film) -> None:
        """Log a sample."""
        content: dict[str, Any] = {}
        for layer in report.layers:
            for title, value in numbers_of(layer):
                content[f"pyinit/{title}/{layer.name}"] = value
            for kind in SEEN:
                one = layer.moments.get(kind)
                if one is not None and one.histogram is not None and one.count:
                    bars = np.array(one.histogram.counts), one.histogram.axis.edges
                    content[f"pyinit/{kind}/{layer.name}"] = self._library.Histogram(np_histogram=bars)
        self._log(step, content | self._drawn(film, is_last=False))

    def close(self, film: Film) -> None:
        """Log the last pictures; the run goes on."""
        if film.steps and (content := self._drawn(film, is_last=True)):
            self._log(film.steps[-1], content)

    def _drawn(self, film: Film, *, is_last: bool) -> dict[str, Any]:
        return {
            f"pyinit/all layers/{title}": self._library.Image(picture, caption=f"{title}, first layer on top")
            for title, picture in self._pictures.due(film, is_last=is_last)
        }

    def _log(self, step: int, content: dict[str, Any]) -> None:
        self._run.log(content | {STEP: step}, step=max(step, self._run.step))
