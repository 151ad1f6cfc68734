"""Points on the unit circle, computed by + - * / and sqrt alone, so that the bits agree on every machine.

NumPy's sin and cos may differ in the last bit from one machine to another. Random points are therefore
normalized pairs of normals, and the point at an angle comes from a polynomial and angle doubling.
"""

from __future__ import annotations

from math import factorial, pi

import numpy as np
import numpy.typing as npt

from ..recipes.distributions import normal
from ..stream.key import Key

__all__ = ["circle", "directions"]

Points = npt.NDArray[np.float64]


def directions(rows: int, root: Key) -> Points:
    """Return points uniform on the unit circle: normalized pairs of normals."""
    pairs = normal()((rows, 2), key=root.fold_in("direction"), dtype="float64")
    # the norm is 0 with probability 2^-54 for each point; Dataset refuses the NaN that follows
    return np.asarray(pairs / np.sqrt(pairs[:, :1] * pairs[:, :1] + pairs[:, 1:] * pairs[:, 1:]))


def circle(turns: Points) -> Points:
    """Return cos and sin of angles in turns: series of a sixteenth of the angle, doubled four times."""
    angle = (turns - np.floor(turns)) * (2 * pi / 16)
    square = angle * angle
    cosine, sine = np.zeros_like(angle), np.zeros_like(angle)
    for k in range(18, -1, -2):
        cosine = cosine * -square + 1 / factorial(k)
        sine = sine * -square + 1 / factorial(k + 1)
    sine = sine * angle
    for _ in range(4):
        cosine, sine = cosine * cosine - sine * sine, 2 * sine * cosine
    return np.stack((cosine, sine), axis=1)
