"""Statistics of a matrix: count, mean, variance, extremes, histogram, saturated and dead share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from ..errors import DTypeError, RecipeError, ShapeError
from ..stream.arguments import check_threads
from ..stream.strict_json import restored

__all__ = [
    "Asked",
    "Axis",
    "Histogram",
    "LinearAxis",
    "LogAxis",
    "Moments",
    "Question",
    "moments_from",
    "statistics",
]

Array = npt.NDArray[Any]
Asked: TypeAlias = tuple[str, float, float, int, float, float]
"""A question as the kernels take it."""

_MOST_BINS = 1 << 20


@dataclass(frozen=True)
class LinearAxis:
    """Bins of equal width over [low, high)."""

    low: float
    high: float
    bins: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.high - self.low) and self.low < self.high):
            raise RecipeError(
                f"a histogram needs finite low < high; got {self.low!r} and {self.high!r}. Write -3.0, 3.0."
            )
        if not 1 <= self.bins <= _MOST_BINS:
            raise RecipeError(f"bins must be in [1, {_MOST_BINS}]; got {self.bins!r}. Use 64.")
        if not math.isfinite(self.bins / (self.high - self.low)):
            raise RecipeError(
                f"bins of a histogram need a width of 1e-308 at least; got {self.bins} from {self.low!r} to "
                f"{self.high!r}. Write -3.0, 3.0."
            )

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Where bins begin and end, bins + 1 numbers."""
        return np.linspace(self.low, self.high, self.bins + 1)


@dataclass(frozen=True)
class LogAxis:
    """Octaves [2^e, 2^(e+1)), lowest <= e < highest, each cut into 2^cuts bins; mirrored; one bin around 0.

    Edges are exact: a bin is read from the bits of a number.
    """

    lowest: int
    highest: int
    cuts: int = 1

    def __post_init__(self) -> None:
        if not (-126 <= self.lowest < self.highest <= 128 and 0 <= self.cuts <= 10):
            raise RecipeError(
                "a logarithmic histogram needs octaves -126 <= lowest < highest <= 128 and 0 <= cuts <= 10; "
                f"got {self.lowest!r}, {self.highest!r} and {self.cuts!r}. Write -30, 30, 1."
            )

    @property
    def bins(self) -> int:
        """How many bins there are, the middle one included."""
        return 2 * ((self.highest - self.lowest) << self.cuts) + 1

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Where bins begin and end, bins + 1 numbers."""
        each = 1 << self.cuts
        steps = np.arange((self.highest - self.lowest) * each + 1)
        right = np.ldexp(1.0 + steps % each / each, steps // each + self.lowest)
        return np.concatenate((-right[::-1], right))


Axis: TypeAlias = LinearAxis | LogAxis


@dataclass(frozen=True)
class Question:
    """What to measure of a matrix beyond its moments.

    Parameters
    ----------
    axis : LinearAxis or LogAxis, optional
        Where the bins of a histogram lie; None for no histogram.
    flat : tuple of float, optional
        A number is saturated at or below the first, or at or above the second; each is rounded to float32.
    """

    axis: Axis | None = None
    flat: tuple[float, float] | None = None

    def asked(self) -> Asked:
        """Return the question as the kernels take it."""
        low, high = (-math.inf, math.inf) if self.flat is None else self.flat
        if self.axis is None:
            return "", 0.0, 0.0, 0, low, high
        if isinstance(self.axis, LinearAxis):
            return "linear", self.axis.low, self.axis.high, self.axis.bins, low, high
        return "signed_log", self.axis.lowest, self.axis.highest, self.axis.cuts, low, high


@dataclass(frozen=True)
class Histogram:
    """How many numbers fell below an axis, into each of its bins, and above."""

    axis: Axis
    below: int
    counts: tuple[int, ...]
    above: int

    def density(self) -> npt.NDArray[np.float64]:
        """Return each bin's share of all numbers."""
        total = self.below + sum(self.counts) + self.above
        return np.array(self.counts, dtype=np.float64) / max(total, 1)


