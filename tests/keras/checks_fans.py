"""FromRecipe counts what a layer of ones counts; test_keras.py runs it on every backend."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

import pyinit as pi
from pyinit.keras import FromRecipe, initializers

from ..older import older
from .counting import CASES, Case, array, kernels

layers = keras.layers
LECUN = pi.lecun_normal()
LECUN_AS_KERAS = pi.lecun_normal(truncated=True)


@pytest.fixture(autouse=True)
def _shapes_from_anything() -> Iterator[None]:
    """Keras' NumPy backend finds out shapes by computing with memory as it was found, which may overflow."""
    with np.errstate(all="ignore"):
        yield


class Block(layers.Layer):  # type: ignore[misc]
    """A layer that does not say its shapes, so that Keras finds them out by tracing it."""

    def __init__(self, *inner: Any) -> None:
        super().__init__()
        self.inner = list(inner)

    def call(self, inputs: Any) -> Any:
        for layer in self.inner:
            attends = "Attention" in type(layer).__name__
            inputs = layer(inputs, inputs) if attends else layer(inputs)
        return inputs


def built(layer: Any, shape: tuple[int | None, ...], way: str = "built") -> Any:
    """Return a layer with its weights, made by itself or while Keras traces what it is in."""
    if way == "traced":
        Block(layer)(
            keras.KerasTensor(shape, dtype="int32" if "Embedding" in type(layer).__name__ else "float32")
        )
    elif "Attention" in type(layer).__name__:
        layer.build(shape, shape)
    else:
        layer.build(shape)
    return layer


# The oracle over the kind: it knows nothing of axes, and compares values, not fans.
@pytest.mark.parametrize("way", ["built", "traced"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fans_are_what_a_layer_of_ones_counts(case: Case, way: str) -> None:
    layer = built(case.make(FromRecipe(LECUN, seed=1)), case.shape, way)
    values = [array(kernel) for kernel in kernels(layer)]
    counted = case.counts(layer, case.shape)
    assert len(values) == len(counted)
    for drawn, count in zip(values, counted, strict=True):
        expected = pi.normal(mean=0.0, std=math.sqrt(1 / count))(drawn.shape, key=1)
        np.testing.assert_allclose(drawn, expected, rtol=1e-6)


# Keras multiplies these element by element; test_refusals has their weights of more than one axis.
NO_FANS = {"BatchNormalization", "GroupNormalization", "LayerNormalization", "PReLU"}


def test_every_layer_that_takes_an_initializer_is_in_the_oracle() -> None:
    counted = {case.name.split()[0] for case in CASES} | {"Bidirectional", "TimeDistributed"}
    taking = {
        cls.__name__
        for cls in vars(layers).values()
        if isinstance(cls, type) and issubclass(cls, layers.Layer)
        for base in cls.__mro__
        if any(name.endswith("_initializer") for name in inspect.signature(base.__init__).parameters)
    }
    assert {name.removesuffix("Cell") for name in taking} - NO_FANS == counted - {
        "Bidirectional",
        "TimeDistributed",
    }


# Where Keras tells its own initializers the axes, both make the same bits.
@pytest.mark.skipif(older("keras", 3, 15), reason="Keras 3.15 added input_axes")
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda w: layers.EinsumDense("abc,cde->abde", (None, 4, 5), kernel_initializer=w), (2, 6, 3)),
        (lambda w: layers.EinsumDense("abde,dec->abc", (None, 5), kernel_initializer=w), (2, 6, 3, 4)),
        (lambda w: layers.MultiHeadAttention(2, 8, kernel_initializer=w), (2, 3, 16)),
        (lambda w: layers.GroupQueryAttention(8, 4, 2, kernel_initializer=w), (2, 3, 16)),
    ],
)
def test_axes_that_keras_tells(layer: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    ours = built(layer(FromRecipe(pi.lecun_normal(truncated=True), seed=1)), shape)
    theirs = built(layer(initializers.LecunNormal(seed=1)), shape)
    for one, other in zip(kernels(ours), kernels(theirs), strict=True):
        assert np.array_equal(array(one), array(other))


def test_mistakes_of_keras_are_there_by_name() -> None:
    for make, shape in (
        (lambda w: layers.Conv2DTranspose(6, 4, strides=2, kernel_initializer=w), (1, 8, 8, 4)),
        (lambda w: layers.DepthwiseConv2D(3, depthwise_initializer=w), (1, 8, 8, 4)),
        (lambda w: layers.Embedding(9, 4, embeddings_initializer=w), (1, 3)),
    ):
        theirs = built(make(initializers.HeNormal(seed=1)), shape)
        as_keras = built(make(FromRecipe(pi.he_normal(truncated=True, compat="keras"), seed=1)), shape)
        right = built(make(FromRecipe(pi.he_normal(truncated=True), seed=1)), shape)
        assert np.array_equal(array(kernels(as_keras)[0]), array(kernels(theirs)[0]))
        assert not np.array_equal(array(kernels(right)[0]), array(kernels(theirs)[0]))


def test_one_initializer_in_layers_of_different_kinds() -> None:
    shared = FromRecipe(LECUN, seed=1)
    plain = layers.Conv2D(4, 3, kernel_initializer=shared, padding="same")
    turned = layers.Conv2DTranspose(4, 3, strides=2, kernel_initializer=shared)
    Block(plain, turned, layers.Dense(4, kernel_initializer=shared))(keras.KerasTensor((1, 8, 8, 4)))
    for layer, fan in ((plain, 36), (turned, 9)):
        expected = pi.normal(mean=0.0, std=math.sqrt(1 / fan))((3, 3, 4, 4), key=1)
        np.testing.assert_allclose(array(layer.kernel), expected, rtol=1e-6)


def test_other_recipes_take_the_axes_of_a_layer() -> None:
    turned = built(
        layers.Conv2DTranspose(5, 3, kernel_initializer=FromRecipe(pi.orthogonal(), seed=1)), (1, 8, 8, 4)
    )
    matrix = np.moveaxis(array(turned.kernel), 2, -1).reshape(-1, 5)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(5), atol=1e-6)
    alone = built(
        layers.DepthwiseConv2D(
            3, depth_multiplier=2, depthwise_initializer=FromRecipe(pi.orthogonal(), seed=1)
        ),
        (1, 8, 8, 4),
    )
    for channel in np.moveaxis(array(alone.kernel), 2, 0).reshape(4, 9, 2):
        np.testing.assert_allclose(channel.T @ channel, np.eye(2), atol=1e-6)
    upsampling = built(
        layers.Conv2DTranspose(4, 4, strides=2, padding="same", kernel_initializer=FromRecipe(pi.bilinear())),
        (1, 8, 8, 4),
    )
    assert array(upsampling.kernel).max() == 0.5625


