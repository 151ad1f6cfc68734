"""Mean and standard deviation that the numbers of a tensor have, block by block as they are written.

Each block is summed in the fixed order of `_core.moments`, and blocks are joined in the order of their bytes
(Chan, Golub & LeVeque 1983). So the result depends on the numbers and on where blocks end, not on threads,
instruction set or the order in which blocks were made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from ..linalg.statistics import Question
from ..stream.dtypes import FORMATS, decode, held, resolve

__all__ = ["Found", "as_float32", "is_measured", "joined", "moments_of"]

_QUESTION = Question().asked()


@dataclass(frozen=True)
class Found:
    """Count, mean and sum of squares about the mean of numbers; those that are not finite do not count."""

    count: int
    mean: float
    m2: float

    @property
    def std(self) -> float:
        """Root of the variance, which divides by the count."""
        return math.sqrt(self.m2 / self.count) if self.count else 0.0

    def to_dict(self) -> dict[str, float]:
        """Return mean and std, with six digits: what is found is compared by eye."""
        return {"mean": float(f"{self.mean:.6g}"), "std": float(f"{self.std:.6g}")}


def is_measured(dtype: str) -> bool:
    """Return whether tensors of a dtype have a mean and a std here: floating numbers have."""
    return dtype in FORMATS and not resolve(dtype).is_complex


def as_float32(data: npt.NDArray[np.uint8], dtype: str) -> npt.NDArray[np.float32]:
    """Return the numbers of bytes of a floating dtype as float32; float64 is rounded."""
    if dtype == "bfloat16":
        wide = data.view(np.uint16).astype(np.uint32)
        wide <<= 16
        return wide.view(np.float32)
    found = resolve(dtype)
    array: npt.NDArray[Any] = data.view(dtype) if found.bits is None else decode(held(data, found), found)
    with np.errstate(over="ignore"):
        return array.astype(np.float32, copy=False)


def moments_of(data: npt.NDArray[np.uint8], dtype: str) -> Found:
    """Return the moments of the bytes of a block of a floating dtype."""
    if not len(data):
        return Found(0, 0.0, 0.0)
    answer = _core.moments(as_float32(data, dtype).reshape(1, -1), _QUESTION, 1)
    return Found(answer["count"], answer["mean"], answer["m2"])


def joined(parts: Iterable[Found]) -> Found:
    """Return the moments of all parts together; the bits depend on their order.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.checkpoint.found import joined, moments_of
    >>> one, two = np.float32([1, 2, 3]), np.float32([4, 5, 6, 7])
    >>> found = joined(moments_of(x.view(np.uint8), "float32") for x in (one, two))
    >>> found.count, found.mean, found.std
    (7, 4.0, 2.0)
    """
    count, mean, m2 = 0, 0.0, 0.0
    for part in parts:
        if not part.count:
            continue
        both = count + part.count
        delta = part.mean - mean
        m2 += part.m2 + delta * delta * (count * part.count / both)
        mean += delta * (part.count / both)
        count = both
    return Found(count, mean, m2)