@dataclass(frozen=True)
class Moments:
    """Statistics of the finite numbers of a matrix.

    Parameters
    ----------
    count, nonfinite : int
        How many numbers are finite, and how many are not.
    mean, variance : float
        The variance about the mean, divided by the count; 0 where nothing is finite.
    minimum, maximum : float
        inf and -inf where nothing is finite.
    histogram : Histogram or None
        None if it was not requested.
    saturated : float or None
        Share of the finite numbers at or beyond the thresholds; None where none were given.
    dead : float or None
        Share of columns, that is of units, that are zero in every row, or whose slope is; None where columns
        are not units.
    """

    count: int
    nonfinite: int
    mean: float
    variance: float
    minimum: float
    maximum: float
    histogram: Histogram | None = None
    saturated: float | None = None
    dead: float | None = None

    @property
    def second_moment(self) -> float:
        """Mean of the squares."""
        return self.variance + self.mean**2

    @property
    def std(self) -> float:
        """Root of the variance."""
        return math.sqrt(self.variance)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Moments:
        """Return the moments that a report or a history wrote as a dict of JSON values.

        Raises
        ------
        TypeError, ValueError, KeyError
            If it is not one.
        """
        values = {name: restored(value) for name, value in content.items() if name != "histogram"}
        for name in ("count", "nonfinite", "variance"):
            if values[name] < 0:
                raise ValueError(f"moments need a {name} of at least 0, got {values[name]}")
        bars = content["histogram"]
        if bars is None:
            return cls(**values, histogram=None)
        axis: Axis = (LogAxis if "cuts" in bars["axis"] else LinearAxis)(**bars["axis"])
        counts = tuple(int(count) for count in bars["counts"])
        return cls(**values, histogram=Histogram(axis, bars["below"], counts, bars["above"]))


def moments_from(answer: dict[str, Any], question: Question, units: int | None = None) -> Moments:
    """Return the moments in a kernel's answer; `units` where columns are units."""
    count, histogram = answer["count"], None
    if question.axis is not None:
        below, *counts, above = answer["histogram"].tolist()
        histogram = Histogram(question.axis, below, tuple(counts), above)
    return Moments(
        count,
        answer["nonfinite"],
        answer["mean"],
        answer["m2"] / count if count else 0.0,
        answer["minimum"],
        answer["maximum"],
        histogram,
        None if question.flat is None else answer["saturated"] / max(count, 1),
        None if units is None else answer["dead"] / units,
    )


def statistics(x: Array, question: Question | None = None, threads: int | None = None) -> Moments:
    """Return the statistics of an array of float32, in one pass.

    On any data, with u = 2^-53, the error of the mean is at most 1e4 u (abs(mean) + std), the relative error
    of the variance 2e-10 + 40 u abs(mean) / std; on numbers in random order, about ten u.

    Parameters
    ----------
    x : ndarray of float32
        Read as a matrix: its last axis, and all others as one. The bits of mean and variance depend on that
        shape and on the numbers; not on threads or instruction set.
    question : Question, optional
        Histogram and thresholds.
    threads : int, optional
        At most this many threads.

    Returns
    -------
    Moments
        `dead` is None.

    Raises
    ------
    ShapeError
        If there is no number.
    DTypeError
        If the array is not float32.

    Examples
    --------
    >>> import numpy as np
    >>> from pyinit.linalg.statistics import LinearAxis, Question, statistics
    >>> x = np.array([-1, 0, 1, 6], np.float32)
    >>> found = statistics(x, Question(LinearAxis(-2.0, 2.0, 4), (-1.0, 1.0)))
    >>> found.mean, found.variance, found.saturated
    (1.5, 7.25, 0.75)
    >>> found.histogram.counts, found.histogram.above
    ((0, 1, 1, 1), 1)
    """
    array = np.asarray(x)
    if array.dtype != np.float32:
        raise DTypeError(f"statistics need float32; got {array.dtype}. Use .astype(numpy.float32).")
    if array.size == 0:
        raise ShapeError(f"statistics need at least one number; got shape {array.shape}. Leave them out.")
    matrix = np.require(array, requirements=["C", "A"]).reshape(-1, array.shape[-1] if array.ndim else 1)
    question = question or Question()
    return moments_from(_core.moments(matrix, question.asked(), check_threads(threads) or 0), question)
