"""tanh and weights that are too large: the sum of 250 ones with weights of std 1."""

from __future__ import annotations

import math

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
A unit with 250 inputs of 1 and weights of std s gets a sum of std s sqrt(250). At s = 1 that is 15.811 in
theory, and {sd:.3f} among 10,000 units here: tanh of it is 1 or -1, its slope 0.

| weights | std of what enters tanh | flat | mean slope | gradient's rms that comes through, of 1 |
|---|---|---|---|---|
| N(0, 1) | {large_std:.3f} | {large_flat:.1%} | {large_slope:.4f} | {large_back:.4f} |
| N(0, 1 / 250) | {fitting_std:.3f} | {fitting_flat:.1%} | {fitting_slope:.4f} | {fitting_back:.4f} |
| 0.01 randn | {small_std:.3f} | {small_flat:.1%} | {small_slope:.4f} | {small_back:.4f} |

Dividing by sqrt(250), the root of the number of inputs, is LeCun's rule, and Xavier's where a layer has as
many outputs. *Flat* is where the slope is below 0.05: beyond +-{edge:.3f}.
"""
UNITS = 10_000
STARTS = {"large": pi.normal(), "fitting": pi.lecun_normal(), "small": pi.normal(std=0.01)}
LABELS = ("N(0, 1)", "N(0, 1 / 250)", "0.01 randn")


def run(draw: bool) -> Page:
    """Probe one wide layer of tanh from three stds."""
    x = np.ones((1, 250), np.float32)
    figures: dict[str, float] = {"edge": math.atanh(math.sqrt(0.95))}
    bars = []
    for name, recipe in STARTS.items():
        report = pi.probe(pi.mlp([250, UNITS], recipe=recipe, output_activation="tanh"), x, key=0, bins=60)
        layer = report.layers[0].moments
        slopes = layer["gradient"]
        figures |= {
            f"{name}_std": layer["pre-activation"].std,
            f"{name}_flat": layer["pre-activation"].saturated or 0.0,
            f"{name}_slope": slopes.mean,
            f"{name}_back": slopes.second_moment**0.5,
        }
        bars.append((layer["pre-activation"].histogram, layer["activation"].histogram))
    figures["sd"] = figures["large_std"]
    picture = _picture(bars) if draw else None
    return Page("saturation", "Large weights saturate tanh", TEXT, figures, picture)


def _picture(bars: list[tuple[object, object]]) -> object:
    figure, axes = canvas(6, height=2.4)
    for index, (pair, label) in enumerate(zip(bars, LABELS, strict=True)):
        for half, (histogram, what) in enumerate(zip(pair, ("enters", "leaves"), strict=True)):
            axis = axes[2 * index + half]
            axis.stairs(histogram.density(), histogram.axis.edges, fill=True, color=COLORS[index])
            axis.set_title(f"{label}: {what}", fontsize=8)
            axis.set_yticks([])
    return figure
