"""A leaf, decided before any memory is allocated: its plan, its key and its sharding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from ..errors import DTypeError, PyinitError, RecipeError
from ..recipes.distributions import Constant
from ..recipes.recipe import Recipe
from ..recipes.rules import check_rows
from ..stream.dtypes import FORMATS
from ..stream.kernels import execute
from ..stream.key import Key
from ..stream.plan import Plan
from ..stream.window import Shape
from .arrays import filled
from .initializer import canonical

__all__ = ["Complaints", "Draft", "drafted"]


@dataclass(frozen=True)
class Draft:
    """A leaf that a plan fills."""

    plan: Plan
    dtype: Any
    key: Key
    sharding: jax.sharding.Sharding | None
    zero_rows: tuple[int, ...] = ()

    def made(self, threads: int | None) -> jax.Array:
        """Return the array."""
        plan = self.plan

        def write(out: Any, start: Shape) -> None:
            if out.dtype.name in FORMATS:
                execute(plan, out, self.key, start, threads)
            else:
                out[...] = plan.numbers[0]
            for row in self.zero_rows:
                if start[0] <= row < start[0] + out.shape[0]:
                    out[row - start[0]] = 0

        return filled(plan.shape, self.dtype, write, self.sharding)


def drafted(
    name: str,
    leaf: jax.ShapeDtypeStruct,
    recipe: Recipe,
    key: Key,
    sharding: jax.sharding.Sharding | None,
    zero_rows: Sequence[int] = (),
) -> Draft:
    """Return the draft of a leaf that a recipe fills.

    Raises
    ------
    RecipeError, ShapeError, DTypeError, LayoutError
        If the recipe cannot fill it.
    """
    check_rows(zero_rows, leaf.shape)
    dtype = canonical(leaf.dtype)
    if dtype.name in FORMATS:
        plan = recipe.plan(leaf.shape, dtype.name)
        return Draft(plan, dtype, key, sharding, tuple(zero_rows))
    if not isinstance(recipe, Constant) or np.array(recipe.value).astype(dtype) != recipe.value:
        raise DTypeError(
            f"only a constant of its own can fill an array of {dtype}; got {recipe!r}. Name one, such as "
            f"{{{name!r}: pyinit.zeros()}}, or make the leaf yourself: only a ShapeDtypeStruct is filled."
        )
    plan = Plan("constant", leaf.shape, dtype.name, numbers=(recipe.value,))
    return Draft(plan, dtype, key, sharding, tuple(zero_rows))


class Complaints:
    """Collects the errors of leaves, so that all of them are named at once."""

    def __init__(self) -> None:
        self._found: list[tuple[str, PyinitError]] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Collect an error that is raised for the leaf of this name."""
        try:
            yield
        except PyinitError as error:
            self._found.append((name, error))

    def check(self) -> None:
        """Raise the error of a single leaf as it is, and one RecipeError for several leaves."""
        if not self._found:
            return
        messages = [f"{name}: {error}" for name, error in self._found]
        if len(messages) == 1:
            raise type(self._found[0][1])(messages[0]) from None
        raise RecipeError(f"{len(messages)} leaves cannot be made. {' '.join(messages)}") from None
