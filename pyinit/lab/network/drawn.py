"""Weights that are drawn panel by panel where they are used: as a whole they never exist in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...errors import RecipeError, ShapeError
from ...stream.key import Key
from ...stream.plan import Plan

__all__ = ["DISTRIBUTIONS", "Drawn", "Weight"]

DISTRIBUTIONS = ("normal", "truncated_normal", "uniform")
"""The distributions that a layer's kernel can draw."""


@dataclass(frozen=True)
class Drawn:
    """The weights that a plan of shape (inputs, units) makes under a key.

    Raises
    ------
    RecipeError
        If the layer's kernel cannot draw the distribution, or the dtype is not float32.
    ShapeError
        If the plan is not that of a matrix.
    """

    plan: Plan
    key: Key

    def __post_init__(self) -> None:
        if self.plan.distribution not in DISTRIBUTIONS or self.plan.dtype != "float32":
            raise RecipeError(
                f"a layer draws its weights in float32 from {', '.join(DISTRIBUTIONS)}; got "
                f"{self.plan.distribution} in {self.plan.dtype}. Make the array first."
            )
        if len(self.plan.shape) != 2:
            raise ShapeError(
                f"a layer's weights have shape (inputs, units); got {self.plan.shape}. Plan for a matrix."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the weights."""
        return self.plan.shape

    def given(self) -> tuple[str, int, int, tuple[float, ...]]:
        """Return the weights as the kernel takes them."""
        return self.plan.distribution, self.key.seed, self.key.offset, self.plan.numbers


Weight: TypeAlias = "npt.NDArray[np.float32] | Drawn"
