"""A network's way forward and back on a batch, with normalization that is learned and every gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import layer as fused
from .._probe.step import applied, is_fused
from ..dense import Dense
from ..network import Network
from ..normalization import Normalized, normalize

__all__ = ["Gradients", "Parameters", "Pass", "backward", "forward", "outputs"]

Array: TypeAlias = npt.NDArray[np.float32]
Parameters: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Pass:
    """What a layer got and made on a batch: x, z, what entered phi (z, or z normalized), and phi of it."""

    x: Array
    z: Array
    entering: Array
    activation: Array
    normalized: Normalized | None


@dataclass(frozen=True)
class Gradients:
    """By z, by what the layer got, and by its parameters."""

    z: Array
    inputs: Array | None
    parameters: dict[str, Array]


def forward(network: Network, parameters: Parameters, x: Array, threads: int | None) -> list[Pass]:
    """Run every layer on a batch."""
    made: list[Pass] = []
    for at, layer in enumerate(network.layers):
        before = made[-1] if made else None
        made.append(_forward(layer, f"layers.{at}", parameters, x, before, threads))
        x = made[-1].activation
    return made


def _forward(
    layer: Dense, name: str, parameters: Parameters, x: Array, before: Pass | None, threads: int | None
) -> Pass:
    weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
    if is_fused(layer):
        made = fused.forward(x, weight, layer.activation, bias=bias, keep_z=True, threads=threads)
        assert made.z is not None
        return Pass(x, made.z, made.z, made.y, None)
    z = _affine(layer, x, weight, bias, None if before is None else before.z, threads)
    normalized, entering = None, z
    if layer.norm is not None:
        normalized = normalize(z, layer.norm)
        entering = _learned(normalized.values, name, parameters)
    return Pass(x, z, entering, applied(layer.activation, entering, slope=False), normalized)


def backward(
    network: Network, parameters: Parameters, made: list[Pass], dy: Array, threads: int | None
) -> list[Gradients]:
    """Return the gradients of every layer from that of the output."""
    found: list[Gradients] = []
    stream: Array | None = None
    incoming: Array | None = dy
    for at in reversed(range(len(network.layers))):
        assert incoming is not None
        layer, step, name = network.layers[at], made[at], f"layers.{at}"
        weight = parameters[f"{name}.weight"]
        if is_fused(layer) and stream is None:
            back = fused.backward(
                step.x, weight, layer.activation, step.z, incoming, want_dx=at > 0, threads=threads
            )
            assert back.dw is not None
            gradients = Gradients(back.dz, back.dx, {f"{name}.weight": back.dw, f"{name}.bias": back.db})
        else:
            gradients = _backward(layer, name, parameters, step, incoming, stream, at > 0, threads)
        found.append(gradients)
        incoming, stream = gradients.inputs, gradients.z if layer.branch is not None else None
    return found[::-1]


def _backward(
    layer: Dense,
    name: str,
    parameters: Parameters,
    step: Pass,
    dy: Array,
    stream: Array | None,
    wanted: bool,
    threads: int | None,
) -> Gradients:
    dz = dy * applied(layer.activation, step.entering, slope=True)
    own: dict[str, Array] = {}
    if step.normalized is not None:
        own[f"{name}.norm.weight"] = _down(dz * step.normalized.values)
        own[f"{name}.norm.bias"] = _down(dz)
        dz = step.normalized.backward(dz * parameters[f"{name}.norm.weight"])
    if stream is not None:
        dz = dz + stream
    branch = dz if layer.branch is None else np.float32(layer.branch) * dz
    weight = parameters[f"{name}.weight"]
    back = fused.backward(step.x, weight, "linear", step.z, branch, want_dx=wanted, threads=threads)
    assert back.dw is not None
    own |= {f"{name}.weight": back.dw, f"{name}.bias": back.db}
    return Gradients(dz, back.dx, own)


def outputs(network: Network, parameters: Parameters, parts: list[Array], threads: int | None) -> list[Array]:
    """Return the outputs for each part of the data, keeping one layer at a time.

    Batch normalization takes mean and variance from the first part, and uses them for the others.
    """
    streams: list[Array | None] = [None] * len(parts)
    for at, layer in enumerate(network.layers):
        name = f"layers.{at}"
        weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
        if is_fused(layer):
            ran = [
                fused.forward(x, weight, layer.activation, bias=bias, keep_z=True, threads=threads)
                for x in parts
            ]
            parts, streams = [one.y for one in ran], [one.z for one in ran]
            continue
        streams = [
            _affine(layer, x, weight, bias, before, threads) for x, before in zip(parts, streams, strict=True)
        ]
        entering = [z for z in streams if z is not None]
        if layer.norm is not None:
            first = normalize(entering[0], layer.norm)
            again = first.same if layer.norm == "batch" else lambda z: normalize(z, "layer").values
            values = [first.values, *(again(z) for z in entering[1:])]
            entering = [_learned(one, name, parameters) for one in values]
        parts = [applied(layer.activation, one, slope=False) for one in entering]
    return parts


def _affine(
    layer: Dense, x: Array, weight: Array, bias: Array | None, before: Array | None, threads: int | None
) -> Array:
    z: Array = fused.forward(x, weight, "linear", bias=bias, threads=threads).y
    if layer.branch is not None:
        assert before is not None
        z = before + np.float32(layer.branch) * z
    return z


def _learned(normalized: Array, name: str, parameters: Parameters) -> Array:
    result: Array = normalized * parameters[f"{name}.norm.weight"] + parameters[f"{name}.norm.bias"]
    return result


def _down(x: Array) -> Array:
    """Return the column sums, in float64 from the first row to the last, as the fused layer's."""
    total: Array = np.add.accumulate(x, 0, np.float64)[-1].astype(np.float32)
    return total
