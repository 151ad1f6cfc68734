"""The answer a contender must give before it is timed: a known digest, or the right moments."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...stream.dtypes import BFLOAT16, decode
from .contender import Job

# Standard errors by which a sample moment may differ; two in 1e9 honest samples would fail.
_SIGMAS = 6.0

# Half-precision grids round every value: their moments may differ from the ideal ones by this much.
_GRID_SLACK = {"float32": 0.0, "float64": 0.0, "bfloat16": 2e-3, "float16": 1e-3}

SAMPLE = 1 << 20
DIGEST_ELEMENTS = 1 << 12


class AnswerError(AssertionError):
    """A contender did not produce what the case requires, so its time means nothing."""


@dataclass(frozen=True)
class Moments:
    """Mean, variance and kurtosis (fourth central moment over the squared variance)."""

    mean: float
    variance: float
    kurtosis: float


def _truncated_at(bound: float) -> Moments:
    density = math.exp(-bound * bound / 2) / math.sqrt(2 * math.pi)
    mass = math.erf(bound / math.sqrt(2))
    variance = 1 - 2 * bound * density / mass
    fourth = 3 - 2 * (bound**3 + 3 * bound) * density / mass
    return Moments(0.0, variance, fourth / variance**2)


EXPECTED = {
    "normal": Moments(0.0, 1.0, 3.0),
    "uniform": Moments(0.5, 1 / 12, 1.8),
    "truncated_normal": _truncated_at(2.0),
}


def widen(values: np.ndarray[Any, Any], dtype: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return `values` as float64; bfloat16 may come as its 16-bit patterns."""
    if dtype == "bfloat16":
        return decode(values.view(np.uint16), BFLOAT16).astype(np.float64)
    return values.astype(np.float64)


def sample(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return at most `SAMPLE` elements: the first half and the last half of them."""
    flat = values.reshape(-1)
    if flat.size <= SAMPLE:
        return flat
    return np.concatenate([flat[: SAMPLE // 2], flat[-(SAMPLE // 2) :]])


def check_moments(values: np.ndarray[Any, Any], distribution: str, dtype: str, who: str) -> None:
    """Raise `AnswerError` unless mean and variance of `values` are those of `distribution`."""
    x = widen(sample(values), dtype)
    want = EXPECTED[distribution]
    slack = _GRID_SLACK[dtype]
    mean_room = _SIGMAS * math.sqrt(want.variance / x.size) + slack
    variance_room = want.variance * (_SIGMAS * math.sqrt((want.kurtosis - 1) / x.size) + slack)
    for name, got, ideal, room in (
        ("mean", float(x.mean()), want.mean, mean_room),
        ("variance", float(x.var()), want.variance, variance_room),
    ):
        if not abs(got - ideal) <= room:
            raise AnswerError(
                f"{who}: {distribution} {dtype} needs {name} {ideal:.6g} within {room:.2g}; "
                f"got {got:.6g}. It is not timed."
            )


def moments_check(
    job: Job, who: str, values: Callable[[Any], np.ndarray[Any, Any]] = np.asarray
) -> Callable[[Any], None]:
    """Return a check of what `who` made for `job`; `values` turns that into an array."""
    return lambda made: check_moments(values(made), job.distribution, job.dtype, who)


def digest(values: np.ndarray[Any, Any]) -> str:
    """Return the BLAKE2b-64 of the little-endian bytes of the first `DIGEST_ELEMENTS` elements."""
    first = np.ascontiguousarray(values.reshape(-1)[:DIGEST_ELEMENTS])
    return hashlib.blake2b(first.tobytes(), digest_size=8).hexdigest()


def check_digest(values: np.ndarray[Any, Any], want: str, who: str) -> None:
    """Raise `AnswerError` unless the first elements of `values` have the known digest."""
    got = digest(values)
    if got != want:
        raise AnswerError(f"{who}: the first elements need digest {want}; got {got}. It is not timed.")
