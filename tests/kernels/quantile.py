"""The exact quantile of a truncated normal, by integers and arbitrary precision: an oracle for the kernel."""

from __future__ import annotations

import math

import mpmath
import numpy as np
from scipy import special

__all__ = ["Probability", "error", "probability", "quantile"]

# Probabilities are integers times 2^-SCALE: enough for 60 digits of the mass beyond 37 std.
SCALE = 1400

Probability = tuple[np.ndarray, np.ndarray]
"""min(p, 1 - p) and 2 p - 1, each rounded once from the exact number: one of them has all digits of p."""


def _mass_above(x: float) -> int:
    with mpmath.workdps(450):
        return int(mpmath.nint(mpmath.erfc(mpmath.mpf(x) / mpmath.sqrt(2)) / 2 * mpmath.mpf(2) ** SCALE))


_rounded = np.frompyfunc(lambda above, whole: above / whole, 2, 1)


def probability(a: float, b: float, words: np.ndarray, bits: int) -> Probability:
    """Return where words of `bits` bits lie between the bounds: p = Phi(a) + (w + 1/2) 2^-bits M."""
    at_a, at_b = _mass_above(a), _mass_above(b)
    whole = 1 << (SCALE + bits + 1)
    above = (at_a << (bits + 1)) - (at_a - at_b) * (2 * words.astype(object) + 1)
    doubled = whole - 2 * above
    tail = np.where(doubled > 0, above, whole - above)
    return _rounded(tail, whole).astype(np.float64), _rounded(doubled, whole).astype(np.float64)


def quantile(p: Probability) -> np.ndarray:
    """Return the normal quantile by SciPy, in float64, to about 1e-15 of itself."""
    tail, doubled = p
    centre = np.abs(doubled) < 0.8
    size = np.where(
        centre,
        math.sqrt(2) * special.erfinv(np.where(centre, np.abs(doubled), 0)),
        -special.ndtri(np.where(centre, 0.1, tail)),
    )
    return np.copysign(size, doubled)


def error(z: np.ndarray, p: Probability) -> np.ndarray:
    """Return the error of z relative to the quantile, in 40 digits: (Phi(z) - p) / (phi(z) z)."""
    found = []
    with mpmath.workdps(40):
        for value, tail, doubled in zip(z.tolist(), *(part.tolist() for part in p), strict=True):
            size = abs(mpmath.mpf(value))
            if abs(doubled) < 0.5:
                difference = (mpmath.erf(size / mpmath.sqrt(2)) - abs(mpmath.mpf(doubled))) / 2
            else:
                difference = mpmath.mpf(tail) - mpmath.erfc(size / mpmath.sqrt(2)) / 2
            same_side = (value > 0) == (doubled > 0)
            found.append(abs(float(difference / mpmath.npdf(size) / size)) if same_side else math.inf)
    return np.array(found)
