"""Starts that are not drawn, or not everywhere: sparse, identity, bilinear."""

from __future__ import annotations

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
**Sparse.** `pi.sparse(1 - 15 / n)` leaves each unit exactly 15 of its n inputs (Martens, ICML 2010), so
that what a unit sums does not grow with the width: on inputs of 1 the std of a layer is {sparse_100:.2f}
for 100 inputs and {sparse_1000:.2f} for 1,000, sqrt(15) = 3.87; N(0, 1) has {dense_100:.2f} and
{dense_1000:.2f}.

**Identity.** `pi.identity()` hands on what it gets: a digit is bit for bit the same behind 20 linear
layers, and behind 20 relu layers its {identity_dead} negative pixels are 0 and all others the same.

**Bilinear.** `pi.bilinear()` is the filter with which a transposed convolution enlarges an image by
interpolation. A ramp stays a ramp: doubled in both directions, its interior differs by at most
{ramp_error:g} from the ramp at the new points. The digit below is enlarged four times; its mean changes
by {mean_change:.0e} of itself.

```python
kernel = pi.bilinear(layout="torch")((1, 1, 8, 8), key=0)  # stride 4, padding 2
```
"""


def upsampled(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the transposed convolution of an image with the bilinear filter of this stride."""
    size = 2 * factor - factor % 2
    kernel = pi.bilinear(layout="torch")((1, 1, size, size), key=0)[0, 0]
    rows, columns = image.shape
    large = np.zeros(((rows - 1) * factor + size, (columns - 1) * factor + size), np.float32)
    for i, j in np.ndindex(rows, columns):
        at, to = i * factor, j * factor
        large[at : at + size, to : to + size] += image[i, j] * kernel
    padding = (size - factor) // 2
    return large[padding : padding + rows * factor, padding : padding + columns * factor]


def spread(recipe: pi.Recipe, inputs: int) -> float:
    """Return the std of a layer's output on ones."""
    report = pi.probe(pi.mlp([inputs, 4000], recipe=recipe), np.ones((1, inputs), np.float32), backward=False)
    return report.layers[0].moments["pre-activation"].std


def run(draw: bool) -> Page:
    """Measure all three."""
    digit = pi.data.mnist_5k().inputs[2500:2501]
    signed = digit - np.float32(0.5)
    through = {}
    for activation in ("linear", "relu"):
        layers = pi.mlp([784] * 21, activation, "identity", output_activation=activation)
        values = signed
        for at in range(20):
            weight = layers.layers[at].recipe((784, 784), key=0)
            z = pi.linalg.matmul(values, weight)
            values = z if activation == "linear" else np.maximum(z, 0)
        through[activation] = values
    ramp = np.add.outer(3.0 * np.arange(8), np.arange(8)).astype(np.float32)
    points = (np.arange(16) + 0.5) / 2 - 0.5
    wanted = np.add.outer(3.0 * points, points)
    large = upsampled(digit.reshape(28, 28), 4)
    figures = {
        "sparse_100": spread(pi.sparse(1 - 15 / 100, std=1.0), 100),
        "sparse_1000": spread(pi.sparse(1 - 15 / 1000, std=1.0), 1000),
        "dense_100": spread(pi.normal(), 100),
        "dense_1000": spread(pi.normal(), 1000),
        "identity_linear": bool((through["linear"] == signed).all()),
        "identity_relu": bool((through["relu"] == np.maximum(signed, 0)).all()),
        "identity_dead": int((signed < 0).sum()),
        "ramp_error": float(np.abs(upsampled(ramp, 2) - wanted)[1:-1, 1:-1].max()),
        "mean_change": abs(float(large.mean(dtype=np.float64)) / float(digit.mean(dtype=np.float64)) - 1),
    }
    picture = _picture(digit.reshape(28, 28), large) if draw else None
    return Page("patterns", "Sparse, identity, bilinear", TEXT, figures, picture)


def _picture(digit: np.ndarray, large: np.ndarray) -> object:
    figure, axes = canvas(4, height=2.8)
    weight = pi.sparse(1 - 15 / 100, std=1.0)((100, 100), key=0)
    axes[0].imshow(weight, cmap="RdBu", vmin=-3, vmax=3, interpolation="nearest")
    axes[0].set_title("sparse: 15 of 100 in each column", fontsize=8)
    for recipe, color, label in (
        (pi.sparse(0.85, std=1.0), COLORS[0], "sparse"),
        (pi.normal(), COLORS[1], "N(0, 1)"),
    ):
        widths = [50, 100, 200, 400]
        kept = [
            spread(recipe if label != "sparse" else pi.sparse(1 - 15 / width, std=1.0), width)
            for width in widths
        ]
        axes[1].plot(widths, kept, color=color, marker="o", label=label)
    axes[1].set_title("std on ones, by inputs", fontsize=8)
    axes[1].set_ylim(0)
    axes[1].legend(fontsize=7, frameon=False)
    for axis, image, title in ((axes[2], digit, "a digit"), (axes[3], large, "bilinear, 4 times as large")):
        axis.imshow(image, cmap="gray_r", interpolation="nearest")
        axis.set_title(title, fontsize=8)
        axis.set_axis_off()
    return figure
