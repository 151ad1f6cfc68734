"""The picture of one report, or of several together: histograms, mean squares by depth, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from ...view.figure import color_of, new_figure
from ..record import Record
from .depth import draw_depth, draw_heat_map
from .strip import MOST_PANELS, draw_strip

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["plot"]

_DEPTHS = ("pre-activation", "gradient", "weight gradient")
# inches
_STRIP, _DEPTH, _MARGIN, _SIDE, _GAP = 2.05, 2.3, 0.45, 0.55, 0.75
_MAP_ROW, _LEAST_MAP, _MOST_MAP = 0.16, 1.2, 4.0


def plot(reports: Sequence[Record], path: str | PathLike[str] | None = None) -> Figure:
    """Draw reports: a strip of histograms each, one below the other; what depth does, in the same axes."""
    depth = max(len(report.layers) for report in reports)
    panels = min(depth, MOST_PANELS)
    kinds = [kind for kind in _DEPTHS if any(kind in report.layers[0].moments for report in reports)]
    map_height = min(max(_MAP_ROW * depth, _LEAST_MAP), _MOST_MAP)
    width = max(11.0, 1.25 * panels + 2 * _SIDE)
    height = _STRIP * len(reports) + _DEPTH + map_height + 2 * _GAP + _MARGIN
    figure = new_figure("print the report", figsize=(width, height))
    left, right = _SIDE / width, 1.0 - _MARGIN / width

    top = height
    for index, report in enumerate(reports):
        bounds = (left, right, (top - _STRIP) / height, top / height)
        draw_strip(figure, bounds, report, panels, color_of(index))
        top -= _STRIP
    top -= _GAP
    grid = figure.add_gridspec(
        1, len(kinds), left=left, right=right, top=top / height, bottom=(top - _DEPTH) / height, wspace=0.22
    )
    for column, kind in enumerate(kinds):
        axes = figure.add_subplot(grid[0, column])
        draw_depth(axes, reports, [color_of(index) for index in range(len(reports))], kind)
        if column == 0:
            handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, (top + 0.25) / height),
        ncols=len(handles),
        fontsize=8,
        frameon=False,
    )
    top -= _DEPTH + _GAP
    grid = figure.add_gridspec(
        1,
        len(reports),
        left=left,
        right=right,
        top=top / height,
        bottom=(top - map_height) / height,
        wspace=0.14,
    )
    for column, report in enumerate(reports):
        draw_heat_map(figure.add_subplot(grid[0, column]), report)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure
