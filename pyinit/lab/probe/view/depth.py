"""What depth does: mean squares beside theory, and all histograms as one map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ....linalg.statistics import Moments
from ...view.figure import GREY
from ..record import Record
from .strip import common_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes


__all__ = ["draw_depth", "draw_heat_map"]

_TITLES = {
    "pre-activation": "mean square of what enters $\\varphi$",
    "gradient": "mean square of its gradient",
    "weight gradient": "mean square of its weight's gradient",
}
_CELLS = 240
# on a map of scales far apart the axis reaches so many rms
_REACH = 4.0
# and is drawn no further down than this below the smallest
_FLOOR = 1e-30

Values = npt.NDArray[np.float64]


def draw_depth(axes: Axes, reports: Sequence[Record], colors: Sequence[str], kind: str) -> None:
    """Draw a kind's mean square by layer, theory dashed, its band shaded."""
    for report, color in zip(reports, colors, strict=True):
        _lines(axes, report, color, kind)
    axes.plot([], [], color=GREY, linestyle="--", linewidth=1, label="theory; shaded: 2 sd of these widths")
    axes.set_yscale("log")
    axes.set_title(_TITLES[kind], fontsize=9)
    axes.set_xlabel("layer", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.locator_params(axis="x", integer=True)
    axes.spines[["top", "right"]].set_visible(False)


def _lines(axes: Axes, report: Record, color: str, kind: str) -> None:
    at = np.arange(len(report.layers))
    measured = [
        layer.moments[kind].second_moment if kind in layer.moments else 0.0 for layer in report.layers
    ]
    shown = [value if value > _FLOOR else math.nan for value in measured]
    axes.plot(
        at, shown, color=color, marker="o", markersize=4, linewidth=1.5, label=report.title or "measured"
    )
    known = [
        (index, layer.predictions[kind])
        for index, layer in enumerate(report.layers)
        if kind in layer.predictions and layer.predictions[kind].second_moment > _FLOOR
    ]
    if known:
        where, predictions = zip(*known, strict=True)
        axes.plot(where, [one.second_moment for one in predictions], color=color, linestyle="--", linewidth=1)
        low, high = (
            [math.nan if end is None else end for end in ends]
            for ends in ([one.low for one in predictions], [one.high for one in predictions])
        )
        axes.fill_between(where, low, high, color=color, alpha=0.12, linewidth=0)


def draw_heat_map(axes: Axes, report: Record) -> None:
    """Draw what enters the activation: a row a layer, each over its highest cell."""
    found = [layer.moments["pre-activation"] for layer in report.layers]
    edges, width = _grid(found)
    shares = np.array([_resampled(moments, edges) for moments in found])
    axes.pcolormesh(edges, np.arange(len(found) + 1) - 0.5, shares, cmap="Blues", vmin=0.0, vmax=1.0)
    if width is not None:
        axes.set_xscale("asinh", linear_width=width)
        far = float(edges[-1])
        middle = math.sqrt(far * width)
        ticks = [-far, -middle, 0.0, middle, far]
        axes.set_xticks(ticks, ["0" if tick == 0 else f"{tick:.0e}" for tick in ticks])
        axes.minorticks_off()
    axes.invert_yaxis()
    axes.set_title("what enters $\\varphi$" + (f": {report.title}" if report.title else ""), fontsize=9)
    axes.set_ylabel("layer", fontsize=8, labelpad=1)
    axes.locator_params(axis="y", integer=True)
    axes.tick_params(labelsize=8)


def _grid(found: list[Moments]) -> tuple[Values, float | None]:
    """Return cells of equal width on the axis; for scales far apart that is asinh(x / width)."""
    kept = [moments for moments in found if moments.histogram is not None and moments.second_moment > _FLOOR]
    limits = common_range(kept) if kept else (-1.0, 1.0)
    if limits is not None:
        return np.linspace(*limits, _CELLS + 1), None
    rms = [math.sqrt(moments.second_moment) for moments in kept]
    width = min(rms)
    end = math.asinh(_REACH * max(rms) / width)
    return width * np.sinh(np.linspace(-end, end, _CELLS + 1)), width


def _resampled(moments: Moments, edges: Values) -> Values:
    bars = moments.histogram
    if bars is None or not moments.count:
        return np.zeros(len(edges) - 1)
    total = np.concatenate(([0], np.cumsum(bars.counts)))
    share = np.diff(np.interp(edges, bars.axis.edges, total))
    return share / max(float(share.max()), 1.0)
