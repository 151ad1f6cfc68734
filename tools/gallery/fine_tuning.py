"""Starting from what another task has learned, and starting from random weights."""

from __future__ import annotations

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
A network of two hidden layers learns to tell the ten digits apart. Its hidden weights then start a second
network, which has {rows} images, whose digits nobody tells it, to learn odd from even; its output layer is
new, and zero. Beside it the same network from he_normal. Accuracy on 1,000 test digits:

| start | before | after {steps} steps | after {late} steps |
|---|---|---|---|
| random | {random_first:.3f} | {random_early:.3f} | {random_last:.3f} |
| pretrained, everything trains | {tuned_first:.3f} | {tuned_early:.3f} | {tuned_last:.3f} |

<!-- run first
```python
digits = pi.data.mnist_5k().standardized()
network = pi.mlp([784, 64, 64, 10], "relu", "he_normal", "zeros")
parity = {{"train": digits.train, "test": digits.test, "classes": ("even", "odd")}}
odd_or_even = pi.data.Dataset("odd or even", digits.inputs, digits.targets % 2, **parity)
```
-->
```python
first = pi.train(network, digits).parameters
output = pi.Dense(64, 1, "linear", recipe="zeros", bias="zeros")
learned = [
    pi.Dense(784, 64, "relu", first["layers.0.weight"], first["layers.0.bias"]),
    pi.Dense(64, 64, "relu", first["layers.1.weight"], first["layers.1.bias"]),
]
pretrained, random = pi.Network([*learned, output]), pi.Network([*network.layers[:2], output])
pi.compare({{"random": random, "pretrained": pretrained}}, odd_or_even)
```

A recipe may be an array: `pi.pretrained` starts a tensor from a file, or from a larger tensor's leading
slice, too.
"""
ROWS, EARLY = 60, 5


def odd_or_even() -> pi.data.Dataset:
    """Return all digits as even, 0, and odd, 1; few of them train."""
    data = pi.data.mnist_5k().standardized()
    few = data.train[pi.data.permutation(len(data.train), key=0)[:ROWS]]
    return pi.data.Dataset(
        "odd or even", data.inputs, data.targets % 2, train=few, test=data.test, classes=("even", "odd")
    )


def run(draw: bool) -> Page:
    """Train on ten digits, then on a few for odd and even from there and from random weights."""
    digits = pi.mlp([784, 64, 64, 10], "relu", "he_normal", "zeros")
    learned = pi.train(
        digits, pi.data.mnist_5k().standardized(), optimizer="adam", epochs=4, record=None, score="end"
    ).parameters
    output = pi.Dense(64, 1, "linear", recipe="zeros", bias="zeros")
    tuned = [
        pi.Dense(784, 64, "relu", learned["layers.0.weight"], learned["layers.0.bias"]),
        pi.Dense(64, 64, "relu", learned["layers.1.weight"], learned["layers.1.bias"]),
        output,
    ]
    found = pi.compare(
        {
            "random": pi.Network((*digits.layers[:-1], output)),
            "pretrained": pi.Network(tuple(tuned)),
        },
        odd_or_even(),
        optimizer="adam",
        epochs=30,
        batch_size=20,
        record=None,
    )
    figures: dict[str, float] = {
        "rows": ROWS,
        "steps": found["random"].scores[EARLY].step,
        "late": found["random"].steps,
    }
    for name, history in zip(("random", "tuned"), found.histories.values(), strict=True):
        scores = [float(one.test or 0.0) for one in history.scores]
        figures |= {f"{name}_first": scores[0], f"{name}_early": scores[EARLY], f"{name}_last": scores[-1]}
    picture = _picture(found) if draw else None
    return Page("fine_tuning", "A pretrained start against a random one", TEXT, figures, picture)


def _picture(found: pi.Comparison) -> object:
    figure, axes = canvas(2, width=8.0)
    for color, label in zip(COLORS, found, strict=False):
        history = found[label]
        axes[0].plot(history.losses, color=color, label=label)
        axes[1].plot([one.step for one in history.scores], [one.test for one in history.scores], color=color)
    axes[0].set_yscale("log")
    axes[0].set_title("loss of each batch", fontsize=9)
    axes[0].legend(fontsize=7, frameon=False)
    axes[1].set_title("accuracy on test digits, by step", fontsize=9)
    return figure
