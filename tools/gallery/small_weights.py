"""0.01 * randn: enough for one hidden layer, too little for five."""

from __future__ import annotations

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
`W = 0.01 * randn(n_in, n_out)` trained the networks of many a course: one hidden layer of 100 relu units
reaches {shallow:.1%} of the test digits in 5 epochs of SGD at 0.1. With five such layers the same rule
gives {deep:.1%}, which is chance: each layer multiplies the signal by about 0.01 sqrt(100 / 2) = 0.07, and
what comes back by the same.

| layer | std of its output, one hidden layer | five hidden layers | He, five hidden layers |
|---|---|---|---|
| first | {shallow_std[0]:.4f} | {deep_std[0]:.1e} | {he_std[0]:.3f} |
| third | | {deep_std[2]:.1e} | {he_std[2]:.3f} |
| fifth | | {deep_std[4]:.1e} | {he_std[4]:.3f} |

From layer to layer the deep network's std shrinks {shrinks:.3f} times; he_normal reaches {he:.1%}.
"""


def run(draw: bool) -> Page:
    """Train one and five hidden layers."""
    data = pi.data.mnist_5k().standardized()
    small = pi.normal(std=0.01)
    deep = [784] + [100] * 5 + [10]
    found = pi.compare(
        {
            "0.01 randn, 1 hidden": pi.mlp([784, 100, 10], "relu", small, "zeros"),
            "0.01 randn, 5 hidden": pi.mlp(deep, "relu", small, "zeros"),
            "He, 5 hidden": pi.mlp(deep, "relu", "he_normal", "zeros"),
        },
        data,
        epochs=5,
        record=1000,
        score="epoch" if draw else "end",
    )
    first, second, third = found.histories.values()
    stds = {
        name: [layer["activation"].std for layer in history.snapshots[0].layers[:-1]]
        for name, history in (("shallow_std", first), ("deep_std", second), ("he_std", third))
    }
    deep_std = np.array(stds["deep_std"])
    figures = {
        "shallow": first.final_score,
        "deep": second.final_score,
        "he": third.final_score,
        "shrinks": float(np.exp(np.diff(np.log(deep_std)).mean())),
        **stds,
    }
    picture = _picture(found, stds) if draw else None
    return Page("small_weights", "0.01 randn: one layer learns, five do not", TEXT, figures, picture)


def _picture(found: pi.Comparison, stds: dict[str, list[float]]) -> object:
    figure, axes = canvas(3)
    for color, label, values in zip(COLORS, found, stds.values(), strict=False):
        history = found[label]
        axes[0].plot(history.losses, color=color, label=label)
        axes[1].plot([one.step for one in history.scores], [one.test for one in history.scores], color=color)
        axes[2].plot(range(1, len(values) + 1), values, color=color, marker="o")
    axes[0].set_title("loss of each batch", fontsize=9)
    axes[0].legend(fontsize=7, frameon=False)
    axes[1].set_title("accuracy on test digits, by step", fontsize=9)
    axes[2].set_title("std of hidden layers before training", fontsize=9)
    axes[2].set_yscale("log")
    return figure
