"""What mean, std and kurtosis say of numbers that are none of those expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...stream.window import Shape

__all__ = ["by_statistics"]

Floats = npt.NDArray[np.float32]


def by_statistics(shape: Shape, found: Floats, made: Floats) -> tuple[str, dict[str, Any]]:
    """Return the kind of a finding and its facts, of numbers that nothing else explains.

    Parameters
    ----------
    shape : tuple of int
        Of the whole tensor.
    found, made : ndarray of float32
        A block of it as it is, and as it was written.
    """
    finite = found[np.isfinite(found)].astype(np.float64)
    one, other = _Law.of(finite), _Law.of(made.astype(np.float64))
    facts = {
        "mean": one.mean,
        "std": one.std,
        "expected_mean": other.mean,
        "expected_std": other.std,
        "nonfinite": len(found) - len(finite),
        "same_law": len(finite) == len(found) and one.is_like(other),
    }
    by = None if facts["same_law"] or facts["nonfinite"] else _beginner(shape, finite, one)
    if by is not None:
        return "reinitialized", {"by": by, "std": one.std, "expected_std": other.std}
    return "values", facts


@dataclass(frozen=True)
class _Law:
    """Mean, std and kurtosis of n numbers."""

    n: int
    mean: float
    std: float
    kurtosis: float

    @classmethod
    def of(cls, x: npt.NDArray[np.float64]) -> _Law:
        if not len(x):
            return cls(0, math.nan, math.nan, math.nan)
        mean, std = float(x.mean()), float(x.std())
        kurtosis = float(((x - mean) ** 4).mean()) / std**4 if std else math.nan
        return cls(len(x), mean, std, kurtosis)

    def is_like(self, other: _Law) -> bool:
        """Tell whether both may be draws of one law: within five standard errors of a normal law's."""
        if not (self.std and other.std):
            return False
        error = 5 * math.sqrt(1 / self.n + 1 / other.n)
        return (
            abs(self.mean - other.mean) <= error * other.std
            and abs(self.std / other.std - 1) <= error / math.sqrt(2)
            and abs(self.kurtosis - other.kurtosis) <= error * math.sqrt(24)
        )


def _beginner(shape: Shape, x: npt.NDArray[np.float64], law: _Law) -> str | None:
    """Name who begins weights with this law, if it is one of those that everybody meets."""
    if law.n < 256:
        return None
    error = 5 / math.sqrt(law.n)
    if abs(law.mean) > error * law.std:
        return None
    if len(shape) > 1:
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        is_uniform = abs(law.kurtosis - 1.8) <= error * math.sqrt(24) and np.abs(x).max() <= bound * 1.005
        if is_uniform and abs(law.std * math.sqrt(3) / bound - 1) <= error:
            return "torch.nn.Linear"
    if abs(law.kurtosis - 3) <= error * math.sqrt(24):
        for by, std in (("transformers (std 0.02)", 0.02), ("torch.nn.Embedding", 1.0)):
            if abs(law.std / std - 1) <= error / math.sqrt(2):
                return by
    return None
