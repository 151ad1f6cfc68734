"""Finds the normal draws of `jax.nn.initializers`, which JAX 0.12 traces as erf_inv of a uniform draw."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import numpy as np

from ...errors import RecipeError
from .nodes import Graph, Node

__all__ = ["scaled_normal"]


def scaled_normal(graph: Graph, equation: Any, inputs: list[Node]) -> Node | None:
    """Return a normal draw times a scale, where an equation is that of JAX's initializers, or None.

    JAX 0.12 computes (sqrt(2) scale) erf_inv(u), of u uniform in (-1, 1). The same operations in another
    function are not mistaken for it: they are computed as they are written, as with every JAX.

    Raises
    ------
    RecipeError
        If these are the operations, and JAX does not know which function they are from.
    """
    if equation.primitive.name != "mul":
        return None
    factor, curve = inputs
    # an array of scales is multiplied before it gets the axes of the draw
    stretched: list[Node] = []
    while factor.op == "broadcast_in_dim":
        stretched.append(factor)
        (factor,) = factor.inputs
    if curve.op != "erf_inv" or factor.op != "mul" or not _is_root_of_two(factor.inputs[0]):
        return None
    (u,) = curve.inputs
    if u.op != "draw" or u.params["law"] != "uniform" or not _is_from_an_initializer(equation):
        return None
    out = equation.outvars[0].aval
    z = graph.node("draw", u.inputs[:1], out.shape, out.dtype, {**u.params, "law": "normal"})
    scale = factor.inputs[1]
    for each in reversed(stretched):
        scale = graph.node(each.op, [scale], each.shape, each.dtype, each.params, each.primitive)
    return graph.node("mul", [z, scale], out.shape, out.dtype, equation.params, equation.primitive)


def _is_root_of_two(node: Node) -> bool:
    if node.op != "constant" or node.shape:
        return False
    return bool(np.asarray(node.value) == np.asarray(np.sqrt(2)).astype(node.dtype))


def _is_from_an_initializer(equation: Any) -> bool:
    """Return whether `normal` or `variance_scaling` was running when JAX traced an equation."""
    trace = equation.source_info.traceback
    if trace is None:
        raise RecipeError(
            f"JAX {jax.__version__} traces the normal draws of jax.nn.initializers as several operations, by "
            "which pyinit.jax.init knows them only with JAX's tracebacks. Leave the tracebacks on."
        )
    running, _ = trace.raw_frames()
    return not _initializers().isdisjoint(running)


@cache
def _initializers() -> frozenset[Any]:
    made: list[Any] = [
        jax.nn.initializers.normal(),
        jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
    ]
    return frozenset(each.__code__ for each in made)
