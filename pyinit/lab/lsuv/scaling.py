"""The factors that give an output its variance: one for a layer, or one for each unit with a bias."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...errors import RecipeError
from ...linalg.statistics import statistics
from ...linalg.sums import total
from ...recipes.recipe import Recipe, as_recipe
from ...stream.arguments import brief, count, number

__all__ = ["Aim", "Factors", "aim_of", "warn_of_left"]

Array = npt.NDArray[np.float32]

_NOISE = 1e-6
"""The std, in means, below which numbers differ by the rounding of a product alone."""
_SCALINGS = ("layer", "unit", "between")


class Factors(NamedTuple):
    """The factors of a weight, each a float32; the bias; the std of the output before and after."""

    values: tuple[float, ...]
    bias: tuple[float, ...]
    before: float
    after: float

    def applied(self, product: Array) -> Array:
        """Return the output, from the product with the weight before it was scaled."""
        z: Array = product * np.asarray(self.values, np.float32)
        return z + np.asarray(self.bias, np.float32) if self.bias else z


class Aim(NamedTuple):
    """What a start scales, and how far.

    Parameters
    ----------
    recipe : Recipe or None
        What weights are before they are scaled; None for their own.
    std, tolerance : float
    iterations : int
    is_by_unit : bool
    """

    recipe: Recipe | None
    std: float
    tolerance: float
    iterations: int
    is_by_unit: bool

    def factors(self, product: Array, threads: int | None, *, has_bias: bool) -> Factors | str:
        """Return the factors for an output (rows, units) without bias, or why there are none."""
        found = statistics(product, threads=threads)
        if found.nonfinite:
            return f"{found.nonfinite} numbers of its output are not finite"
        if not found.std > _NOISE * abs(found.mean):
            return "its output is one number for all rows and units"
        if self.is_by_unit:
            return self._by_unit(product, found.std, threads, has_bias)
        factor, std = 1.0, found.std
        for _ in range(self.iterations):
            if abs(std - self.std) <= self.tolerance:
                break
            factor = float(np.float32(factor * self.std / std))
            if not np.isfinite(factor):
                return f"its output has std {found.std:.3g}, which no float32 can scale to {self.std:g}"
            std = statistics(product * np.float32(factor), threads=threads).std
        return Factors((factor,), (), found.std, std)

    def _by_unit(self, product: Array, before: float, threads: int | None, has_bias: bool) -> Factors | str:
        rows = len(product)
        mean = total(product) / rows
        spread = np.sqrt(total((product - mean) ** 2) / rows)
        # a unit that is one number for all rows is left
        alive = spread > _NOISE * abs(mean)
        if not alive.any():
            return "each unit of its output is one number for all rows"
        scale = np.where(alive, self.std / np.where(alive, spread, 1.0), 1.0).astype(np.float32)
        shift = np.where(alive, -mean * scale, 0.0).astype(np.float32) if has_bias else None
        made = Factors(
            tuple(map(float, scale)), () if shift is None else tuple(map(float, shift)), before, 0.0
        )
        return made._replace(after=statistics(made.applied(product), threads=threads).std)


def aim_of(recipe: Any, std: Any, tolerance: Any, iterations: Any, scaling: Any) -> Aim:
    """Return what a start scales, and how far, from the options of a call."""
    advice = "Leave it out for the paper's."
    if scaling not in _SCALINGS:
        raise RecipeError(f"scaling is one of {', '.join(_SCALINGS)}; got {brief(scaling)}. Choose one.")
    return Aim(
        None if recipe is None else as_recipe(recipe),
        number("lsuv's std", std, above=0.0, advice=advice),
        number("lsuv's tolerance", tolerance, least=0.0, advice=advice),
        count("lsuv's iterations", iterations),
        scaling != "layer",
    )


def warn_of_left(left: Iterable[tuple[str, str]]) -> None:
    """Warn of layers that were left as they were."""
    for name, why in left:
        warnings.warn(f"lsuv left {name} as it was: {why}. Look at what enters it.", stacklevel=3)
