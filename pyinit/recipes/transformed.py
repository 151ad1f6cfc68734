"""What recipes that are functions of a uniform draw share: bounds, a factor, and where the values end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace

from ..errors import RecipeError
from ..stream.arguments import number
from ..stream.dtypes import DType, resolve
from ..stream.plan import Plan
from ..stream.window import Shape
from .distributions import Constant
from .recipe import Recipe

__all__ = ["Transformed"]


@dataclass(frozen=True, repr=False)
class Transformed(Recipe):
    """A function of a uniform draw between two bounds, times `scale`."""

    low: float
    high: float
    _: KW_ONLY
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise RecipeError(
                f"{self.verb} needs low < high; [{self.low!r}, {self.high!r}) is empty. Use constant() for "
                "one value."
            )
        scale = number(f"{self.verb}'s scale", self.scale)
        if scale == 0:
            raise RecipeError(f"{self.verb}'s scale must not be 0; got 0.0. Use zeros().")
        object.__setattr__(self, "scale", scale)

    def _times(self, factor: float) -> Recipe:
        return replace(self, scale=self.scale * factor) if factor else Constant(0.0)

    def _check_normal(self, values: Iterable[float], dtype: DType) -> None:
        """Refuse numbers whose logarithm a kernel could not take: those that are kept with fewer bits."""
        compute = resolve(dtype.compute)
        least = math.ldexp(1.0, compute.quantum + compute.digits - 1)
        for value in values:
            if not least <= value <= compute.largest:
                raise RecipeError(
                    f"{self!r} takes the logarithm of {value:.6g}, which is outside of the normal range of "
                    f"{compute.name}, [{least:.6g}, {compute.largest:.6g}]. Use float64 or closer bounds."
                )

    def _planned(
        self,
        shape: Shape,
        dtype: DType,
        argument: tuple[float, ...],
        ends: tuple[float, float],
        moments: tuple[float, float],
    ) -> Plan:
        """Return the plan of a function whose values run from the first of `ends` to the last, which is none.

        Moments are mean and std; neither ends nor moments have the factor yet.
        """
        first, last = (end * self.scale for end in ends)
        if max(abs(first), abs(last)) > dtype.largest:
            raise RecipeError(
                f"{dtype.name} holds values up to {dtype.largest:.6g}; {self!r} reaches "
                f"{max(abs(first), abs(last)):.6g}. Use a wider dtype or closer bounds."
            )
        if first < last:
            lowest, highest = dtype.ceil(first), dtype.below(last)
        else:
            lowest, highest = -dtype.below(-last), dtype.floor(first)
        if not min(first, last) <= lowest <= highest <= max(first, last):
            raise RecipeError(
                f"{self!r} holds no value of {dtype.name}; it needs at least one. Use a wider dtype or wider "
                "bounds."
            )
        # no zero is negative
        lowest, highest = lowest + 0.0, highest + 0.0
        return Plan(
            self.verb,
            shape,
            dtype.name,
            mean=moments[0] * self.scale,
            std=moments[1] * abs(self.scale),
            bounds=(lowest, highest),
            numbers=(*argument, self.scale, lowest, highest),
        )
