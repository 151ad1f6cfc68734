"""Batch and layer normalization of a matrix of rows, forward and backward, without learned parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["EPSILON", "Normalized", "normalize"]

Array = npt.NDArray[Any]

EPSILON = 1e-5
"""What is added to the variance: torch's number."""


@dataclass(frozen=True)
class Normalized:
    """Values of mean 0 and variance 1 along an axis, and what they were multiplied by to be so."""

    values: Array
    inverse_sd: Array
    axis: int

    def backward(self, gradient: Array) -> Array:
        """Return the gradient by what was normalized: (g - mean(g) - y mean(g y)) / sd."""
        axis = self.axis
        along = gradient.mean(axis, np.float64, keepdims=True)
        across = (gradient * self.values).mean(axis, np.float64, keepdims=True)
        dtype = gradient.dtype
        result: Array = self.inverse_sd * (
            gradient - along.astype(dtype) - self.values * across.astype(dtype)
        )
        return result


def normalize(z: Array, norm: Literal["batch", "layer"]) -> Normalized:
    """Return (z - mean) / sqrt(variance + EPSILON): of each column for "batch", of each row for "layer".

    References
    ----------
    Ioffe and Szegedy, ICML 2015; Ba, Kiros, Hinton, 2016.
    """
    axis = 0 if norm == "batch" else 1
    mean = z.mean(axis, np.float64, keepdims=True)
    apart = z - mean.astype(z.dtype)
    variance = np.square(apart).mean(axis, np.float64, keepdims=True)
    inverse = (1.0 / np.sqrt(variance + EPSILON)).astype(z.dtype)
    return Normalized(apart * inverse, inverse, axis)
