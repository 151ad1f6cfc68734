"""One learning rate for every width: muP keeps what a standard initialization does not."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

WIDTHS = (64, 128, 256, 512)

TEXT = """
Three hidden relu layers of {narrow} to {wide} units learn the ages of abalones, the output beginning with
zeros, under one learning rate. After {steps} steps of SGD the middle layer of the widest network has moved
{standard_times:.1f} times as far as that of the narrowest: its change grows like width^{standard:.2f}, so
that a learning rate that is right for one width is too large for the next. Under muP (`pi.mup`: std, learning
rates and the output by the base shapes of the narrowest) it moves {mup_times:.2f} times as far,
width^{mup:.2f}.

| steps of | middle layer, standard | muP |
|---|---|---|
| SGD | width^{standard:.2f} | width^{mup:.2f} |
| Adam | width^{standard_adam:.2f} | width^{mup_adam:.2f} |

At the base width the two are {word} training, bit for bit.
"""


def run(draw: bool) -> Page:
    """Check coordinates of both, under SGD and Adam."""
    data = pi.data.abalone()
    inputs = data.inputs.shape[1]
    rules = {"layers.3.weight": "zeros", "*.bias": "zeros", "*.weight": "he_normal"}

    def make(width: int) -> pi.Network:
        hidden = pi.mlp([inputs, width, width, width], "relu", output_activation="relu").layers
        return pi.Network((*hidden, pi.Dense(width, 1, "linear", "zeros")))

    def shapes(width: int) -> dict[str, tuple[int, ...]]:
        return {name: shape for name, (shape, _) in make(width).parameters().items()}

    def check(optimizer: str, rate: float, is_mup: bool) -> pi.CoordinateCheck:
        def scheme(width: int) -> pi.Scheme:
            given: Any = (shapes(width), shapes(WIDTHS[0]), rules)
            return pi.mup(*given, outputs="layers.3.weight", optimizer=optimizer, multipliers=False)

        return pi.coordinate_check(
            make,
            WIDTHS,
            data,
            scheme=scheme if is_mup else None,
            optimizer=optimizer,
            learning_rate=rate,
            steps=4,
            seeds=3,
        )

    standard, mup = (check("sgd", 0.003, is_mup) for is_mup in (False, True))
    adam = {is_mup: check("adam", 0.001, is_mup).slopes()["layers.1"] for is_mup in (False, True)}
    is_same = bool(np.array_equal(standard.changes[..., 0], mup.changes[..., 0]))
    figures = {
        "narrow": WIDTHS[0],
        "wide": WIDTHS[-1],
        "steps": len(mup.sizes) - 1,
        "standard": standard.slopes()["layers.1"],
        "mup": mup.slopes()["layers.1"],
        "standard_adam": adam[False],
        "mup_adam": adam[True],
        "standard_times": float(standard.changes[-1, 1, -1] / standard.changes[-1, 1, 0]),
        "mup_times": float(mup.changes[-1, 1, -1] / mup.changes[-1, 1, 0]),
        "stable": mup.is_stable,
        "same": is_same,
        "word": "the same" if is_same else "another",
    }
    picture = _picture(standard, mup) if draw else None
    return Page("widths", "One learning rate for every width", TEXT, figures, picture)


def _picture(standard: pi.CoordinateCheck, mup: pi.CoordinateCheck) -> object:
    figure, axes = canvas(2, width=8.5)
    for place, check, title in ((axes[0], standard, "he_normal, one rate"), (axes[1], mup, "muP")):
        for color, layer, changes in zip(COLORS, check.layers, check.changes[-1], strict=False):
            place.plot(check.widths, changes, color=color, marker="o", ms=3, label=layer)
        place.set_xscale("log", base=2)
        place.set_yscale("log")
        place.set_ylim(1e-5, 1)
        place.set_xlabel("width", fontsize=8)
        place.set_title(f"{title}: how far each layer moved in 4 steps", fontsize=9)
    axes[0].legend(fontsize=7, frameon=False)
    return figure
