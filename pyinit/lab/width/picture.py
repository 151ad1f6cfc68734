"""The picture of a coordinate check: sizes and changes of every layer against the width."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..view.figure import GREY, color_of, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(
    widths: Sequence[int],
    layers: Sequence[str],
    sizes: npt.NDArray[Any],
    changes: npt.NDArray[Any],
    path: str | PathLike[str] | None = None,
) -> Figure:
    """Draw a column for each step, changes below sizes; a line for each layer."""
    steps = len(sizes)
    figure = new_figure("print the check", figsize=(2.6 * steps + 1.6, 5.2), layout="constrained")
    axes = figure.subplots(2, steps, sharex=True, sharey="row", squeeze=False)
    for step in range(steps):
        for row, (name, values) in enumerate((("mean |x|", sizes), ("change", changes))):
            place = axes[row, step]
            for index, layer in enumerate(layers):
                line = np.where(np.isfinite(values[step, index]), values[step, index], np.nan)
                if (line > 0).any():
                    place.plot(widths, line, color=color_of(index), marker="o", ms=3, label=layer)
            place.set_xscale("log", base=2)
            place.set_yscale("log")
            place.tick_params(labelsize=7)
            if step == 0:
                place.set_ylabel(name, fontsize=9)
        axes[0, step].set_title(f"after {step} step{'s' * (step != 1)}", fontsize=9)
        axes[1, step].set_xlabel("width", fontsize=8, color=GREY)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=7, frameon=False)
    if path is not None:
        figure.savefig(path, dpi=130)
    return figure