class Experts(layers.Layer):  # type: ignore[misc]
    """A layer of somebody's own, whose weight has more axes than a matrix."""

    def __init__(self, recipe: Any) -> None:
        super().__init__()
        self.initializer = FromRecipe(recipe, seed=1)

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((8, 32, 64), self.initializer, name="kernel")


def test_axes_of_an_unknown_layer_are_said_or_refused() -> None:
    with pytest.raises(pi.LayoutError, match=r"\(8, 32, 64\).*layout=.*batch_axis=.*in_axis= and out_axis="):
        Experts("he_normal").build(None)
    for recipe in (
        pi.he_normal(batch_axis=0),
        pi.he_normal(in_axis=1, out_axis=2, batch_axis=0),
        pi.he_normal(layout="keras", batch_axis=0),
    ):
        experts = Experts(recipe)
        experts.build(None)
        expected = pi.normal(mean=0.0, std=math.sqrt(2 / 32))((8, 32, 64), key=1)
        np.testing.assert_allclose(array(experts.kernel), expected, rtol=1e-6)
    with pytest.raises(pi.LayoutError, match="batch_axis"):
        FromRecipe("he_normal")((3, 3, 4, 8))
    assert FromRecipe("he_normal").plan((100, 10)).fan_in == 100


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda w: layers.PReLU(w), (2, 3, 4), "element by element, and has no fans"),
        (
            lambda w: layers.LayerNormalization(axis=(1, 2), gamma_initializer=w),
            (2, 3, 4),
            "element by element",
        ),
        (lambda w: layers.GRU(5, bias_initializer=w), (2, 3, 4), "is a bias, which has no fans"),
        (lambda w: layers.MultiHeadAttention(2, 5, bias_initializer=w), (2, 3, 4), "is a bias"),
        (lambda w: layers.EinsumDense("abc,cd->ad", 5, kernel_initializer=w), (2, 3, 4), "sums more than"),
        (
            lambda w: layers.SeparableConv1D(1, 1, depthwise_initializer=w, pointwise_initializer=w),
            (2, 9, 4),
            "either of two weights",
        ),
    ],
)
def test_refusals(layer: Callable[[Any], Any], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(pi.LayoutError, match=f"depends on inputs and outputs; .*{message}.*batch_axis="):
        built(layer(FromRecipe("he_normal")), shape)
    # what does not depend on axes is never refused
    built(layer(FromRecipe("normal")), shape)


def test_a_weight_that_is_added_later_is_refused() -> None:
    layer = built(layers.Conv2D(6, 3, kernel_initializer=FromRecipe("he_normal")), (1, 8, 8, 4))
    with pytest.raises(pi.LayoutError, match="is not one that pyinit knows of Conv2D"):
        layer.enable_lora(2, a_initializer=FromRecipe("he_normal"))
