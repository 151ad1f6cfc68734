"""init: what a function returns, each leaf made alone, each shard where it lies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..._fill import check_threads, execute
from ...errors import PyinitError, RecipeError
from ...stream import Key
from ...window import Shape
from ..arrays import check_cut, concrete, filled
from ..keys import made_key, root_key
from ..leaves import names_of, places_of
from .evaluation import Evaluation
from .naming import streams
from .nodes import Node
from .tracing import trace

__all__ = ["init"]


def init(
    function: Callable[..., Any],
    *args: Any,
    key: Any,
    shardings: Any = None,
    recipe: Any = None,
    threads: int | None = None,
) -> Any:
    check_threads(threads)
    root = root_key(key)
    traced = trace(function, args)
    leaves, structure = jax.tree.flatten(traced.result)
    arrays = [isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves]
    names = [name for name, is_array in zip(names_of(traced.result), arrays, strict=True) if is_array]
    places = [place for place, is_array in zip(places_of(shardings, traced.result), arrays, strict=True) if is_array]
    evaluation = Evaluation(streams(traced.nodes, names, root), threads)
    made = iter([_leaf(evaluation, node, place) for node, place in zip(traced.nodes, places, strict=True)])
    whole = [next(made) if is_array else leaf for leaf, is_array in zip(leaves, arrays, strict=True)]
    return traced.finish(jax.tree.unflatten(structure, whole))


def _leaf(evaluation: Evaluation, node: Node, place: Any) -> jax.Array:
    if node.is_key:
        return jax.device_put(evaluation.whole(node), place)
    def write(out, start):
        planned = evaluation.plan(node)
        if planned is not None:
            execute(planned[0], out, planned[1], start, None)
        else:
            out[...] = evaluation.window(node, start, out.shape)
    made = filled(node.shape, np.dtype(node.dtype), write, concrete(place, "a sharding"))
    evaluation.forget()
    return made
