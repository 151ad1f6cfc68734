"""Finds `jax.random.orthogonal` among the operations that JAX before 0.10.2 traces it as."""

from __future__ import annotations

import inspect
from typing import Any

import jax

from ...errors import RecipeError
from .laws import is_one_call
from .nodes import Graph, Node

__all__ = ["drawn_matrix"]


def drawn_matrix(graph: Graph, equation: Any, inputs: list[Node]) -> Node | None:
    """Return the draw of orthogonal matrices whose last operation an equation is, or None.

    JAX decomposes a tall normal matrix, Z = QR, and multiplies the columns of Q by the signs of the diagonal
    of R; for a wide one it then swaps the axes. The same operations in another function are not mistaken for
    it: they are computed as they are written, as with every JAX.

    Raises
    ------
    RecipeError
        If these are the operations, and JAX does not know which function they are from.
    """
    find = _STEPS.get(equation.primitive.name)
    if find is None or is_one_call("orthogonal"):
        return None
    before = find(equation, inputs)
    if before is None or not _is_from_orthogonal(equation):
        return None
    out = equation.outvars[0].aval
    params = {"law": "orthogonal", "stacked": before.params["stacked"]}
    return graph.node("draw", before.inputs, out.shape, out.dtype, params)


def _tall(equation: Any, inputs: list[Node]) -> Node | None:
    """Return the normal draw whose Q is one of the factors of a product."""
    for factor in inputs:
        if factor.op == "result" and factor.params["index"] == 0 and len(factor.inputs[0].inputs) == 1:
            (z,) = factor.inputs[0].inputs
            is_normal = z.op == "draw" and z.params["law"] == "normal"
            if factor.inputs[0].params.get("name") == "qr" and is_normal and z.shape == factor.shape:
                return z
    return None


def _turned(equation: Any, inputs: list[Node]) -> Node | None:
    """Return the draw of tall matrices whose last two axes are swapped."""
    (matrix,) = inputs
    rank = len(matrix.shape)
    swapped = (*range(rank - 2), rank - 1, rank - 2)
    is_draw = matrix.op == "draw" and matrix.params["law"] == "orthogonal"
    return matrix if is_draw and tuple(equation.params["permutation"]) == swapped else None


_STEPS = {"mul": _tall, "transpose": _turned}


def _is_from_orthogonal(equation: Any) -> bool:
    """Return whether `jax.random.orthogonal` was running when JAX traced an equation."""
    trace = equation.source_info.traceback
    if trace is None:
        raise RecipeError(
            f"JAX {jax.__version__} traces jax.random.orthogonal as several operations, by which "
            "pyinit.jax.init knows it only with JAX's tracebacks. Use JAX 0.10.2 or later, or leave the "
            "tracebacks on."
        )
    running, _ = trace.raw_frames()
    return inspect.unwrap(jax.random.orthogonal).__code__ in running
