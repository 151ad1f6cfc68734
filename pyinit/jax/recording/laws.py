"""Which equations of a traced program are draws of `jax.random`, and of what law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np

from ...errors import RecipeError
from ..initializer import DRAWN
from .nodes import is_key

__all__ = ["Law", "law_of"]

# what each function of jax.random compiles under is asked of JAX itself, so a new name of it is found
_DRAWS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda key: jax.random.normal(key, (2,), np.float32),
    "uniform": lambda key: jax.random.uniform(key, (2,), np.float32),
    "truncated_normal": lambda key: jax.random.truncated_normal(key, -2.0, 2.0, (2,), np.float32),
    "orthogonal": lambda key: jax.random.orthogonal(key, 2, (), np.float32),
}


_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "normal": ("key",),
    "uniform": ("key", "minval", "maxval"),
    "truncated_normal": ("key", "lower", "upper"),
    "orthogonal": ("key",),
}
"""What JAX's functions call their operands; a call with keywords has them in another order."""


@dataclass(frozen=True)
class Law:
    """A law by its name in `jax.random`, and the operands that are the key and the bounds, by position."""

    name: str
    operands: tuple[int, ...]


def law_of(equation: Any) -> Law | None:
    """Return the law of an equation that draws, or None.

    Told by the function of JAX's that was traced, so no other function of that name is taken for it. One with
    bounds that are arrays, or of a dtype that pyinit does not draw, is None: its operations are read.
    """
    mark = _mark(equation)
    law = None if mark is None else _marks().get(mark)
    if law is None or len(equation.outvars) != 1:
        return None
    names = equation.params["jaxpr"].jaxpr.debug_info.arg_names
    if sorted(map(str, names)) != sorted(_ARGUMENTS[law]) or len(names) != len(equation.invars):
        return None
    operands = tuple(names.index(name) for name in _ARGUMENTS[law])
    key, *bounds = (equation.invars[position].aval for position in operands)
    out = equation.outvars[0].aval
    single = all(bound.shape == () for bound in bounds)
    stacked = is_key(key.dtype) and out.shape[: key.ndim] == key.shape
    return Law(law, operands) if single and stacked and str(out.dtype) in DRAWN else None


def _mark(equation: Any) -> tuple[str, str] | None:
    inner = equation.params.get("jaxpr")
    name = equation.params.get("name")
    source = getattr(getattr(getattr(inner, "jaxpr", None), "debug_info", None), "func_src_info", None)
    return (name, source) if name and source else None


@cache
def _marks() -> dict[tuple[str, str], str]:
    found = {}
    for law, draw in _DRAWS.items():
        with jax.disable_jit(False):
            equations = jax.make_jaxpr(draw)(jax.random.key(0)).eqns
        mark = _mark(equations[0]) if len(equations) == 1 else None
        if mark is None:
            raise RecipeError(
                f"jax.random.{law} of JAX {jax.__version__} is not traced as one call, by which "
                "pyinit.jax.init knows it. Use init_tree, or a JAX that pyinit was tested with."
            )
        found[mark] = law
    return found
