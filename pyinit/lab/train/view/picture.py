"""The picture of trainings: losses, scores, layers by depth, histograms while they learn."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ....linalg.statistics import LogAxis
from ...view.figure import GREY, ILL, color_of, new_figure
from ..records import Record, Snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["plot"]

_MOST_COLUMNS = 8
_MOST_MOMENTS = 3
_SHADES = (0.35, 0.6, 1.0)
_TOWER = 2.0
# the lower end of a logarithmic axis, where zeros are drawn
_LEAST = 1e-12


def plot(histories: Mapping[str, Record], path: str | PathLike[str] | None = None) -> Figure:
    """Draw each training in its own colour; below, histograms of its layers, darker as it learns."""
    watched = {label: one for label, one in histories.items() if one.snapshots}
    height = 2.7 + 1.15 * len(watched)
    figure = new_figure("print the table", figsize=(11.0, height), layout="constrained")
    ratios = [2.7] + ([1.15 * len(watched)] if watched else [])
    parts = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    _curves(parts[0], histories)
    if watched:
        _histograms(parts[1], watched, [color_of(list(histories).index(label)) for label in watched])
    if path is not None:
        figure.savefig(path, dpi=90)
    return figure


def _curves(figure: Any, histories: Mapping[str, Record]) -> None:
    axes = figure.subplots(1, 4)
    first = next(iter(histories.values()))
    # the paler, wider lines stay visible under others that follow them
    widths = np.linspace(2.6, 1.2, len(histories))
    for index, ((label, history), width) in enumerate(zip(histories.items(), widths, strict=True)):
        style: dict[str, Any] = {"color": color_of(index), "linewidth": width}
        _loss(axes[0], history, style)
        steps = [score.step for score in history.scores]
        tested = history.scores[0].test is not None
        values = [score.test if tested else score.train for score in history.scores]
        axes[1].plot(steps, values, marker="o", markersize=2.5, label=label, **style)
        if history.snapshots:
            _by_layer(axes[2], history, style, lambda one: [layer["activation"].std for layer in one.layers])
            _by_layer(axes[3], history, style, lambda one: one.gradient_norms())
    axes[0].set_title(f"{first.loss.replace('_', ' ')} of each batch", fontsize=9)
    axes[0].set_yscale("log")
    which = "test" if first.scores[0].test is not None else "training"
    metric = "RMSE" if first.metric == "rmse" else first.metric
    axes[1].set_title(f"{metric} on {which} rows", fontsize=9)
    if first.metric == "rmse" and _range_ratio(histories) > 20:
        axes[1].set_yscale("log")
    axes[2].set_title("std of activations, at last - -", fontsize=9)
    axes[3].set_title("norm of W's gradient, at last - -", fontsize=9)
    for one, name in zip(axes, ("step", "step", "layer", "layer"), strict=True):
        one.set_xlabel(name, fontsize=8)
        one.tick_params(which="both", labelsize=7, length=2, colors=GREY)
        one.spines[["top", "right"]].set_visible(False)
    for one in axes[2:]:
        if one.lines:
            one.set_yscale("log")
            one.xaxis.get_major_locator().set_params(integer=True)
    if any(histories):
        axes[1].legend(fontsize=7, frameon=False)


def _loss(axes: Any, history: Record, style: dict[str, Any]) -> None:
    losses = history.losses
    axes.plot(np.where(losses < _LEAST, _LEAST, losses), alpha=0.25, **(style | {"linewidth": 0.8}))
    # a running mean shows the trend that batches hide
    window = max(1, len(losses) // 40)
    kept = losses[np.isfinite(losses)]
    if len(kept) >= window:
        smooth = np.convolve(kept, np.ones(window) / window, mode="valid")
        axes.plot(np.arange(len(smooth)) + (window - 1) / 2, np.maximum(smooth, _LEAST), **style)
    if history.divergence is not None and len(kept):
        axes.plot([len(kept) - 1], [kept[-1]], marker="x", color=style["color"], markersize=8)


def _range_ratio(histories: Mapping[str, Record]) -> float:
    values = [score.train for history in histories.values() for score in history.scores]
    finite = [value for value in values if np.isfinite(value) and value > 0]
    return max(finite) / min(finite) if finite else 1.0


def _by_layer(axes: Any, history: Record, style: dict[str, Any], values_of: Any) -> None:
    for one, line in ((history.snapshots[0], "-"), (history.snapshots[-1], "--")):
        values = np.array(values_of(one), np.float64)
        axes.plot(np.where(values > _LEAST, values, np.nan), line, marker=".", markersize=4, **style)


def _histograms(figure: Any, histories: Mapping[str, Record], colors: list[str]) -> None:
    depth = max(len(history.network.layers) for history in histories.values())
    columns = min(depth, _MOST_COLUMNS)
    grid = figure.subplots(len(histories), columns, squeeze=False)
    for row, ((label, history), color) in enumerate(zip(histories.items(), colors, strict=True)):
        layers = len(history.network.layers)
        shown = sorted({round(at) for at in np.linspace(0, layers - 1, min(layers, columns))})
        for column in range(columns):
            axes = grid[row, column]
            if column >= len(shown):
                axes.set_axis_off()
                continue
            _panel(axes, _chosen(history.snapshots), shown[column], color)
            if row == 0:
                axes.set_title(f"layer {shown[column]}", fontsize=8, pad=2)
        grid[row, 0].set_ylabel(label if len(label) <= 22 else label[:21] + "…", fontsize=7)
    # of the longest training: one that diverged has fewer snapshots
    chosen = _chosen(max((one.snapshots for one in histories.values()), key=len))
    steps = ", ".join(str(one.step) for one in chosen)
    figure.suptitle(f"activations at step {steps} (darker is later)", fontsize=9, x=0.01, ha="left")


def _chosen(snapshots: tuple[Snapshot, ...]) -> list[Snapshot]:
    last = len(snapshots) - 1
    return [snapshots[at] for at in sorted({0, last // 2, last})][:_MOST_MOMENTS]


def _panel(axes: Any, snapshots: list[Snapshot], layer: int, color: str) -> None:
    axes.set_yticks([])
    axes.tick_params(axis="x", labelsize=6, length=2, colors=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    drawn = False
    for one, shade in zip(snapshots, _SHADES[-len(snapshots) :], strict=True):
        moments = one.layers[layer]["activation"]
        bars = moments.histogram
        if bars is None or not moments.count or isinstance(bars.axis, LogAxis):
            continue
        heights: npt.NDArray[Any] = np.array(bars.counts, np.float64)
        # a bin that towers over all, as relu's zeros do, would flatten the others
        second, first = np.sort(np.append(heights, [0.0, 0.0]))[-2:]
        heights /= max(min(first, _TOWER * second) if second else first, 1.0)
        axes.stairs(heights, bars.axis.edges, color=color, alpha=shade, linewidth=1.1)
        drawn = True
    if drawn:
        axes.locator_params(axis="x", nbins=3)
        axes.set_ylim(0.0, 1.08)
    else:
        axes.text(0.5, 0.5, "not finite", transform=axes.transAxes, ha="center", fontsize=7, color=ILL)
        axes.set_xticks([])
