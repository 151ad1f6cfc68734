"""The run as a picture: one bar a ratio, on a logarithmic axis, with the target as a tick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...lab.view.figure import COLORS, new_figure
from .record import Ratio, Record

# of the peers, by how their names begin; of what the machine allows
_PEERS = dict(zip(("numpy", "torch", "jax", "oneMKL"), COLORS, strict=False))
_LIMITS = dict.fromkeys(("write roofline", "plain write", "own product"), COLORS[5])
_OTHER = "#999999"
_LIMIT_RANGE = (0.0, 1.15)
_TITLES = {"warm": "warm memory", "fresh": "fresh memory", "disk": "disk"}


def _color(ratio: Ratio) -> str:
    known = (_PEERS | _LIMITS).items()
    return next((color for name, color in known if ratio.against.startswith(name)), _OTHER)


def _label(ratio: Ratio) -> str:
    memory = "" if ratio.memory == "warm" else f", {_TITLES[ratio.memory]}"
    race = ratio.race.removesuffix("_fresh").replace("_", " ") if ratio.memory == "fresh" else ratio.race
    return f"{race.replace('_', ' ')}{memory} / {ratio.against}"


def _panel(axes: Any, bars: list[Ratio], forced: dict[tuple[str, str], Ratio], base: float) -> None:
    """Draw one bar a ratio, from `base`: the length of a bar on a logarithmic axis means nothing else."""
    for row, ratio in enumerate(bars):
        median = ratio.median
        low, high = min(ratio.rounds), max(ratio.rounds)
        axes.barh(row, median - base, left=base, height=0.62, color=_color(ratio), zorder=2)
        axes.plot([low, high], [row, row], color="black", linewidth=1.2, zorder=3)
        if ratio.target is not None:
            axes.plot([ratio.target] * 2, [row - 0.42, row + 0.42], color="black", linewidth=2.4, zorder=4)
        slower = forced.get((ratio.race, ratio.against))
        if slower is not None:
            axes.plot(slower.median, row, "D", color="white", markeredgecolor="black", markersize=5, zorder=5)
        axes.annotate(
            ratio.show(median),
            (max(high, median, ratio.target or 0), row),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_yticks(range(len(bars)), [_label(ratio) for ratio in bars], fontsize=9)
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.8, zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def draw(record: Record, path: Path) -> None:
    """Write the ratios of `record` as a PNG or SVG picture; needs matplotlib.

    Parameters
    ----------
    record : Record
    path : Path
        Its suffix chooses the format.
    """
    native = record.machine["isa"]
    own = [ratio for ratio in record.ratios() if ratio.isa == native]
    forced = {(ratio.race, ratio.against): ratio for ratio in record.ratios() if ratio.isa != native}
    speed = [ratio for ratio in own if ratio.unit == "x"]
    share = [ratio for ratio in own if ratio.unit == "%"]
    panels = [bars for bars in (speed, share) if bars]
    heights = [len(bars) + 1.2 for bars in panels]
    size = (9, 1.3 + 0.34 * sum(heights))
    figure = new_figure("use --json", figsize=size, layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for panel, bars in zip(axes[:, 0], panels, strict=True):
        _panel(panel, bars, forced, base=1.0 if bars is speed else 0.0)
        if bars is speed:
            slowest = min(
                [0.9, *(0.8 * min(ratio.rounds) for ratio in [*bars, *forced.values()] if ratio.unit == "x")]
            )
            panel.set_xscale("log")
            panel.set_xlim(slowest, 2.2 * max(max(ratio.rounds) for ratio in bars))
            panel.axvline(1, color="black", linewidth=0.8)
            panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
            panel.set_xlabel("times as fast as the peer (log scale)", fontsize=9)
        else:
            panel.set_xlim(*_LIMIT_RANGE)
            panel.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
            panel.set_xlabel("share of what the machine allows", fontsize=9)
    elements = (
        f"2^{record.elements.bit_length() - 1}" if record.elements.bit_count() == 1 else record.elements
    )
    figure.suptitle(
        f"pyinit {record.machine['pyinit']} on {record.machine['processor']}: "
        f"{native}, {record.threads} threads, {elements} elements",
        fontsize=11,
    )
    legend = "bar: median of the rounds; thin line: their range; thick tick: target"
    if forced:
        names = ", ".join(sorted({ratio.isa for ratio in forced.values()}))
        legend += f"; diamond: {names} forced"
    figure.supxlabel(legend, fontsize=8, color="#444444")
    figure.savefig(path, dpi=150)
