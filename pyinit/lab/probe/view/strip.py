"""A row of histograms, one a layer: what enters the activation, and below it what comes out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ....linalg.statistics import Histogram, LogAxis, Moments
from ....text import short
from ...view.figure import GREY, HEALTHY, ILL
from ..record import LayerReport, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["MOST_PANELS", "common_range", "draw_strip"]

MOST_PANELS = 10
"""Histograms in a row; of more layers some are left out."""

_KINDS = ("pre-activation", "activation")
_LABELS = ("enters $\\varphi$", "$\\varphi$")
# scales further apart than this are not drawn on one axis
_APART = 30.0
# a bin this many times as high as the next is cut off, and its share written
_SPIKE = 3.0
# on a logarithmic axis what is below this share of the rms is drawn as 0
_NEAR_ZERO = 1e-3
_OUTSIDE = 0.005
# characters of a name
_LONGEST = 14

Values = npt.NDArray[np.float64]


def draw_strip(
    figure: Figure, bounds: tuple[float, float, float, float], report: Record, panels: int, color: str
) -> None:
    """Draw a report's histograms between left, right, bottom and top, in shares of the figure."""
    left, right, bottom, top = bounds
    high = top - bottom
    grid = figure.add_gridspec(
        2,
        panels,
        left=left,
        right=right,
        top=top - 0.3 * high,
        bottom=bottom + 0.06 * high,
        hspace=0.75,
        wspace=0.1,
    )
    chosen = _chosen(report, panels)
    verdict = report.verdict.kind
    figure.text(
        0.012 * left / 0.05,
        top - 0.12 * high,
        f"{report.title}: {verdict}" if report.title else verdict,
        fontsize=10,
        fontweight="bold",
        color=HEALTHY if verdict == "healthy" else ILL,
        va="center",
    )
    for row, kind in enumerate(_KINDS):
        # the output is no neighbour of bounded activations
        hidden = [layer.moments[kind] for layer in chosen[:-1]]
        shared = common_range(hidden)
        for column, layer in enumerate(chosen):
            axes = figure.add_subplot(grid[row, column])
            last = column == len(chosen) - 1
            limits = common_range([layer.moments[kind]]) if last or shared is None else shared
            _panel(axes, layer, kind, limits, color)
            if column == 0:
                axes.set_ylabel(_LABELS[row], fontsize=9)


def common_range(found: list[Moments]) -> tuple[float, float] | None:
    """Return one range for histograms, or None where their scales lie too far apart."""
    rms = [math.sqrt(moments.second_moment) for moments in found if moments.second_moment > 0]
    if not rms or max(rms) > _APART * min(rms):
        return None
    ends = [_extent(moments) for moments in found if moments.histogram is not None and moments.count]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if low == high:
        low, high = low - abs(low) / 2, high + abs(high) / 2
    # what is hardly off 0 is 0
    if abs(low) < 1e-3 * high:
        low = 0.0
    elif abs(high) < -1e-3 * low:
        high = 0.0
    return low, high


def _extent(moments: Moments) -> tuple[float, float]:
    """Return the part of a histogram's axis on which there is anything."""
    assert moments.histogram is not None
    edges = moments.histogram.axis.edges
    low, high = float(edges[0]), float(edges[-1])
    return max(min(moments.minimum, high), low), min(max(moments.maximum, low), high)


def _chosen(report: Record, panels: int) -> list[LayerReport]:
    count = len(report.layers)
    if count <= panels:
        return list(report.layers)
    return [report.layers[round(at)] for at in np.linspace(0, count - 1, panels)]


def _panel(axes: Axes, layer: LayerReport, kind: str, limits: tuple[float, float] | None, color: str) -> None:
    moments = layer.moments[kind]
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=7, length=2, colors=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if kind == _KINDS[0]:
        ill = layer.verdict.kind != "healthy"
        # of modules, whose names are long, the end tells them apart
        name = layer.name.removeprefix("layers.")
        if len(name) > _LONGEST:
            name = "…" + name[1 - _LONGEST :]
        axes.set_title(
            name + (f" · {layer.verdict.kind}" if ill else ""),
            fontsize=8,
            color=ILL if ill else HEALTHY,
            pad=10,
        )
    bars = moments.histogram
    if bars is None or not moments.count:
        axes.set_xticks([])
        axes.text(0.5, 0.4, "not finite", transform=axes.transAxes, ha="center", fontsize=7, color=ILL)
        return
    heights, notes = bars.density(), []
    if isinstance(bars.axis, LogAxis):
        edges, heights = _logarithmic(axes, bars, moments, heights)
    else:
        edges = bars.axis.edges
        _linear(axes, limits or _widened(_extent(moments)))
    top, spike = _top(heights)
    axes.stairs(np.minimum(heights, top), edges, fill=True, color=color)
    axes.set_ylim(0.0, 1.05 * top)
    if spike:
        notes.append(f"{spike:.0%} in one bin ↑")
    outside = (bars.below + bars.above) / moments.count
    if outside > _OUTSIDE:
        notes.append(f"{outside:.0%} outside")
    small: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 6, "color": GREY}
    rms = f"rms {short(math.sqrt(moments.second_moment))}"
    axes.text(0.5, 1.02, rms, ha="center", va="bottom", **small)
    axes.text(0.98, 0.98, "\n".join(notes), ha="right", va="top", **small)


def _top(heights: Values) -> tuple[float, float | None]:
    """Return where to end the axis, and the share of a bin that reaches far beyond all others."""
    ordered = np.sort(heights)
    most, second = float(ordered[-1]), float(ordered[-2]) if len(ordered) > 1 else 0.0
    if second > 0 and most > _SPIKE * second and most < 0.98:
        return 1.5 * second, most
    return most or 1.0, None


def _widened(extent: tuple[float, float]) -> tuple[float, float]:
    low, high = extent
    return (low, high) if low < high else (low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5)


def _linear(axes: Axes, limits: tuple[float, float]) -> None:
    low, high = limits
    pad = 0.02 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    wide = min(abs(low), abs(high)) > 0.3 * max(abs(low), abs(high)) and low < 0 < high
    _ticks(axes, [low, 0.0, high] if wide else [low, high])


def _ticks(axes: Axes, at: list[float]) -> None:
    """Set ticks whose labels stay within the axes."""
    axes.set_xticks(at, [_tick(tick) for tick in at])
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[-1].set_horizontalalignment("right")


def _tick(value: float) -> str:
    return f"{value:.0e}" if abs(value) >= 1e4 else f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}"


def _logarithmic(axes: Axes, bars: Histogram, moments: Moments, heights: Values) -> tuple[Values, Values]:
    """Set a signed logarithmic axis, and return its bins, those near 0 as one."""
    edges = bars.axis.edges
    least = float(
        np.exp2(np.floor(np.log2(max(_NEAR_ZERO * math.sqrt(moments.second_moment), edges[-1] * 1e-30))))
    )
    inner = np.flatnonzero(np.abs(edges) < least)
    if len(inner) > 2:
        first, last = int(inner[0]), int(inner[-1])
        heights = np.concatenate((heights[:first], [heights[first:last].sum()], heights[last:]))
        edges = np.concatenate((edges[: first + 1], edges[last:]))
    most = max(abs(end) for end in _extent(moments)) or 1.0
    axes.set_xscale("symlog", linthresh=least)
    axes.set_xlim(-most, most)
    _ticks(axes, [-most, 0.0, most])
    axes.minorticks_off()
    return edges, heights
