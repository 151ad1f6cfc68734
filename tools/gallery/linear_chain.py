"""Chains of 1.5 I and 0.5 I: what a factor does that is repeated, to the last bit."""

from __future__ import annotations

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
Ten linear layers, each 1.5 I or 0.5 I, on inputs of ones. Forward and backward, every layer multiplies:

| | 1.5 I | 0.5 I |
|---|---|---|
| output after 10 layers | {up[9]!r} | {down[9]!r} |
| = 1.5^10 and 0.5^10 | {up_exact!r} | {down_exact!r} |
| output after 9 layers | {up[8]!r} | {down[8]!r} |
| gradient by the first layer's output, from ones, 9 layers back | {up_gradient!r} | {down_gradient!r} |

Equal, not nearly: these products are exact in float32. A factor of 1.5 a layer becomes {fifty:.1e} in 50
layers and 0.5 becomes {less:.1e}: an initialization has to keep the factor at 1, and 2 % off is already
{two:.1f} times in 50 layers.
"""


def run(draw: bool) -> Page:
    """Probe both chains of ten layers."""
    x = np.ones((4, 8), np.float32)
    figures: dict[str, object] = {"fifty": 1.5**50, "less": 0.5**50, "two": 1.02**50}
    forward, backward = {}, {}
    for name, gain in (("up", 1.5), ("down", 0.5)):
        network = pi.mlp([8] * 11, "linear", pi.identity(gain))
        report = pi.probe(network, x)
        forward[gain] = [layer.moments["activation"].mean for layer in report.layers]
        backward[gain] = [layer.moments["gradient"].mean for layer in report.layers]
        figures |= {name: forward[gain], f"{name}_exact": gain**10, f"{name}_gradient": backward[gain][0]}
    picture = _picture(forward, backward) if draw else None
    return Page("linear_chain", "Chains of 1.5 I and 0.5 I", TEXT, figures, picture)


def _picture(forward: dict[float, list[float]], backward: dict[float, list[float]]) -> object:
    figure, axes = canvas(2, width=8.0)
    for axis, values, title in zip(
        axes, (forward, backward), ("output of each layer", "gradient by each layer's output"), strict=True
    ):
        for color, (gain, series) in zip(COLORS, values.items(), strict=False):
            axis.plot(range(1, 11), series, color=color, marker="o", label=f"{gain} I")
        axis.set_yscale("log")
        axis.set_xlabel("layer", fontsize=8)
        axis.set_title(title, fontsize=9)
    axes[0].legend(fontsize=7, frameon=False)
    return figure
