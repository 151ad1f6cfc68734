"""Batch normalization: the same network trains from bad weights; in depth its gradients explode."""

from __future__ import annotations

import math

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
784-64-64-64-64-64-10 with relu, 4 epochs of SGD at 0.1; accuracy on test digits:

| start | plain | batch normalization |
|---|---|---|
| He | {plain_he:.3f} | {batch_he:.3f} |
| N(0, 0.01^2) | {plain_small:.3f} | {batch_small:.3f} |
| N(0, 1) | {plain_large:.3f}, {plain_said} | {batch_large:.3f} |

A normalized layer does not know the scale of its weights, so that bad weights are only a bad learning rate.

It has a price. In a network of normalized relu layers the gradient's variance grows by pi / (pi - 1) =
{theory:.4f} a layer, towards the input, whatever the weights are (Yang et al., ICLR 2019). Measured on 24
layers of 256 units and 512 rows: {growth:.4f}. No scale of the weights mends that: the right panel's line
is the same for He and N(0, 1) to {agree:.0e}.
"""
STARTS = {"he": pi.he_normal(), "small": pi.normal(std=0.01), "large": pi.normal()}
LABELS = ("He", "N(0, 0.01^2)", "N(0, 1)")


def gradients(recipe: pi.Recipe) -> np.ndarray:
    """Return the mean square of the gradient by each layer, first to last but the output."""
    network = pi.mlp([256] * 25 + [10], "relu", recipe, norm="batch")
    report = pi.probe(network, pi.normal()((512, 256), key=0), key=1, dy="normal")
    return np.array([layer.moments["gradient"].second_moment for layer in report.layers[:-1]])


def run(draw: bool) -> Page:
    """Train with and without, and measure the gradient's growth."""
    data = pi.data.mnist_5k().standardized()
    widths = [784] + [64] * 5 + [10]
    found = {
        name: pi.compare(
            STARTS,
            data,
            widths=widths,
            activation="relu",
            norm=norm,
            epochs=4,
            record=None,
            score="epoch" if draw else "end",
        )
        for name, norm in (("plain", None), ("batch", "batch"))
    }
    figures: dict[str, object] = {
        f"{name}_{start}": found[name][start].final_score for name in found for start in STARTS
    }
    divergence = found["plain"]["large"].divergence
    growths = {name: gradients(STARTS[name]) for name in ("he", "large")}
    he, large = ((values[2] / values[22]) ** (1 / 20) for values in growths.values())
    figures |= {
        "plain_said": "no divergence" if divergence is None else str(divergence),
        "theory": math.pi / (math.pi - 1),
        "growth": float(he),
        "agree": abs(float(large / he) - 1),
    }
    picture = _picture(found, growths) if draw else None
    return Page("batch_norm", "Batch normalization forgives bad weights, at a price", TEXT, figures, picture)


def _picture(found: dict[str, pi.Comparison], growths: dict[str, np.ndarray]) -> object:
    figure, axes = canvas(3)
    for column, (name, title) in enumerate((("plain", "plain"), ("batch", "batch normalization"))):
        for color, start, label in zip(COLORS, STARTS, LABELS, strict=False):
            scores = found[name][start].scores
            axes[column].plot(
                [one.step for one in scores],
                [one.test for one in scores],
                color=color,
                marker="o",
                label=label,
            )
        axes[column].set_title(f"{title}: accuracy on test digits", fontsize=9)
        axes[column].set_ylim(0, 1)
    axes[1].legend(fontsize=7, frameon=False)
    for color, values, label in zip((COLORS[0], COLORS[2]), growths.values(), ("He", "N(0, 1)"), strict=True):
        axes[2].plot(values / values[-1], color=color, marker=".", label=label)
    depth = np.arange(24)
    axes[2].plot((math.pi / (math.pi - 1)) ** (23.0 - depth), color="#666666", linestyle=":", label="theory")
    axes[2].set_yscale("log")
    axes[2].set_title("normalized: gradient's mean square by layer, last = 1", fontsize=9)
    axes[2].legend(fontsize=7, frameon=False)
    return figure
