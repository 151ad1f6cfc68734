"""Abalone through eight layers before any training: what enters each activation."""

from __future__ import annotations

import pyinit as pi

from .page import Page

TEXT = """
All 4,177 shells, standardized, through 8-16-16-16-16-16-16-16-1: histograms of what enters each activation,
and of what leaves it. Above tanh:

| start | rms of what enters layer 1 | layer 6 | flat in layer 6 | verdict |
|---|---|---|---|---|
| N(0, 1) | {tanh_normal[1]:.2f} | {tanh_normal[6]:.2f} | {tanh_normal_end:.0%} | {tanh_normal_is} |
| Xavier | {tanh_xavier[1]:.2f} | {tanh_xavier[6]:.2f} | {tanh_xavier_end:.0%} | {tanh_xavier_is} |
| Xavier U | {tanh_xavier_u[1]:.2f} | {tanh_xavier_u[6]:.2f} | {tanh_xavier_u_end:.0%} | {tanh_xavier_u_is} |
| He | {tanh_he[1]:.2f} | {tanh_he[6]:.2f} | {tanh_he_end:.0%} | {tanh_he_is} |
| U(0, 1) | {tanh_uniform[1]:.2f} | {tanh_uniform[6]:.2f} | {tanh_uniform_end:.0%} | {tanh_uniform_is} |

N(0, 1) sums 16 numbers near +-1 with weights of std 1: an rms between 3 and 4, where tanh is flat, so that
it piles up at +-1. Xavier holds but for the slow decline that theory, the dashed line, has for tanh, too.
Above relu, which has no end to pile up at:

| start | rms of what enters layer 1 | layer 6 | from layer 0 to 6, a layer | verdict |
|---|---|---|---|---|
| N(0, 1) | {relu_normal[1]:.2f} | {relu_normal[6]:.0f} | {relu_normal_rate:.2f} | {relu_normal_is} |
| Xavier | {relu_xavier[1]:.2f} | {relu_xavier[6]:.3f} | {relu_xavier_rate:.2f} | {relu_xavier_is} |
| He | {relu_he[1]:.2f} | {relu_he[6]:.2f} | {relu_he_rate:.2f} | {relu_he_is} |
| He, U | {relu_he_u[1]:.2f} | {relu_he_u[6]:.2f} | {relu_he_u_rate:.2f} | {relu_he_u_is} |
| U(0, 1) | {relu_uniform[1]:.2f} | {relu_uniform[6]:.0f} | {relu_uniform_rate:.2f} | {relu_uniform_is} |

relu passes half of the mean square: Xavier loses a factor sqrt(1/2) = 0.71 a layer, and He, which doubles
the variance, holds. With 16 units a single network strays far from that mean; the rates of Xavier and He
have a ratio of {ratio:.3f} in every draw, which is sqrt(1/2).

```python
report = pi.probe(pi.mlp([8] + [16] * 7 + [1], "tanh", pi.normal()), pi.data.abalone().standardized().inputs)
print(report)
report.plot("tanh.png")
```
"""
STARTS = {
    "normal": pi.normal(),
    "xavier": pi.xavier_normal(),
    "xavier_u": pi.xavier_uniform(),
    "he": pi.he_normal(),
    "he_u": pi.he_uniform(),
    "uniform": pi.uniform(0.0, 1.0),
}
TITLES = {"normal": "N(0, 1)", "xavier": "Xavier", "he": "He"}


def run(draw: bool) -> Page:
    """Probe all starts with tanh and relu."""
    x = pi.data.abalone().standardized().inputs
    figures: dict[str, object] = {}
    shown = []
    for activation in ("tanh", "relu"):
        for name, recipe in STARTS.items():
            title = f"{activation}, {TITLES.get(name, name)}"
            network = pi.mlp([8] + [16] * 7 + [1], activation, recipe)
            report = pi.probe(network, x, key=0, title=title, bins=48)
            entering = [layer.moments["pre-activation"] for layer in report.layers]
            rms = [moments.second_moment**0.5 for moments in entering]
            label = f"{activation}_{name}"
            figures |= {
                label: rms,
                f"{label}_end": entering[6].saturated,
                f"{label}_is": report.verdict.kind,
                f"{label}_rate": (rms[6] / rms[0]) ** (1 / 6),
            }
            if name in TITLES and not (activation == "relu" and name == "normal"):
                shown.append(report)
    figures["ratio"] = figures["relu_xavier_rate"] / figures["relu_he_rate"]  # type: ignore[operator]
    return Page(
        "abalone_layers",
        "Eight layers on Abalone, before training",
        TEXT,
        figures,
        _picture(shown) if draw else None,
    )


def _picture(reports: list[pi.Report]) -> object:
    from pyinit.lab.probe.view.picture import plot

    return plot(reports)
