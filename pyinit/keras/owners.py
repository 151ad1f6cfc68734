"""How a Keras layer uses the weight that it requests from an initializer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import keras

from ..errors import LayoutError
from ..recipes.composite import Composite
from ..recipes.fans import Axes
from ..recipes.recipe import Recipe
from ..recipes.rules import fitted
from ..stream.window import Shape

__all__ = ["Use", "counts_axes", "fit", "owner_of", "use_by"]

Attribute = Callable[[str], Any]


def _nothing(name: str) -> Any:
    return None


def _global_attribute() -> Attribute:
    """Return Keras' own reader of its global state, or one that knows no layer if Keras has none."""
    try:
        from keras.src.backend.common import global_state
    except ImportError:
        return _nothing
    read: Attribute = getattr(global_state, "get_global_attribute", _nothing)
    return read


_read = _global_attribute()


def _conv_lstm_cell() -> tuple[Any, ...]:
    try:
        from keras.src.layers.rnn.conv_lstm import ConvLSTMCell
    except ImportError:
        return ()
    return (ConvLSTMCell,)


_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_RECURRENT = _conv_lstm_cell()
_ELEMENTWISE = (keras.layers.LayerNormalization, keras.layers.PReLU)


_IN_OUT = Axes(layout="keras")


@dataclass(frozen=True)
class Use:
    """How a layer uses a weight.

    Parameters
    ----------
    axes : Axes
        Which axes are inputs, outputs and neither.
    is_convolution : bool
        Whether the axes beyond the channels are a receptive field.
    refusal : str
        Why no axes describe the weight; empty if they do.
    """

    axes: Axes = _IN_OUT
    is_convolution: bool = False
    refusal: str = ""


UNKNOWN = Use()
"""A weight whose use is unknown: a matrix is (in, out), and more axes are refused."""


@dataclass(frozen=True)
class Weight:
    """A weight of a known layer: its initializer's name, its shape (None is any size) and its use."""

    initializer: str
    shape: tuple[int | None, ...]
    use: Use

    def is_like(self, shape: Shape) -> bool:
        """Return whether this may be the weight of that shape."""
        if len(shape) != len(self.shape):
            return False
        return all(known in (None, n) for known, n in zip(self.shape, shape, strict=True))


def use_by(owner: Any, initializer: Any, shape: Shape) -> Use:
    """Return how a layer uses the weight of this shape that it requests from this initializer."""
    if len(shape) < 2:
        return UNKNOWN
    given = getattr(owner, "__dict__", {}).items()
    names = {name for name, value in given if value is initializer and name.endswith("_initializer")}
    if names == {"bias_initializer"}:
        return Use(refusal="is a bias, which has no fans")
    if isinstance(owner, _ELEMENTWISE):
        return Use(refusal="is multiplied element by element, and has no fans")
    known = list(_weights(owner))
    candidates = [weight for weight in known if not names or weight.initializer in names]
    uses = {weight.use for weight in candidates if weight.is_like(shape)}
    if len(uses) > 1:
        return Use(refusal="may be either of two weights of a layer that uses them in different ways")
    if known and not uses:
        return Use(refusal=f"is not one that pyinit knows of {type(owner).__name__}")
    return uses.pop() if uses else UNKNOWN


def _kernel(**options: Any) -> Use:
    return Use(Axes(layout="keras", **options), is_convolution=True)


def _weights(owner: Any) -> Iterator[Weight]:
    """Yield the weights of a layer that is known."""
    field = tuple(getattr(owner, "kernel_size", ()))
    if isinstance(owner, _CONVOLUTIONS):
        yield Weight("kernel_initializer", (*field, None, owner.filters), _kernel(groups=owner.groups))
    elif isinstance(owner, _TRANSPOSED):
        use = _kernel(transposed=True, stride=tuple(owner.strides))
        yield Weight("kernel_initializer", (*field, owner.filters, None), use)
    elif isinstance(owner, (*_DEPTHWISE, *_SEPARABLE)):
        use = _kernel(depthwise=True)
        yield Weight("depthwise_initializer", (*field, None, owner.depth_multiplier), use)
        if isinstance(owner, _SEPARABLE):
            yield Weight("pointwise_initializer", (*(1 for _ in field), None, owner.filters), _kernel())
    elif isinstance(owner, _RECURRENT):
        yield Weight("kernel_initializer", (*field, None, 4 * owner.filters), _kernel())
        yield Weight("recurrent_initializer", (*field, owner.filters, 4 * owner.filters), _kernel())
    elif isinstance(owner, keras.layers.EinsumDense):
        yield _einsum(owner)
    elif isinstance(owner, keras.layers.Embedding):
        yield from _embedding(owner)


