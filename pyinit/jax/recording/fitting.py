"""Gives a caller's recipe for a recorded leaf the axes of the model's own use, where it names none."""

from __future__ import annotations

import math
from dataclasses import fields

from ...recipes.composite import Composite
from ...recipes.fans import Axes
from ...recipes.recipe import Recipe
from ...recipes.rules import fitted
from ...stream.dtypes import FLOATS
from ...stream.window import Shape
from ..conventions import Leaf, known_axes
from ..owners import Owned
from .nodes import Node, sources
from .uses import Use

__all__ = ["fitted_leaf", "is_drawn_bias", "is_kernel"]


def is_drawn_bias(name: str, node: Node) -> bool:
    """Return whether a leaf is a bias that the model draws at random, as Equinox does."""
    return _is_drawn(node) and name.rpartition(".")[2] in ("bias", "b")


def _is_drawn(node: Node) -> bool:
    return node.random and not node.is_key and str(node.dtype) in FLOATS


def is_kernel(name: str, node: Node) -> bool:
    """Return whether a leaf is drawn at random, is not a bias, and has two axes beside those of layers."""
    # Equinox gives the biases of convolutions axes of 1
    if not _is_drawn(node) or is_drawn_bias(name, node):
        return False
    draws = [source for source in sources(node) if source.op == "draw"]
    return bool(draws) and len(node.shape) - min(draw.params["stacked"] for draw in draws) >= 2


def fitted_leaf(recipe: Recipe, leaf: Leaf, node: Node, use: Use | None, owned: Owned | None) -> Recipe:
    """Return the recipe for a leaf.

    Its axes come from the first of these that determines them: the leaf's use in the same program; the module
    that holds it; its name, for an embedding or a part of an attention layer; the draw that makes it, if that
    is a matrix or a stack of matrices.

    Raises
    ------
    LayoutError
        If the leaf has more axes than these explain, and the recipe counts fans.
    """
    if use is not None and not (use.groups > 1 and use.strides):
        axes, is_convolution = _used(recipe, use)
    elif owned is not None:
        axes, is_convolution = owned
    else:
        by_name = known_axes(leaf)
        axes, is_convolution = (_drawn(node) if by_name == Axes() else by_name), False
    return fitted(recipe, axes, node.shape, is_convolution=is_convolution)


def _used(recipe: Recipe, use: Use) -> tuple[Axes, bool]:
    outputs: int | tuple[int, ...] = use.outputs[0] if len(use.outputs) == 1 else use.outputs
    inputs: int | tuple[int, ...] = use.inputs[0] if len(use.inputs) == 1 else use.inputs
    if "in_axis" not in {field.name for field in fields(recipe)} and not isinstance(recipe, Composite):
        # an orthogonal matrix: everything but the outputs is one side of it
        return Axes(out_axis=outputs, batch_axis=use.stacks, groups=use.groups), True
    axes = Axes(
        in_axis=inputs,
        out_axis=outputs,
        batch_axis=use.stacks,
        groups=use.groups,
        transposed=bool(use.strides),
        stride=use.strides or 1,
    )
    return axes, True


def _drawn(node: Node) -> Axes:
    """Return the axes of the matrix, or the stack of matrices, that the model draws."""
    draws = [source for source in sources(node) if source.op == "draw"]
    stacked = draws[0].params["stacked"] if len(draws) == 1 else 0
    stack = tuple(range(stacked))
    if (
        len(draws) != 1
        or len(draws[0].shape) - stacked != 2
        or node.shape[:stacked] != draws[0].shape[:stacked]
    ):
        return Axes()
    inputs, _ = draws[0].shape[stacked:]
    splits = [
        place
        for place in range(stacked + 1, len(node.shape))
        if math.prod(node.shape[stacked:place]) == inputs
        and math.prod(node.shape[place:]) == draws[0].shape[-1]
    ]
    if len(node.shape) - stacked == 2 or not splits:
        return Axes(batch_axis=stack)
    rest: Shape = tuple(range(len(node.shape)))
    return Axes(in_axis=rest[stacked : splits[0]], out_axis=rest[splits[0] :], batch_axis=stack)
