"""Eight layers on Abalone: who learns the age of a shell, with tanh and with relu."""

from __future__ import annotations

import pyinit as pi

from .page import Page

TEXT = """
8-16-16-16-16-16-16-16-1 on the 4,177 shells of Abalone, 15 epochs of Adam at 0.005, batches of 64; RMSE in
rings on the last 1,044 rows. Predicting the mean has 3.07: a network there has learned nothing. Least
squares has 2.126: a healthy network is below.

| start | tanh | relu |
|---|---|---|
| zeros | {tanh_zeros:.3f} | {relu_zeros:.3f} |
| N(0, 1) | {tanh_normal:.3f} | {relu_normal:.1f} |
| Xavier | {tanh_xavier:.3f} | {relu_xavier:.3f} |
| He | {tanh_he:.3f} | {relu_he:.3f} |

Adam forgives the factor 2 between Xavier and He over eight layers. It does not forgive N(0, 1): tanh begins
with most units at their ends, relu with an output {relu_first:.0e} times the spread of the targets,
squared. The picture shows relu.
"""
STARTS = {"zeros": "zeros", "N(0, 1)": "normal", "Xavier": "xavier_normal", "He": "he_normal"}


def run(draw: bool) -> Page:
    """Train from all four, with both activations."""
    data = pi.data.abalone().standardized()
    figures: dict[str, float] = {}
    for activation in ("tanh", "relu"):
        found = pi.compare(
            STARTS,
            data,
            widths=[8] + [16] * 7 + [1],
            activation=activation,
            optimizer=pi.Adam(0.005),
            epochs=15,
            batch_size=64,
            record=369 if draw else None,
            score="epoch" if draw else "end",
        )
        for name, label in zip(("zeros", "normal", "xavier", "he"), STARTS, strict=True):
            figures[f"{activation}_{name}"] = found[label].final_score
    figures["relu_first"] = float(found["N(0, 1)"].losses[0])
    picture = found.plot() if draw else None
    return Page("abalone_training", "Eight layers on Abalone: who learns", TEXT, figures, picture)