def _embedding(owner: Any) -> Iterator[Weight]:
    rows, size = owner.input_dim, owner.output_dim
    # the features are its inputs, as in torch and Flax and in the output layer of tied models
    table = Use(Axes(in_axis=1, out_axis=0))
    yield Weight("embeddings_initializer", (rows, size), table)
    if getattr(owner, "tie_weights", None) is False:
        yield Weight("embeddings_initializer", (size, rows), UNKNOWN)


def _einsum(owner: Any) -> Weight:
    """Return the kernel of an EinsumDense with the roles that its equation gives to each axis."""
    inputs, kernel, outputs = re.split(r",|->", owner.equation.replace(".", ""))
    made = getattr(owner, "_kernel", None)
    shape = (None,) * len(kernel) if made is None else tuple(made.shape)
    roles: dict[str, list[int]] = {"in_axis": [], "out_axis": [], "batch_axis": []}
    for axis, label in enumerate(kernel):
        shared = label in inputs and label in outputs
        roles["batch_axis" if shared else "in_axis" if label in inputs else "out_axis"].append(axis)
    ins, outs, batch = (tuple(roles[name]) for name in ("in_axis", "out_axis", "batch_axis"))
    axes = Axes(in_axis=ins, out_axis=outs, batch_axis=batch)
    if set(inputs) - set(outputs) - set(kernel) or len(set(kernel)) != len(kernel):
        use = Use(refusal=f"is used by the equation {owner.equation}, which sums more than products with it")
    else:
        use = UNKNOWN if axes == Axes(in_axis=(0,), out_axis=(1,)) else Use(axes)
    return Weight("kernel_initializer", shape, use)


def owner_of(initializer: Any, shape: Shape) -> Any:
    """Return the layer that is requesting a weight of this shape from an initializer, or None.

    A layer calls the initializer inside its own scope. But while Keras traces a model to infer shapes, it
    makes variables without values and calls the initializer later, outside the layer, which is then searched
    for.
    """
    callers = [scope.caller for scope in _read("name_scope_stack") or ()]
    for variable in _read("uninitialized_variables") or ():
        if getattr(variable, "_initializer", None) is initializer and tuple(variable.shape) == shape:
            return next((layer for caller in reversed(callers) for layer in _owners(caller, variable)), None)
    return callers[-1] if callers else None


def _owners(caller: Any, variable: Any) -> Iterator[Any]:
    for layer in caller._flatten_layers() if isinstance(caller, keras.layers.Layer) else ():
        own = (*getattr(layer, "_trainable_variables", ()), *getattr(layer, "_non_trainable_variables", ()))
        if any(each is variable for each in own):
            yield layer


def counts_axes(recipe: Recipe) -> bool:
    """Return whether a recipe depends on its input and output axes and names none."""
    if isinstance(recipe, Composite):
        return recipe.needs_axes or any(map(counts_axes, recipe.recipes))
    names = {field.name for field in fields(recipe)}
    return "layout" in names and all(
        getattr(recipe, name, None) is None for name in ("layout", "in_axis", "out_axis", "compat")
    )


def fit(recipe: Recipe, use: Use, shape: Shape) -> Recipe:
    """Return the recipe with the axes of a layer's weight, where it names none itself.

    Raises
    ------
    LayoutError
        If the roles of more than two axes are not known, or if no axes describe the use.
    """
    if not counts_axes(recipe):
        return recipe
    if use.refusal:
        name = getattr(recipe, "called", recipe.verb)
        raise LayoutError(
            f"{name} depends on inputs and outputs; this weight of shape {shape} {use.refusal}. "
            "Name the axes in the recipe, by in_axis=, out_axis=, batch_axis= or layout=."
        )
    if isinstance(recipe, Composite):
        return recipe.fitted(
            use.axes, shape, lambda part, axes, extent: fit(part, replace(use, axes=axes), extent)
        )
    return fitted(recipe, _spelled(use.axes, recipe), shape, is_convolution=use.is_convolution)


def _spelled(axes: Axes, recipe: Recipe) -> Axes:
    """Return the same axes as options that a recipe has."""
    options = {field.name for field in fields(recipe)}
    if axes.transposed and "transposed" not in options:
        return Axes(in_axis=-1 if "in_axis" in options else None, out_axis=-2)
    if axes.depthwise and "depthwise" not in options and "batch_axis" in options:
        return Axes(out_axis=-1, batch_axis=-2)
    return axes if "stride" in options else replace(axes, stride=1)
