"""Deep linear networks: from orthogonal weights the learning time does not depend on the depth."""

from __future__ import annotations

import numpy as np

import pyinit as pi

from .page import COLORS, Page, canvas

TEXT = """
A chain of linear layers is one matrix, and still learns slowly where its layers are Gaussian: the product
of L Gaussian matrices has singular values spread over orders of magnitude, so that most directions see
almost no gradient. Orthogonal layers keep every direction at length 1 (Saxe, McClelland, Ganguli, ICLR
2014).

Digits of 7 x 7 pixels, layers of 49 units, a squared error on one-hot targets, SGD at 0.5 / L for both.
Steps until the loss of the last {window} batches is below {threshold}; a network that is not there after
{steps} steps has {steps}+:

| layers | orthogonal | Gaussian, variance 1 / n |
|---|---|---|
| {depths[0]} | {orthogonal[0]} | {gaussian_said[0]} |
| {depths[1]} | {orthogonal[1]} | {gaussian_said[1]} |
| {depths[2]} | {orthogonal[2]} | {gaussian_said[2]} |

A shallow Gaussian chain is even faster: its largest singular values are above 1. The deep one still has a
loss of {gaussian_end:.3f} when the orthogonal one of that depth has {orthogonal_end:.3f}.
"""
DEPTHS = (4, 8, 32)
STEPS, WINDOW, THRESHOLD = 100, 5, 0.07


def small_digits() -> pi.data.Dataset:
    """Return the digits, each square of 4 x 4 pixels averaged, standardized."""
    data = pi.data.mnist_5k()
    pixel = np.arange(784)
    square = pixel // 28 // 4 * 7 + pixel % 28 // 4
    pool = (square[:, None] == np.arange(49)).astype(np.float32) / 16
    inputs = pi.linalg.matmul(data.inputs, pool)
    return pi.data.Dataset(
        "digits of 7 x 7",
        inputs,
        data.targets,
        train=data.train,
        test=data.test,
        classes=data.classes,
        per="all",
    ).standardized()


def smoothed(history: pi.History) -> np.ndarray:
    """Return the mean of the last WINDOW losses at each step."""
    return np.convolve(history.losses, np.ones(WINDOW) / WINDOW, mode="valid")


def learning_time(history: pi.History) -> int:
    """Return the steps until the loss is below the threshold, STEPS if it never is."""
    below = np.flatnonzero(smoothed(history) < THRESHOLD)
    return int(below[0]) + WINDOW if len(below) else STEPS


def run(draw: bool) -> Page:
    """Train chains of several depths from both."""
    data = small_digits()
    histories: dict[tuple[str, int], pi.History] = {}
    for name, recipe in (("orthogonal", pi.orthogonal()), ("Gaussian", pi.lecun_normal())):
        for depth in DEPTHS:
            histories[name, depth] = pi.train(
                pi.mlp([49] * depth + [10], "linear", recipe, bias=None),
                data,
                loss="mse",
                learning_rate=0.5 / depth,
                steps=STEPS,
                batch_size=256,
                record=None,
                score="end",
            )
    times = {
        name: [learning_time(histories[name, depth]) for depth in DEPTHS]
        for name in ("orthogonal", "Gaussian")
    }
    figures = {
        "depths": DEPTHS,
        "steps": STEPS,
        "window": WINDOW,
        "threshold": THRESHOLD,
        "orthogonal": times["orthogonal"],
        "gaussian": times["Gaussian"],
        "gaussian_said": [f"{time}+" if time == STEPS else time for time in times["Gaussian"]],
        "orthogonal_end": float(smoothed(histories["orthogonal", DEPTHS[-1]])[-1]),
        "gaussian_end": float(smoothed(histories["Gaussian", DEPTHS[-1]])[-1]),
    }
    picture = _picture(histories, times) if draw else None
    return Page("orthogonal_depth", "Orthogonal chains learn at every depth alike", TEXT, figures, picture)


def _picture(histories: dict[tuple[str, int], pi.History], times: dict[str, list[int]]) -> object:
    figure, axes = canvas(3)
    for column, (name, color) in enumerate(zip(times, COLORS, strict=False)):
        for depth, shade in zip(DEPTHS, (0.4, 0.65, 1.0), strict=True):
            axes[column].plot(
                smoothed(histories[name, depth]), color=color, alpha=shade, label=f"{depth} layers"
            )
        axes[column].axhline(THRESHOLD, color="#666666", linewidth=0.7, linestyle=":")
        axes[column].set_title(f"{name}: loss by step", fontsize=9)
        axes[column].set_ylim(0.04, 0.3)
        axes[column].set_yscale("log")
        axes[column].legend(fontsize=7, frameon=False)
        axes[2].plot(DEPTHS, times[name], color=color, marker="o", label=name)
    axes[2].set_title("steps to the dotted loss, by depth", fontsize=9)
    axes[2].set_ylim(0, STEPS * 1.05)
    axes[2].set_xlabel("layers", fontsize=8)
    axes[2].legend(fontsize=7, frameon=False)
    return figure
