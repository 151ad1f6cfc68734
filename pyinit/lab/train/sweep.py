"""Forward and backward passes through all layers of a network, with every parameter's gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..network import passes
from ..network.network import Network
from ..network.passes import Parts, Pass, parts_of

__all__ = ["backward", "forward", "outputs", "parts_by_layer"]

Array: TypeAlias = npt.NDArray[np.float32]


def parts_by_layer(network: Network, parameters: Mapping[str, Array]) -> list[Parts]:
    """Return the parameters of each layer, or the places of their gradients."""
    return [parts_of(parameters, at) for at in range(len(network.layers))]


def forward(network: Network, parts: Sequence[Parts], x: Array, threads: int) -> list[Pass]:
    """Run every layer on a batch."""
    made: list[Pass] = []
    stream: Array | None = None
    for layer, own in zip(network.layers, parts, strict=True):
        one = passes.forward(layer, own, x, stream, threads)
        made.append(one)
        x, stream = one.activation, one.inside.z
    return made


def backward(
    network: Network, parts: Sequence[Parts], made: list[Pass], dy: Array, into: Sequence[Parts], threads: int
) -> list[Array]:
    """Write every parameter's gradient into its place; return the gradient at each pre-activation.

    `dy` is the gradient with respect to the network's output.
    """
    found: list[Array] = []
    stream: Array | None = None
    for at in reversed(range(len(network.layers))):
        one = made[at]
        back = passes.backward(
            network.layers[at],
            parts[at],
            one.x,
            one.inside,
            dy,
            stream,
            into[at],
            threads,
            want_inputs=at > 0,
        )
        found.append(back.entering)
        if back.inputs is not None:
            dy, stream = back.inputs, back.stream
    return found[::-1]


def outputs(network: Network, parts: Sequence[Parts], inputs: list[Array], threads: int) -> list[Array]:
    """Return the outputs for each part of the data, keeping one layer at a time.

    Batch normalization takes mean and variance from the first part, and uses them for the others.
    """
    streams: list[Array | None] = [None] * len(inputs)
    skips = any(layer.branch is not None for layer in network.layers)
    for layer, own in zip(network.layers, parts, strict=True):
        like, made = None, []
        for x, stream in zip(inputs, streams, strict=True):
            made.append(passes.forward(layer, own, x, stream, threads, keep_z=skips, like=like))
            if layer.norm == "batch":
                like = made[0].inside.normalized
        inputs, streams = [one.activation for one in made], [one.inside.z for one in made]
    return inputs
