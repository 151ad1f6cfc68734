"""A traced program as nodes: inner programs are read where they are called, loops over layers as stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun
from jax.interpreters import partial_eval

from .laws import law_of
from .loops import held_and_carried
from .matrices import drawn_matrix
from .meanings import EXACT
from .nodes import Graph, Node, is_key
from .normals import scaled_normal
from .uses import CALLS

__all__ = ["read"]

_SAME = frozenset({"sharding_constraint", "reshard", "mesh_cast", "copy", "copy_p", "optimization_barrier"})
"""Primitives that change where a value is, not what it is."""


def read(graph: Graph, program: ClosedJaxpr, arguments: Sequence[Node]) -> list[Node]:
    """Return the node of every result; what no result needs is not read."""
    constants = [graph.constant(value) for value in program.consts]
    return _body(graph, program.jaxpr, constants, arguments)


def _body(graph: Graph, jaxpr: Jaxpr, constants: Sequence[Node], arguments: Sequence[Node]) -> list[Node]:
    known: dict[Any, Node] = dict(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def of(variable: Any) -> Node:
        return graph.constant(variable.val) if isinstance(variable, Literal) else known[variable]

    for equation in jaxpr.eqns:
        results = _equation(graph, equation, [of(variable) for variable in equation.invars])
        known.update(zip(equation.outvars, results, strict=True))
    return [of(variable) for variable in jaxpr.outvars]


def _equation(graph: Graph, equation: Any, inputs: list[Node]) -> Sequence[Node]:
    op = equation.primitive.name
    law = law_of(equation)
    if law is not None:
        out = equation.outvars[0].aval
        taken = [inputs[position] for position in law.operands]
        params = {"law": law.name, "stacked": len(taken[0].shape)}
        return [graph.node("draw", taken, out.shape, out.dtype, params)]
    if op in _SAME:
        place = equation.params.get("sharding") or equation.params.get("dst_sharding")
        if place is not None:
            graph.places[inputs[0].number] = place
        return inputs
    if op in CALLS:
        inner = _closed(equation.params[CALLS[op]])
        if _draws(inner.jaxpr) or _plain(inner.jaxpr):
            return read(graph, inner, inputs)
    if op == "scan" and _draws(equation.params["jaxpr"].jaxpr):
        return _scan(graph, equation.params, inputs)
    drawn = drawn_matrix(graph, equation, inputs) or scaled_normal(graph, equation, inputs)
    return _as_it_is(graph, equation, inputs) if drawn is None else [drawn]


def _as_it_is(graph: Graph, equation: Any, inputs: list[Node]) -> list[Node]:
    op, primitive, params = equation.primitive.name, equation.primitive, equation.params
    avals = [variable.aval for variable in equation.outvars]
    if not primitive.multiple_results:
        return [graph.node(op, inputs, avals[0].shape, avals[0].dtype, params, primitive)]
    combined = graph.node("equation", inputs, (), None, params, primitive)
    return [
        graph.node("result", [combined], aval.shape, aval.dtype, {"index": index})
        for index, aval in enumerate(avals)
    ]


def _closed(program: Any) -> ClosedJaxpr:
    return program if isinstance(program, ClosedJaxpr) else ClosedJaxpr(program, ())


def _inner(equation: Any) -> list[Jaxpr]:
    held = jax.tree.leaves(
        list(equation.params.values()), is_leaf=lambda value: isinstance(value, Jaxpr | ClosedJaxpr)
    )
    return [_closed(value).jaxpr for value in held if isinstance(value, Jaxpr | ClosedJaxpr)]


def _draws(jaxpr: Jaxpr) -> bool:
    """Return whether a program uses keys."""
    return any(is_key(getattr(variable.aval, "dtype", None)) for variable in jaxpr.invars) or any(
        any(is_key(getattr(variable.aval, "dtype", None)) for variable in equation.outvars)
        or any(_draws(inner) for inner in _inner(equation))
        for equation in jaxpr.eqns
    )


def _plain(jaxpr: Jaxpr) -> bool:
    """Return whether every operation of a program has an exact meaning here."""
    return all(
        equation.primitive.name in EXACT
        or equation.primitive.name in _SAME
        or (equation.primitive.name in CALLS and all(_plain(inner) for inner in _inner(equation)))
        for equation in jaxpr.eqns
    )


def _scan(graph: Graph, params: Any, inputs: list[Node]) -> list[Node]:
    """Return the results of a loop: stacked where steps do not depend on each other, else step by step."""
    body: ClosedJaxpr = params["jaxpr"]
    held, carried = held_and_carried(params, len(inputs))
    results: list[Node | None] = [None] * len(body.jaxpr.outvars)
    alone = [
        index
        for index in range(carried, len(results))
        if not any(_needed(body.jaxpr, [index])[1][held : held + carried])
    ]
    if alone:
        for index, node in zip(alone, _stacked(graph, params, inputs, alone), strict=True):
            results[index] = node
    if len(alone) < len(results):
        for index, node in enumerate(_unrolled(graph, params, inputs)):
            results[index] = results[index] or node
    return [node for node in results if node is not None]


def _needed(jaxpr: Jaxpr, indices: list[int]) -> tuple[Jaxpr, list[bool]]:
    wanted = [index in indices for index in range(len(jaxpr.outvars))]
    cut, used = partial_eval.dce_jaxpr(jaxpr, wanted, instantiate=False)[:2]
    return cut, used


def _stacked(graph: Graph, params: Any, inputs: list[Node], alone: list[int]) -> list[Node]:
    """Return results whose steps are independent: one step, in which every draw has one more axis."""
    body: ClosedJaxpr = params["jaxpr"]
    held, carried = held_and_carried(params, len(inputs))
    cut, used = _needed(body.jaxpr, alone)
    axes = [None] * held + [None] * carried + [0] * (len(inputs) - held - carried)
    taken = [(node, axis) for node, axis, needed in zip(inputs, axes, used, strict=True) if needed]
    step = jaxpr_as_fun(ClosedJaxpr(cut, body.consts))
    if not any(axis == 0 for _, axis in taken):
        # nothing changes from step to step, so all steps are equal
        return [
            graph.node("stack", [node] * params["length"], (params["length"], *node.shape), node.dtype)
            for node in read(graph, ClosedJaxpr(cut, body.consts), [node for node, _ in taken])
        ]
    shapes = [jax.ShapeDtypeStruct(node.shape, node.dtype) for node, _ in taken]
    many = jax.make_jaxpr(jax.vmap(step, in_axes=[axis for _, axis in taken]))(*shapes)
    return read(graph, many, [node for node, _ in taken])


def _unrolled(graph: Graph, params: Any, inputs: list[Node]) -> list[Node]:
    """Return all results, one step after another, as carries and stacks."""
    body: ClosedJaxpr = params["jaxpr"]
    held, carried = held_and_carried(params, len(inputs))
    length = params["length"]
    constants, carry, rows = inputs[:held], inputs[held : held + carried], inputs[held + carried :]
    steps = reversed(range(length)) if params["reverse"] else range(length)
    made: dict[int, list[Node]] = {}
    for step in steps:
        one = [graph.node("take", [row], row.shape[1:], row.dtype, {"index": step}) for row in rows]
        results = read(graph, body, [*constants, *carry, *one])
        carry, made[step] = results[:carried], results[carried:]
    columns = zip(*(made[step] for step in range(length)), strict=True)
    stacks = [graph.node("stack", column, (length, *column[0].shape), column[0].dtype) for column in columns]
    return [*carry, *stacks]
