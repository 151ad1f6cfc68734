"""Layers of ones: how many inputs feed an output of each weight of each Keras layer, counted by the layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

layers = keras.layers


@dataclass(frozen=True)
class Case:
    """A layer, what it is fed with, and a count for each of its weights in the order they are made."""

    name: str
    make: Callable[[Any], Any]
    shape: tuple[int | None, ...]
    counts: Callable[[Any, tuple[int, ...]], list[float]]


def array(tensor: Any) -> Any:
    return keras.ops.convert_to_numpy(tensor)


def assign(variable: Any, value: Any) -> None:
    variable.assign(np.broadcast_to(np.asarray(value, "float32"), tuple(variable.shape)).copy())


def kernels(layer: Any) -> list[Any]:
    return [weight for weight in layer.weights if len(weight.shape) > 1 and weight.name != "bias"]


def ones(shape: tuple[int, ...]) -> Any:
    return keras.ops.ones(shape, "float32")


def per_period(out: Any, strides: tuple[int, ...], margin: int) -> float:
    """Return the mean over whole periods of positions that the border does not reach."""
    values = array(out)[0]
    for axis, stride in enumerate(strides):
        length = (values.shape[axis] - 2 * margin) // stride * stride
        assert length > 0
        values = np.take(values, np.arange(margin, margin + length), axis)
    return float(values.mean())


def of_kernel(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """One weight: the layer of ones, fed with ones; of a transposed convolution the mean over positions."""
    (kernel,) = kernels(layer)
    assign(kernel, 1)
    out = layer(ones(shape))
    if "Transpose" not in type(layer).__name__:
        values = array(out)
        assert (values == values.flat[0]).all()
        return [float(values.flat[0])]
    return [per_period(out, layer.strides, margin=8)]


def of_separable(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """Two weights, of which the other one makes ones of ones."""
    field = np.prod(layer.kernel_size)
    assign(layer.depthwise_kernel, 1)
    assign(layer.pointwise_kernel, 1 / layer.pointwise_kernel.shape[-2])
    first = array(layer(ones(shape))).flat[0]
    assign(layer.depthwise_kernel, 1 / field)
    assign(layer.pointwise_kernel, 1)
    return [float(first), float(array(layer(ones(shape))).flat[0])]


GATES = {"SimpleRNNCell": 1, "GRUCell": 3, "LSTMCell": 4, "ConvLSTMCell": 4}


def of_cell(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """Two weights of a linear cell whose gates are open: ones come in by one of them, zeros by the other."""
    cell = getattr(layer, "cell", layer)
    gates = GATES[type(cell).__name__]
    size = cell.kernel.shape[-1] // gates
    # the block of columns that make the candidate, which open gates hand on
    candidate = np.zeros((gates, size), "float32")
    candidate[{1: 0, 3: 2, 4: 2}[gates]] = 1
    # input and output gate of an LSTM, reset gate of a GRU
    open_gates = np.zeros((gates, size), "float32")
    open_gates[{1: [], 3: [1], 4: [0, 3]}[gates]] = 1
    assign(
        cell.bias,
        np.stack([open_gates.ravel(), 0 * open_gates.ravel()]) if gates == 3 else open_gates.ravel(),
    )
    one = ones((*shape[:-1], size))
    found = []
    for kernel, other in ((cell.kernel, cell.recurrent_kernel), (cell.recurrent_kernel, cell.kernel)):
        assign(kernel, candidate.ravel())
        assign(other, 0)
        from_input = float(kernel is cell.kernel)
        states = [one * (1 - from_input), one * 0][: 2 if gates == 4 else 1]
        values = array(cell(ones(shape) * from_input, states)[0])[0]
        # of a convolution, a place that the border does not reach
        found.append(float(values[tuple(n // 2 for n in values.shape[:-1])][0]))
    return found


def of_embedding(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """One weight: as an output layer that shares it, a class has all features as inputs."""
    assign(layer.embeddings, 1)
    layer(keras.ops.ones(shape, "int32"))
    features = ones((1, layer.output_dim))
    return [float(array(keras.ops.matmul(features, keras.ops.transpose(layer.embeddings))).flat[0])]


def of_reversible_embedding(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """Two weights: the table, and the kernel that leads back."""
    assign(layer.reverse_embeddings, 1)
    back = layer(ones((1, layer.output_dim)), reverse=True)
    return [*of_embedding(layer, shape), float(array(back).flat[0])]


def of_attention(layer: Any, shape: tuple[int, ...]) -> list[float]:
    """Each projection, fed with what it is made for."""
    heads = tuple(layer._query_dense.kernel.shape[1:])
    parts = [part for part in layer._flatten_layers(include_self=False) if kernels(part)]
    return [
        of_kernel(part, (*shape[:-1], *heads) if part is layer._output_dense else shape)[0] for part in parts
    ]


def einsum(equation: str, output: Any, shape: tuple[int, ...]) -> Case:
    """Return a case of an EinsumDense."""
    return Case(
        f"EinsumDense {equation}",
        lambda w: layers.EinsumDense(equation, output, kernel_initializer=w),
        shape,
        of_kernel,
    )


LINEAR = {"activation": "linear", "recurrent_activation": "linear"}


def both(cls: Any, *what: Any, **options: Any) -> Callable[[Any], Any]:
    """Return what makes a recurrent layer with one initializer for its two weights."""
    return lambda w: cls(*what, kernel_initializer=w, recurrent_initializer=w, **options)


CASES = [
    Case("Dense", lambda w: layers.Dense(5, kernel_initializer=w), (2, 3), of_kernel),
    Case("Dense of a sequence", lambda w: layers.Dense(5, kernel_initializer=w), (2, 7, 3), of_kernel),
    einsum("ab,bc->ac", 5, (2, 3)),
    einsum("ab,cb->ac", 5, (2, 3)),
    einsum("abc,cde->abde", (None, 4, 5), (2, 6, 3)),
    einsum("abde,dec->abc", (None, 5), (2, 6, 3, 4)),
    einsum("abc,bcd->abd", (3, 5), (2, 3, 4)),
    einsum("abc,bd->adc", (5, 4), (2, 3, 4)),
    einsum("...b,bcd->...cd", (4, 5), (2, 6, 3)),
    einsum("ab...,bc->ac...", 5, (2, 3, 6)),
    einsum("abcd,bcde->abe", (3, 7), (2, 3, 4, 5)),
    Case("Conv1D", lambda w: layers.Conv1D(6, 3, kernel_initializer=w), (1, 9, 4), of_kernel),
    Case(
        "Conv1D causal grouped",
        lambda w: layers.Conv1D(6, 3, groups=2, kernel_initializer=w),
        (1, 9, 4),
        of_kernel,
    ),
    Case(
        "Conv2D strided grouped",
        lambda w: layers.Conv2D(6, (3, 2), strides=2, groups=2, kernel_initializer=w),
        (1, 9, 9, 4),
        of_kernel,
    ),
    Case(
        "Conv2D dilated",
        lambda w: layers.Conv2D(6, 3, dilation_rate=2, kernel_initializer=w),
        (1, 9, 9, 4),
        of_kernel,
    ),
    Case("Conv3D", lambda w: layers.Conv3D(6, (3, 2, 1), kernel_initializer=w), (1, 5, 5, 5, 4), of_kernel),
    Case(
        "Conv1DTranspose", lambda w: layers.Conv1DTranspose(6, 5, kernel_initializer=w), (1, 20, 4), of_kernel
    ),
    Case(
        "Conv1DTranspose dilated",
        lambda w: layers.Conv1DTranspose(6, 3, dilation_rate=2, kernel_initializer=w),
        (1, 20, 4),
        of_kernel,
    ),
    Case(
        "Conv2DTranspose strided",
        lambda w: layers.Conv2DTranspose(6, 4, strides=2, kernel_initializer=w),
        (1, 12, 12, 4),
        of_kernel,
    ),
    Case(
        "Conv2DTranspose of uneven strides",
        lambda w: layers.Conv2DTranspose(3, (3, 5), strides=(2, 3), padding="same", kernel_initializer=w),
        (1, 14, 12, 4),
        of_kernel,
    ),
    Case(
        "Conv3DTranspose strided",
        lambda w: layers.Conv3DTranspose(2, 2, strides=2, kernel_initializer=w),
        (1, 10, 10, 10, 3),
        of_kernel,
    ),
    Case(
        "DepthwiseConv1D",
        lambda w: layers.DepthwiseConv1D(3, depth_multiplier=2, depthwise_initializer=w),
        (1, 9, 4),
        of_kernel,
    ),
    Case(
        "DepthwiseConv2D strided",
        lambda w: layers.DepthwiseConv2D((3, 2), strides=2, depthwise_initializer=w),
        (1, 9, 9, 4),
        of_kernel,
    ),
    Case(
        "SeparableConv1D",
        lambda w: layers.SeparableConv1D(
            6, 3, depth_multiplier=2, depthwise_initializer=w, pointwise_initializer=w
        ),
        (1, 9, 4),
        of_separable,
    ),
    Case(
        "SeparableConv2D",
        lambda w: layers.SeparableConv2D(6, (3, 2), depthwise_initializer=w, pointwise_initializer=w),
        (1, 9, 9, 4),
        of_separable,
    ),
    Case("Embedding", lambda w: layers.Embedding(9, 4, embeddings_initializer=w), (2, 3), of_embedding),
    Case(
        "ReversibleEmbedding",
        lambda w: layers.ReversibleEmbedding(9, 4, embeddings_initializer=w),
        (2, 3),
        of_embedding,
    ),
    Case(
        "ReversibleEmbedding untied",
        lambda w: layers.ReversibleEmbedding(9, 4, tie_weights=False, embeddings_initializer=w),
        (2, 3),
        of_reversible_embedding,
    ),
    Case(
        "SimpleRNN",
        both(layers.SimpleRNN, 5, activation="linear"),
        (2, 3, 4),
        lambda m, _: of_cell(m, (2, 4)),
    ),
    Case("GRU", both(layers.GRU, 5, **LINEAR), (2, 3, 4), lambda m, _: of_cell(m, (2, 4))),
    Case("LSTM", both(layers.LSTM, 5, **LINEAR), (2, 3, 4), lambda m, _: of_cell(m, (2, 4))),
    Case(
        "Bidirectional LSTM",
        lambda w: layers.Bidirectional(both(layers.LSTM, 5, **LINEAR)(w)),
        (2, 3, 4),
        lambda m, _: [*of_cell(m.forward_layer, (2, 4)), *of_cell(m.backward_layer, (2, 4))],
    ),
    Case(
        "ConvLSTM1D",
        both(layers.ConvLSTM1D, 5, 3, padding="same", **LINEAR),
        (1, 2, 7, 4),
        lambda m, _: of_cell(m, (1, 7, 4)),
    ),
    Case(
        "ConvLSTM2D",
        both(layers.ConvLSTM2D, 5, (3, 1), padding="same", **LINEAR),
        (1, 2, 7, 7, 4),
        lambda m, _: of_cell(m, (1, 7, 7, 4)),
    ),
    Case(
        "ConvLSTM3D",
        both(layers.ConvLSTM3D, 2, (3, 1, 2), padding="same", **LINEAR),
        (1, 2, 4, 4, 4, 3),
        lambda m, _: of_cell(m, (1, 4, 4, 4, 3)),
    ),
    Case(
        "TimeDistributed Conv2D",
        lambda w: layers.TimeDistributed(layers.Conv2D(6, 3, kernel_initializer=w)),
        (1, 2, 9, 9, 4),
        lambda m, _: of_kernel(m.layer, (1, 9, 9, 4)),
    ),
    Case(
        "MultiHeadAttention",
        lambda w: layers.MultiHeadAttention(2, 5, kernel_initializer=w),
        (2, 3, 4),
        of_attention,
    ),
    Case(
        "GroupedQueryAttention",
        lambda w: layers.GroupQueryAttention(5, 4, 2, kernel_initializer=w),
        (2, 3, 6),
        of_attention,
    ),
]
if not hasattr(layers, "ReversibleEmbedding"):
    # an older Keras
    CASES = [case for case in CASES if "ReversibleEmbedding" not in case.name]
