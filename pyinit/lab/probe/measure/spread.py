"""What a recipe makes of a layer's weight: its moments by the plan, which theory and axes start from."""

from __future__ import annotations

import math

import numpy as np

from ....recipes.recipe import Recipe
from ....theory.law import Spread

__all__ = ["spread_of"]


def spread_of(recipe: Recipe | None, shape: tuple[int, ...]) -> Spread:
    """Return the spread of a parameter that a recipe makes; of none, zeros.

    A pattern or a given array has no spread in its plan: the tensor is made to measure it.
    """
    if recipe is None:
        return Spread(0.0, 0.0, False)
    plan = recipe.plan_for(shape, "float32")
    if plan.mean is not None and plan.std is not None and math.isfinite(plan.std):
        return Spread(plan.mean, plan.std, plan.std > 0)
    # a pattern such as the identity has no mean that each row sees
    values = recipe(shape, key=0)
    return Spread(0.0, math.sqrt(float(np.square(values, dtype=np.float64).mean())), False)
