"""Folds a draw and the operations on it into one recipe, where there is one for a kernel to draw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...recipes.distributions import Normal, TruncatedNormal, Uniform
from ...recipes.orthogonal import Orthogonal
from ...recipes.recipe import Recipe
from ...stream.dtypes import FLOATS, resolve
from .nodes import Node

__all__ = ["Drawn", "bounded", "drawn", "uniform_value"]

Value = Callable[[Node], float | None]


@dataclass(frozen=True)
class Drawn:
    """A node as a recipe for the node's shape, under the key of a draw."""

    recipe: Recipe
    draw: Node


def drawn(node: Node, value: Value) -> Drawn | None:
    """Return a node as one recipe, or None.

    Parameters
    ----------
    node : Node
        A draw, possibly scaled, shifted, rounded or reshaped.
    value : callable
        Returns the number that all elements of a node equal, or None.
    """
    if str(node.dtype) not in FLOATS or math.prod(node.shape) == 0:
        return None
    if node.op == "draw":
        return _draw(node, value)
    fold = _FOLDS.get(node.op)
    return None if fold is None else fold(node, value)


def uniform_value(node: Node) -> Node | None:
    """Return the node of the one element that all elements of a node equal, or None if there is none."""
    while node.op == "broadcast_in_dim" and math.prod(node.shape) != 1:
        node = node.inputs[0]
    return node if math.prod(node.shape) == 1 else None


def _draw(node: Node, value: Value) -> Drawn | None:
    law = node.params["law"]
    bounds = [value(bound) for bound in node.inputs[1:]]
    numbers = [bound for bound in bounds if bound is not None]
    # no interval, or bounds that are not known yet: left to the evaluation
    if len(numbers) < len(bounds) or (law == "uniform" and numbers[0] >= numbers[1]):
        return None
    if law == "normal":
        return Drawn(Normal(), node)
    if law == "orthogonal":
        return Drawn(Orthogonal(batch_axis=tuple(range(len(node.shape) - 2))), node)
    return Drawn(bounded(law, *numbers), node)


def bounded(law: str, low: float, high: float) -> Recipe:
    """Return the recipe of a law with bounds; a truncated normal's may come in any order."""
    return (
        Uniform(low, high) if law == "uniform" else TruncatedNormal(low=min(low, high), high=max(low, high))
    )


def _multiplied(node: Node, value: Value) -> Drawn | None:
    for one, other in (node.inputs, node.inputs[::-1]):
        if one.random and one.shape == node.shape and (factor := value(other)) is not None:
            return _scaled(drawn(one, value), factor)
    return None


def _divided(node: Node, value: Value) -> Drawn | None:
    one, other = node.inputs
    factor = value(other)
    if not one.random or one.shape != node.shape or not factor:
        return None
    return _scaled(drawn(one, value), 1 / factor)


def _scaled(folded: Drawn | None, factor: float) -> Drawn | None:
    if folded is None or not math.isfinite(factor):
        return None
    recipe = folded.recipe
    if isinstance(recipe, Orthogonal):
        return replace(folded, recipe=replace(recipe, gain=recipe.gain * factor))
    # a negative factor swaps the bounds: it is computed as written
    if not factor > 0:
        return None
    if isinstance(recipe, Uniform):
        return replace(folded, recipe=Uniform(recipe.low * factor, recipe.high * factor))
    assert isinstance(recipe, Normal | TruncatedNormal)
    return replace(folded, recipe=replace(recipe, mean=recipe.mean * factor, std=recipe.std * factor))


def _added(node: Node, value: Value) -> Drawn | None:
    for one, other in (node.inputs, node.inputs[::-1]):
        if one.random and one.shape == node.shape and (shift := value(other)) is not None:
            return _shifted(drawn(one, value), shift)
    return None


def _subtracted(node: Node, value: Value) -> Drawn | None:
    one, other = node.inputs
    shift = value(other)
    if not one.random or one.shape != node.shape or shift is None:
        return None
    return _shifted(drawn(one, value), -shift)


def _shifted(folded: Drawn | None, shift: float) -> Drawn | None:
    if folded is None or not math.isfinite(shift):
        return None
    if shift == 0:
        return folded
    recipe = folded.recipe
    if isinstance(recipe, Orthogonal):
        return None
    if isinstance(recipe, Uniform):
        return replace(folded, recipe=Uniform(recipe.low + shift, recipe.high + shift))
    assert isinstance(recipe, Normal | TruncatedNormal)
    return replace(folded, recipe=replace(recipe, mean=recipe.mean + shift))


def _converted(node: Node, value: Value) -> Drawn | None:
    (x,) = node.inputs
    if str(x.dtype) not in FLOATS:
        return None
    before, after = resolve(np.dtype(x.dtype).name), resolve(np.dtype(node.dtype).name)
    # a kernel rounds once at the end; values that were rounded before stay on their grid
    return drawn(x, value) if before.name == before.compute == after.compute else None


def _reshaped(node: Node, value: Value) -> Drawn | None:
    folded = drawn(node.inputs[0], value)
    if folded is None or not isinstance(folded.recipe, Orthogonal):
        # an element is identified by its index in C order, which a reshape keeps
        return folded
    before, after = node.inputs[0].shape, node.shape
    stack = folded.recipe.batch_axis
    assert isinstance(stack, tuple)
    # rows may split into axes; stacks and columns stay
    if len(after) < len(before) or after[: len(stack)] != before[: len(stack)] or after[-1] != before[-1]:
        return None
    return replace(folded, recipe=replace(folded.recipe, out_axis=len(after) - 1))


def _widened(node: Node, value: Value) -> Drawn | None:
    # one more axis of length 1 is a reshape
    return None if math.prod(node.shape) != math.prod(node.inputs[0].shape) else _reshaped(node, value)


_FOLDS: dict[str, Callable[[Node, Value], Drawn | None]] = {
    "mul": _multiplied,
    "div": _divided,
    "add": _added,
    "sub": _subtracted,
    "convert_element_type": _converted,
    "reshape": _reshaped,
    "squeeze": _reshaped,
    "broadcast_in_dim": _widened,
}
