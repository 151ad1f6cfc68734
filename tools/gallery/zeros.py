"""Zeros, and any constant: hidden units that begin alike stay alike; logistic regression does not mind."""

from __future__ import annotations

import math

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
A hidden unit that starts with the same weights as its neighbour computes the same, gets the same gradient,
and stays the same. With **zeros** there is not even a gradient: no signal comes through a layer of zeros,
either way.

| start of 784-64-64-64-64-10, tanh, SGD 0.1, 3 epochs | first loss | last loss | accuracy on test digits |
|---|---|---|---|
| zeros | {zero_first:.6f} = ln 10 | {zero_last:.3f} | {zero_accuracy:.3f} |
| 0.1 everywhere | {constant_first:.6f} | {constant_last:.3f} | {constant_accuracy:.3f} |
| Xavier | {xavier_first:.3f} | {xavier_last:.3f} | {xavier_accuracy:.3f} |

After training, the units of a hidden layer differ by {zero_apart:g} where they began as zeros and by
{constant_apart:g} where they began as 0.1: not nearly, as every sum is taken in one order. From zeros only
the output's biases learn, which can follow no more than how often each digit occurs: the loss of all digits
stays within {zero_drift:.1e} of ln 10.

**Logistic regression** has no hidden layer and its loss is convex: from zeros it begins at
{logistic_first:.6f} = ln 2 and tells 3 from 8 in {logistic_accuracy:.1%} of the test digits.

```python
data = pi.data.mnist_5k().standardized()
starts = ["zeros", pi.constant(0.1), "xavier_normal"]
pi.compare(starts, data, widths=[784, 64, 64, 64, 64, 10], activation="tanh", epochs=3)
```
"""


def two_digits(first: int, second: int) -> pi.data.Dataset:
    """Return the images of two digits, as classes 0 and 1."""
    data = pi.data.mnist_5k().standardized()
    rows = np.flatnonzero((data.targets == first) | (data.targets == second))
    return pi.data.Dataset(
        f"{first} or {second}",
        data.inputs[rows],
        (data.targets[rows] == second).astype(np.int64),
        test=np.flatnonzero(np.isin(rows, data.test)),
        classes=(str(first), str(second)),
    )


def apart(history: pi.History) -> float:
    """Return by how much the units of the hidden layers differ, at most."""
    last = len(history.network.layers) - 1
    return max(
        float(np.ptp(history.parameters[f"layers.{at}.{name}"], axis=-1).max())
        for at in range(last)
        for name in ("weight", "bias")
    )


def run(draw: bool) -> Page:
    """Train from zeros, a constant and Xavier, and a logistic regression from zeros."""
    data = pi.data.mnist_5k().standardized()
    found = pi.compare(
        {"zeros": "zeros", "0.1": pi.constant(0.1), "Xavier": "xavier_normal"},
        data,
        widths=[784, 64, 64, 64, 64, 10],
        activation="tanh",
        epochs=3,
        record=None,
        score="end",
    )
    logistic = pi.train(
        pi.mlp([784, 1], recipe="zeros", bias="zeros"), two_digits(3, 8), learning_rate=0.01, epochs=5
    )
    zero, constant, xavier = found["zeros"], found["0.1"], found["Xavier"]
    # a batch's digits are not evenly many: what all training digits would cost
    bias = zero.parameters["layers.4.bias"].astype(np.float64)
    overall = math.log(np.exp(bias).sum()) - bias.mean()
    figures = {
        "zero_first": zero.losses[0],
        "zero_last": zero.losses[-1],
        "zero_accuracy": zero.final_score,
        "zero_apart": apart(zero),
        "zero_drift": abs(overall - math.log(10)),
        "constant_first": constant.losses[0],
        "constant_last": constant.losses[-1],
        "constant_accuracy": constant.final_score,
        "constant_apart": apart(constant),
        "xavier_first": xavier.losses[0],
        "xavier_last": xavier.losses[-1],
        "xavier_accuracy": xavier.final_score,
        "xavier_apart": apart(xavier),
        "logistic_first": logistic.losses[0],
        "logistic_accuracy": logistic.final_score,
    }
    picture = _picture(found, logistic) if draw else None
    return Page("zeros", "Zeros, or any constant, train nothing hidden", TEXT, figures, picture)


def _picture(found: pi.Comparison, logistic: pi.History) -> object:
    figure, axes = canvas(3)
    for color, label in zip(COLORS, found, strict=False):
        axes[0].plot(found[label].losses, color=color, label=label)
    axes[0].axhline(math.log(10), color="#666666", linewidth=0.7, linestyle=":")
    axes[0].set_title("loss of each batch; dotted: ln 10", fontsize=9)
    axes[0].legend(fontsize=7, frameon=False)
    # pixels from the middle of the image, where ink is
    weights = found["0.1"].parameters["layers.0.weight"][370:434]
    image = axes[1].imshow(weights, cmap="viridis", aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=axes[1]).ax.tick_params(labelsize=7)
    axes[1].set_title("trained from 0.1: weights of 64 pixels, a column a unit", fontsize=8)
    axes[2].plot(logistic.losses, color=COLORS[0])
    axes[2].axhline(math.log(2), color="#666666", linewidth=0.7, linestyle=":")
    axes[2].set_title("logistic regression from zeros; dotted: ln 2", fontsize=9)
    return figure
