"""`pyinit.fill`: a recipe's plan executed on the caller's memory."""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..errors import RecipeError
from .arguments import check_threads
from .kernels import execute
from .key import Key, as_key
from .memory import borrow
from .plan import Plan
from .window import Shape, Window, check_window

__all__ = ["Plannable", "fill", "planned"]

Buffer = TypeVar("Buffer")


class Plannable(Protocol):
    """What `fill` needs of a recipe."""

    def plan_for(self, shape: Shape, dtype: str) -> Plan:
        """Return the plan of a checked shape and a format's name."""


def fill(
    out: Buffer,
    recipe: Plannable,
    *,
    key: int | Key,
    window: Window | None = None,
    threads: int | None = None,
) -> Buffer:
    """Fill a buffer in place with anything that can plan itself; see `pyinit.fill`."""
    array, dtype = borrow(out)
    plan, start = planned(recipe, array.shape, dtype, window)
    execute(plan, array, as_key(key), start, check_threads(threads))
    return out


def planned(recipe: Plannable, extent: Shape, dtype: str, window: Window | None) -> tuple[Plan, Shape | None]:
    """Return the plan of the whole tensor, and where in it memory of shape `extent` starts."""
    try:
        plan_for = recipe.plan_for
    except AttributeError:
        raise RecipeError(
            f"a recipe is needed; got {recipe!r}. Use pyinit.normal(), pyinit.he_normal() or another recipe."
        ) from None
    if window is None:
        return plan_for(extent, dtype), None
    check_window(window, extent)
    return plan_for(window.global_shape, dtype), window.start
