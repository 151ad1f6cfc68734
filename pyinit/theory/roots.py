"""Roots of many functions at once, each inside its own bracket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .domain import Rows, Values

__all__ = ["bracketed"]

_STEPS = 100


def bracketed(f: Callable[[Values, Rows], Values], low: Values, high: Values, tolerance: float) -> Values:
    """Return x between low and high with f(x, row) = 0, within the tolerance, by Ridders' method.

    The signs at the two ends differ; where they do not, the end nearer to a root is returned.
    """
    low, high = low.copy(), high.copy()
    rows = np.arange(len(low))
    at_low, at_high = f(low, rows), f(high, rows)
    best = np.where(np.abs(at_low) <= np.abs(at_high), low, high)
    open_ = np.sign(at_low) * np.sign(at_high) < 0
    for _ in range(_STEPS):
        row = rows[open_]
        if not len(row):
            break
        a, b, fa, fb = low[row], high[row], at_low[row], at_high[row]
        middle = (a + b) / 2
        fm = f(middle, row)
        # fa and fb differ in sign, so the root is real
        x = middle + (middle - a) * np.sign(fa - fb) * fm / np.sqrt(fm * fm - fa * fb)
        fx = f(x, row)
        moved = np.abs(x - best[row])
        best[row] = x
        # the two points inside, in order, cut the bracket in three: the root is where the sign changes
        left, right = np.minimum(x, middle), np.maximum(x, middle)
        fl, fr = np.where(x < middle, fx, fm), np.where(x < middle, fm, fx)
        first, second = fa * fl <= 0, fl * fr <= 0
        low[row] = np.where(first, a, np.where(second, left, right))
        at_low[row] = np.where(first, fa, np.where(second, fl, fr))
        high[row] = np.where(first, left, np.where(second, right, b))
        at_high[row] = np.where(first, fl, np.where(second, fr, fb))
        settled = (fx == 0) | (moved <= tolerance) | (high[row] - low[row] <= tolerance)
        open_[row[settled]] = False
    return best
