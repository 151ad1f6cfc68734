"""Llama, ViT and Mamba learn alike from pyinit's recipes and from their libraries' own starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .library_training import CASES, WINDOW, Curves, apart, curves
from .page import COLORS, Page, canvas

STEPS, SEEDS = 200, range(5)
# 95 % of the differences of two means of five, by Student's t with 8 degrees of freedom
LIKELY = 2.31
LARGE = 2.0

TEXT = """
A Llama and a Mamba of transformers learn the letters of Python's documentation, a ViT of timm handwritten
digits: {steps} steps of AdamW from {seeds} seeds each, once from `pi.recipes` and once as the library begins.
The bands are one standard deviation of the seeds. Where two starts are the same distribution, the means of
their losses are less than {likely} standard errors apart in 95 % of the windows of {window} steps.

| model | recipe | last loss, recipe | last loss, own start | largest distance | below {likely} |
|---|---|---|---|---|---|
{rows}

That can fail: with matrices {large:g} times as large, the largest distances are {llama_large:.1f},
{vit_large:.1f} and {mamba_large:.1f}. Larger is not worse everywhere: for models as narrow as these a std of
0.02 is small, and the Llama and the ViT learn faster from twice that, while the Mamba begins with a loss far
above that of a guess.
"""


def run(draw: bool) -> Page:
    """Train all models from both starts, and from one that is too large."""
    figures: dict[str, Any] = {
        "steps": STEPS,
        "seeds": len(SEEDS),
        "likely": LIKELY,
        "window": WINDOW,
        "large": LARGE,
    }
    drawn, rows = {}, []
    for name, case in CASES.items():
        recipe, own = curves(case, SEEDS, STEPS), curves(case, SEEDS, STEPS, own=True)
        large = curves(case, SEEDS, STEPS, factor=LARGE)
        distance = apart(recipe, own)
        inside = float((distance < LIKELY).mean())
        figures[f"{name}_apart"], figures[f"{name}_inside"] = float(distance.max()), inside
        cells = (case.title, f"`{case.recipe}`", _last(recipe), _last(own), f"{distance.max():.1f}")
        rows.append(f"| {' | '.join(cells)} | {inside:.0%} |")
        figures[f"{name}_large"] = float(apart(large, own).max())
        drawn[case.title] = {"recipe": recipe, "own start": own, f"recipe, times {LARGE:g}": large}
    figures["rows"] = "\n".join(rows)
    picture = _picture(drawn) if draw else None
    return Page("model_recipes", "Recipes beside the libraries' own starts", TEXT, figures, picture)


def _last(found: Curves) -> str:
    return f"{found[:, -1].mean():.3f} +- {found[:, -1].std(ddof=1):.3f}"


def _picture(drawn: dict[str, dict[str, Curves]]) -> object:
    figure, axes = canvas(len(drawn))
    for place, (title, starts) in zip(axes, drawn.items(), strict=True):
        for color, (start, found) in zip(COLORS, starts.items(), strict=False):
            steps = WINDOW * (np.arange(found.shape[1]) + 0.5)
            mean, noise = found.mean(axis=0), found.std(axis=0, ddof=1)
            place.plot(steps, mean, color=color, lw=1.2, label=start)
            place.fill_between(steps, mean - noise, mean + noise, color=color, alpha=0.2, lw=0)
        place.set_title(title, fontsize=9)
        place.set_xlabel("step", fontsize=8)
    axes[0].set_ylabel("loss", fontsize=8)
    axes[0].legend(fontsize=7, frameon=False)
    return figure
