"""Recognizes the equations of a traced program that are draws of `jax.random`, and their laws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from ...errors import RecipeError
from ...stream.dtypes import FLOATS
from .nodes import is_key

__all__ = ["Law", "is_one_call", "law_of"]

# JAX itself gives the name under which each function of jax.random compiles, so a new name is found
_DRAWS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda key: jax.random.normal(key, (2,), np.float32),
    "uniform": lambda key: jax.random.uniform(key, (2,), np.float32),
    "truncated_normal": lambda key: jax.random.truncated_normal(key, -2.0, 2.0, (2,), np.float32),
    "orthogonal": lambda key: jax.random.orthogonal(key, 2, (), np.float32),
}


@dataclass(frozen=True)
class Law:
    """A law by its name in `jax.random`, and which operands are the key and its bounds."""

    name: str
    operands: tuple[int, ...]


def is_one_call(law: str) -> bool:
    """Return whether JAX traces a law as one call; JAX before 0.10.2 does not trace orthogonal as one."""
    return law in _marks().values()


def law_of(equation: Any) -> Law | None:
    """Return the law of an equation that draws, or None.

    A law is recognized by the function of JAX that was traced, so another function of the same name is not
    mistaken for it. The result is None for bounds that are arrays, and for a dtype that pyinit does not draw;
    the operations are read instead.
    """
    mark = _mark(equation)
    law = None if mark is None else _marks().get(mark)
    if law is None or len(equation.outvars) != 1:
        return None
    keys = [place for place, operand in enumerate(equation.invars) if is_key(operand.aval.dtype)]
    bounds = [place for place in range(len(equation.invars)) if place not in keys]
    if law == "uniform":
        bounds = _lower_first(equation.params["jaxpr"].jaxpr, bounds)
    out = equation.outvars[0].aval
    if len(keys) != 1 or len(bounds) != _BOUNDS[law] or str(out.dtype) not in FLOATS:
        return None
    stacked = equation.invars[keys[0]].aval.shape
    if out.shape[: len(stacked)] != stacked or any(equation.invars[place].aval.shape for place in bounds):
        return None
    return Law(law, (*keys, *bounds))


_BOUNDS = {"normal": 0, "uniform": 2, "truncated_normal": 2, "orthogonal": 0}


def _lower_first(jaxpr: Any, bounds: list[int]) -> list[int]:
    """Return the bounds of a uniform draw, the lower one first: their order depends on how JAX names them.

    The lower bound is the one that the program compares with the draw, to return the larger.
    """
    made_by = {variable: equation for equation in jaxpr.eqns for variable in equation.outvars}
    last = made_by.get(jaxpr.outvars[0])
    if last is None or last.primitive.name != "max":
        return []
    for operand in last.invars:
        if isinstance(operand, Literal):
            continue
        while operand in made_by and made_by[operand].primitive.name in _PASSED_ON:
            operand = made_by[operand].invars[0]
        if operand in jaxpr.invars:
            lower = jaxpr.invars.index(operand)
            return [lower, *(place for place in bounds if place != lower)]
    return []


_PASSED_ON = ("broadcast_in_dim", "convert_element_type", "reshape", "copy")


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
        if mark is None and law == "orthogonal":
            # an older JAX; `matrices` finds it among the operations
            continue
        if mark is None:
            raise RecipeError(
                f"jax.random.{law} of JAX {jax.__version__} is not traced as one call, by which "
                "pyinit.jax.init knows it. Use init_tree, or a JAX that pyinit was tested with."
            )
        found[mark] = law
    return found
