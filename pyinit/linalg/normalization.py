"""Batch and layer normalization of a matrix of rows, forward and backward, without learned parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .sums import mean

__all__ = ["EPSILON", "Normalized", "normalize"]

Array = npt.NDArray[Any]

EPSILON = 1e-5
"""Number added to the variance: that of torch."""


@dataclass(frozen=True)
class Normalized:
    """Values of mean 0 and variance 1 along an axis, and the mean and 1 / sd that made them so."""

    values: Array
    mean: Array
    inverse_sd: Array
    axis: int

    def same(self, z: Array) -> Array:
        """Return (z - mean) / sd of another z, with this mean and standard deviation."""
        result: Array = (z - self.mean) * self.inverse_sd
        return result

    def backward(self, gradient: Array) -> Array:
        """Return the gradient with respect to the input: (g - mean(g) - y mean(g y)) / sd."""
        axis = self.axis
        along = mean(gradient, axis, keepdims=True)
        across = mean(gradient * self.values, axis, keepdims=True)
        dtype = gradient.dtype
        result: Array = self.inverse_sd * (
            gradient - along.astype(dtype) - self.values * across.astype(dtype)
        )
        return result


def normalize(z: Array, norm: Literal["batch", "layer"]) -> Normalized:
    """Return (z - mean) / sqrt(variance + EPSILON): for each column if "batch", for each row if "layer".

    References
    ----------
    Ioffe and Szegedy, ICML 2015; Ba, Kiros, Hinton, 2016.
    """
    axis = 0 if norm == "batch" else 1
    centre = mean(z, axis, keepdims=True).astype(z.dtype)
    apart = z - centre
    # squares of float32 numbers overflow from 1.9e19 on
    variance = mean(np.square(apart, dtype=np.float64), axis, keepdims=True)
    inverse = (1.0 / np.sqrt(variance + EPSILON)).astype(z.dtype)
    return Normalized(apart * inverse, centre, inverse, axis)
