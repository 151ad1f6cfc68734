"""A function traced once: its program, and its result with an abstract leaf for every array."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr
from jax.interpreters.partial_eval import dce_jaxpr

from .nodes import Graph, Node, is_key
from .reading import read
from .uses import Use, uses

__all__ = ["Traced", "trace"]


@dataclass(frozen=True)
class Traced:
    """What a function returns.

    Parameters
    ----------
    result : pytree
        A `jax.ShapeDtypeStruct` for every JAX array; everything else as the function made it.
    nodes : list of Node
        One for every such leaf, in order.
    uses : list of Use or None
        How the function itself uses each of them.
    places : list of Sharding or None
        Where the function itself puts each of them.
    finish : callable
        Given the result with its arrays, returns what the function would have returned.
    """

    result: Any
    nodes: list[Node]
    uses: list[Use | None]
    places: list[Any]
    finish: Callable[[Any], Any]


def trace(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Traced:
    """Trace a function; arrays among its arguments are abstract, and keys stand for any key."""
    leaves, structure = jax.tree.flatten(arguments)
    dynamic = [position for position, leaf in enumerate(leaves) if _is_array(leaf)]
    found: dict[str, Any] = {}

    def call(*arrays: Any) -> list[Any]:
        given = list(leaves)
        for position, array in zip(dynamic, arrays, strict=True):
            given[position] = array
        result, found["finish"] = _split(function(*jax.tree.unflatten(structure, given)))
        kept, found["structure"] = jax.tree.flatten(result)
        found["kept"] = kept
        return [leaf for leaf in kept if isinstance(leaf, jax.Array)]

    # without jit a draw could not be distinguished from operations that merely look like one
    with jax.disable_jit(False):
        program, shapes = jax.make_jaxpr(call, return_shape=True)(*(leaves[i] for i in dynamic))
    graph = Graph()
    cut, used = _only_needed(program)
    given = [_argument(graph, position, leaves[position]) for position in dynamic]
    nodes = read(graph, cut, [node for node, needed in zip(given, used, strict=True) if needed])
    abstract = iter(shapes)
    result = [next(abstract) if isinstance(leaf, jax.Array) else leaf for leaf in found["kept"]]
    places = [
        graph.places.get(node.number) or _explicit(shape) for node, shape in zip(nodes, shapes, strict=True)
    ]
    tree = jax.tree.unflatten(found["structure"], result)
    return Traced(tree, nodes, uses(program), places, found["finish"])


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct)


def _only_needed(program: Any) -> tuple[Any, list[bool]]:
    wanted = [True] * len(program.jaxpr.outvars)
    cut, used = dce_jaxpr(program.jaxpr, wanted, instantiate=False)[:2]
    return ClosedJaxpr(cut, program.consts), used


def _explicit(shape: jax.ShapeDtypeStruct) -> Any:
    """Return the sharding that is a part of a result's type, if it names an axis of the mesh."""
    sharding = shape.sharding
    return sharding if sharding is not None and any(sharding.spec) else None


def _argument(graph: Graph, position: int, leaf: Any) -> Node:
    value = None if isinstance(leaf, jax.ShapeDtypeStruct) else leaf
    if is_key(leaf.dtype):
        return graph.argument(position, leaf.shape, leaf.dtype)
    dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
    words = jax.random.key_data(jax.random.key(0)).shape
    if dtype == np.uint32 and leaf.shape[-len(words) :] == words:
        # raw words of a key: they stand for any key, as a typed one does
        typed = graph.argument(position, leaf.shape[: -len(words)], jax.random.key(0).dtype)
        (equation,) = jax.make_jaxpr(jax.random.key_data)(jax.ShapeDtypeStruct(typed.shape, typed.dtype)).eqns
        return graph.node(
            equation.primitive.name, [typed], leaf.shape, dtype, equation.params, equation.primitive
        )
    return graph.argument(position, leaf.shape, dtype, value)


def _split(result: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return a result as a plain pytree, and a function that restores it: nnx modules share variables."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is None:
        return result, lambda filled: filled
    # an older Flax has another name for it
    is_module = (nnx.graphlib if hasattr(nnx, "graphlib") else nnx.graph).is_graph_node
    if not any(is_module(leaf) for leaf in jax.tree.leaves(result, is_leaf=is_module)):
        return result, lambda filled: filled
    definition, state = nnx.split(result)
    return state, lambda filled: nnx.merge(definition, filled)
