"""Samples as event files of TensorBoard, by whoever writes these: torch's SummaryWriter or tensorboardX's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...linalg.statistics import Moments
from ..live.film import Film
from ..live.run import SEEN
from ..probe.report import Report
from .outlet import Pictures, numbers_of

__all__ = ["EventFiles"]


class EventFiles:
    """An outlet to a SummaryWriter: numbers, histograms, and a picture of all layers for each number.

    Tags are "activation rms/LAYER" and so on, "activation/LAYER" for histograms, and "all layers/activation
    rms" for pictures.
    """

    def __init__(self, writer: Any) -> None:
        self._writer, self._pictures = writer, Pictures()

    def write(self, step: int, report: Report, film: Film) -> None:
        """Write a sample."""
        for layer in report.layers:
            for title, value in numbers_of(layer):
                self._writer.add_scalar(f"{title}/{layer.name}", value, step)
            for kind in SEEN:
                one = layer.moments.get(kind)
                if one is not None and one.histogram is not None and one.count:
                    self._writer.add_histogram_raw(f"{kind}/{layer.name}", **_bars(one), global_step=step)
        self._draw(step, film, is_last=False)

    def close(self, film: Film) -> None:
        """Write the last pictures; the writer stays open."""
        if film.steps:
            self._draw(film.steps[-1], film, is_last=True)

    def _draw(self, step: int, film: Film, *, is_last: bool) -> None:
        for title, picture in self._pictures.due(film, is_last=is_last):
            self._writer.add_image(f"all layers/{title}", picture, step, dataformats="HWC")


def _bars(one: Moments) -> dict[str, Any]:
    """Return moments as `add_histogram_raw` takes them; the bins at the ends have what lies outside, too."""
    bars = one.histogram
    assert bars is not None
    counts = np.array(bars.counts, np.float64)
    counts[0] += bars.below
    counts[-1] += bars.above
    return {
        "min": one.minimum,
        "max": one.maximum,
        "num": float(one.count),
        "sum": one.mean * one.count,
        "sum_squares": one.second_moment * one.count,
        "bucket_limits": bars.axis.edges[1:].tolist(),
        "bucket_counts": counts.tolist(),
    }
