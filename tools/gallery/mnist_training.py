"""Five layers on digits: zeros, U(0, 1), Xavier and N(0, 1), seen while they train."""

from __future__ import annotations

import pyinit as pi

from .page import Page

TEXT = """
784-64-64-64-64-10 with tanh, 3 epochs of SGD at 0.1, the same batches for all. The rows of histograms are
the activations of each layer at the first, a middle and the last step.

| start | flat in layer 2 at first | at last | gradient norm of layer 0 at first | test accuracy |
|---|---|---|---|---|
| zeros | {zeros_flat_first:.0%} | {zeros_flat_last:.0%} | {zeros_gradient:.1e} | {zeros:.3f} |
| U(0, 1) | {uniform_flat_first:.0%} | {uniform_flat_last:.0%} | {uniform_gradient:.1e} | {uniform:.3f} |
| Xavier | {xavier_flat_first:.0%} | {xavier_flat_last:.0%} | {xavier_gradient:.1e} | {xavier:.3f} |
| N(0, 1) | {normal_flat_first:.0%} | {normal_flat_last:.0%} | {normal_gradient:.1e} | {normal:.3f} |

*Flat* is where tanh's slope is below a twentieth of its steepest. U(0, 1) weights are all positive, so each
unit sums its inputs: every tanh sits at an end, its slope is gone, and nothing comes back to the first
layer. N(0, 1) piles up at both ends. Only Xavier leaves tanh where it has a slope.
"""
STARTS = {
    "zeros": "zeros",
    "U(0, 1)": pi.uniform(0.0, 1.0),
    "Xavier": "xavier_normal",
    "N(0, 1)": "normal",
}


def run(draw: bool) -> Page:
    """Train from all four."""
    found = pi.compare(
        STARTS,
        pi.data.mnist_5k().standardized(),
        widths=[784, 64, 64, 64, 64, 10],
        activation="tanh",
        epochs=3,
        record=32,
        score="epoch" if draw else "end",
    )
    figures: dict[str, float] = {}
    for name, label in zip(("zeros", "uniform", "xavier", "normal"), STARTS, strict=True):
        history = found[label]
        flat = history.series(2, "pre-activation", "saturated")[1]
        figures |= {
            name: history.final_score,
            f"{name}_flat_first": float(flat[0]),
            f"{name}_flat_last": float(flat[-1]),
            f"{name}_gradient": float(history.gradient_norms()[0, 0]),
            f"{name}_std": float(history.series(3)[1][0]),
        }
    picture = found.plot() if draw else None
    return Page("mnist_training", "Five layers on digits, while they train", TEXT, figures, picture)
