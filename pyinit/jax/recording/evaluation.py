"""Values of nodes: any window of a leaf, drawn by a kernel or computed as it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import RecipeError
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ...stream.plan import Plan
from ...stream.window import Shape, Window
from ..keys import made_key
from .folding import Drawn, bounded, drawn, uniform_value
from .meanings import EXACT, Array, cut
from .nodes import Node

__all__ = ["Evaluation"]

_DEEPEST = 64
"""Longer chains of operations are computed as a whole and in order, not as windows of windows."""


class Evaluation:
    """Makes windows of nodes.

    Parameters
    ----------
    streams : mapping
        Maps the number of a source (a draw or a key) to its key of the stream.
    threads : int or None
        At most this many threads draw.
    """

    def __init__(self, streams: Mapping[int, Key], threads: int | None) -> None:
        self._streams = streams
        self._threads = threads
        self._values: dict[int, Any] = {}
        self._folded: dict[int, Drawn | None] = {}

    def forget(self) -> None:
        """Drop what was computed for one leaf."""
        self._values = {}

    def recipe(self, node: Node) -> tuple[Recipe, Key] | None:
        """Return the recipe and the key with which a kernel makes a node in one step, or None."""
        if node.number not in self._folded:
            self._folded[node.number] = drawn(node, self.number) if node.random else None
        found = self._folded[node.number]
        return None if found is None else (found.recipe, self._streams[found.draw.number])

    def plan(self, node: Node) -> tuple[Plan, Key] | None:
        """Return the plan and the key of a node that a kernel makes in one step, or None."""
        found = self.recipe(node)
        if found is None:
            return None
        return found[0].plan(node.shape, np.dtype(node.dtype).name), found[1]

    def number(self, node: Node) -> float | None:
        """Return the number that all elements of a node equal, or None if they differ or are drawn."""
        one = uniform_value(node)
        if one is None or one.random or np.dtype(one.dtype).kind not in "fViu":
            return None
        return float(np.asarray(self.complete(one)).reshape(()))

    def window(self, node: Node, start: Shape, extent: Shape) -> Array:
        """Return a window of a node, with the same bits as that part of the complete value."""
        return (
            self.part(node, start, extent) if self._is_tree(node) else cut(self.complete(node), start, extent)
        )

    def _is_tree(self, node: Node) -> bool:
        """Return whether windows of a node use each of its parts once, within the limit of depth."""
        seen: set[int] = set()
        waiting = [(node, 0)]
        while waiting:
            here, depth = waiting.pop()
            if depth > _DEEPEST or here.number in seen:
                return False
            if math.prod(here.shape) == 1 or here.number in self._values or self.recipe(here):
                continue
            if here.op in EXACT:
                seen.add(here.number)
                waiting.extend((x, depth + 1) for x in here.inputs)
        return True

    def part(self, node: Node, start: Shape, extent: Shape) -> Array:
        """Return a window of a node, made of windows of its inputs."""
        if node.number not in self._values:
            found = self.recipe(node)
            if found is not None:
                window = Window(start, node.shape)
                name = np.dtype(node.dtype).name
                return found[0](extent, key=found[1], dtype=name, window=window, threads=self._threads)
            meaning = EXACT.get(node.op)
            made = None if meaning is None else meaning(self.part, node, start, extent)
            if made is not None:
                return made
        return cut(self.complete(node), start, extent)

    def complete(self, node: Node) -> Any:
        """Return the complete value of a node: a NumPy array, or a JAX array of keys."""
        for needed in self._ahead(node):
            self._values[needed.number] = self._value(needed)
        return self._values[node.number]

    def _ahead(self, node: Node) -> list[Node]:
        """Return a node after everything that must be computed before it, in order."""
        seen: set[int] = set()
        found, waiting = [], [node]
        while waiting:
            here = waiting.pop()
            if here.number in seen or here.number in self._values:
                continue
            seen.add(here.number)
            found.append(here)
            if not (here.is_key or self.recipe(here)):
                # a draw needs its bounds; its key follows from the leaf's name
                waiting.extend(here.inputs[1:] if here.op == "draw" else here.inputs)
        return sorted(found, key=lambda needed: needed.number)

    def _value(self, node: Node) -> Any:
        if node.is_key:
            return made_key(node.shape, node.dtype, self._streams[node.number])
        if node.op in ("constant", "argument"):
            return self._given(node)
        if node.op == "result":
            return self._values[node.inputs[0].number][node.params["index"]]
        if node.op != "equation" and (self.recipe(node) or node.op in EXACT):
            meaning, origin = EXACT.get(node.op), (0,) * len(node.shape)
            if self.recipe(node):
                return self.part(node, origin, node.shape)
            made = None if meaning is None else meaning(self._known, node, origin, node.shape)
            if made is not None:
                return made
        if math.prod(node.shape) == 0 and node.op != "equation":
            return np.zeros(node.shape, node.dtype)
        if node.op == "draw":
            return self._between(node)
        return _computed(node, [self._values[x.number] for x in node.inputs])

    def _known(self, node: Node, start: Shape, extent: Shape) -> Array:
        return cut(self._values[node.number], start, extent)

    def _given(self, node: Node) -> Any:
        if isinstance(node.value, jax.Array) and not node.value.is_fully_addressable:
            raise RecipeError("it depends on an array of other processes. Give one that this process holds.")
        return np.asarray(node.value)

    def _between(self, node: Node) -> Array:
        """Return a draw whose bounds are drawn themselves, or enclose no interval."""
        low, high = (float(self._values[bound.number]) for bound in node.inputs[1:])
        if node.params["law"] == "uniform" and low >= high:
            # as in JAX, which returns the larger of the lower bound and its draw
            return np.full(node.shape, low, node.dtype)
        recipe = bounded(node.params["law"], low, high)
        name = np.dtype(node.dtype).name
        return recipe(node.shape, key=self._streams[node.number], dtype=name, threads=self._threads)


def _computed(node: Node, values: list[Any]) -> Any:
    """Run an operation as JAX does, on this machine's CPU."""
    with jax.default_device(_cpu()), jax.ensure_compile_time_eval():
        arrays = [value if isinstance(value, jax.Array) else jnp.asarray(value) for value in values]
        bound = node.primitive.get_bind_params(dict(node.params))
        # an older JAX returns functions beside the parameters
        functions, params = bound if isinstance(bound, tuple) else ((), bound)
        made = node.primitive.bind(*functions, *arrays, **params)
    if not node.primitive.multiple_results:
        return _held(made)
    return [_held(one) for one in made]


def _cpu() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        raise RecipeError(
            "values computed from draws are computed on the CPU, for the same bits everywhere, and "
            "JAX_PLATFORMS leaves the CPU out. Add it, as in JAX_PLATFORMS=cuda,cpu."
        ) from None


def _held(value: Any) -> Any:
    return value if jnp.issubdtype(value.dtype, jax.dtypes.extended) else np.asarray(value)
