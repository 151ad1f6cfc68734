"""A network's way forward and back on a batch, with normalization that is learned and every gradient.

Arrays are those of a training, float32 and without gaps, so that the kernels are called without the checks of
`pyinit.layer`: in a step of small layers these take as long as a product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _core
from .._probe.step import applied, is_fused
from ..dense import Dense
from ..network import Network
from ..normalization import Normalized, normalize

__all__ = ["Parameters", "Pass", "backward", "forward", "outputs", "threads_for"]

Array: TypeAlias = npt.NDArray[np.float32]
Parameters: TypeAlias = Mapping[str, Array]

# fma from which sharing a product saves more than starting threads costs
_SHARED = 1 << 25


@dataclass(frozen=True)
class Pass:
    """What a layer got and made on a batch: x, z, what entered phi (z, or z normalized), and phi of it."""

    x: Array
    z: Array
    entering: Array
    activation: Array
    normalized: Normalized | None


def threads_for(network: Network, rows: int, threads: int | None) -> int:
    """Return the threads for batches of so many rows, 0 for all there are; bits do not depend on it."""
    largest = max(layer.inputs * layer.units for layer in network.layers)
    return 1 if rows * largest < _SHARED else threads or 0


def forward(network: Network, parameters: Parameters, x: Array, threads: int) -> list[Pass]:
    """Run every layer on a batch."""
    made: list[Pass] = []
    for at, layer in enumerate(network.layers):
        name, before = f"layers.{at}", made[-1].z if made else None
        if is_fused(layer):
            z, y = _products(layer, name, parameters, x, threads, keep_z=True)
            made.append(Pass(x, z, z, y, None))
        else:
            z = _affine(layer, name, parameters, x, before, threads)
            normalized = None if layer.norm is None else normalize(z, layer.norm)
            entering = z if normalized is None else _learned(normalized.values, name, parameters)
            y = applied(layer.activation, entering, slope=False)
            made.append(Pass(x, z, entering, y, normalized))
        x = made[-1].activation
    return made


def backward(
    network: Network, parameters: Parameters, made: list[Pass], dy: Array, into: Parameters, threads: int
) -> list[Array]:
    """Write every parameter's gradient into its place, and return the gradients by each layer's z.

    `dy` is the gradient by the network's output.
    """
    found: list[Array] = []
    stream: Array | None = None
    for at in reversed(range(len(network.layers))):
        layer, step, name = network.layers[at], made[at], f"layers.{at}"
        x, weight = step.x, parameters[f"{name}.weight"]
        dx = np.empty_like(x)
        dw, db = into[f"{name}.weight"], into.get(f"{name}.bias")
        phi, parameter, z = layer.activation.name, layer.activation.parameter or 0.0, step.z
        dz = inner = np.empty_like(z)
        if not is_fused(layer) or stream is not None:
            dz = _through_activation(layer, name, parameters, step, dy, stream, into)
            dy = dz if layer.branch is None else np.float32(layer.branch) * dz
            phi, parameter = "linear", 0.0
        wanted = dx if at else None
        _core.layer_backward(x, weight, phi, parameter, z, dy, inner, wanted, dw, db, None, None, threads)
        found.append(dz)
        dy, stream = dx, None if layer.branch is None else dz
    return found[::-1]


def outputs(network: Network, parameters: Parameters, parts: list[Array], threads: int) -> list[Array]:
    """Return the outputs for each part of the data, keeping one layer at a time.

    Batch normalization takes mean and variance from the first part, and uses them for the others.
    """
    streams: list[Array | None] = [None] * len(parts)
    skips = any(layer.branch is not None for layer in network.layers)
    for at, layer in enumerate(network.layers):
        name = f"layers.{at}"
        if is_fused(layer):
            ran = [_products(layer, name, parameters, x, threads, keep_z=skips) for x in parts]
            streams, parts = [z for z, _ in ran], [y for _, y in ran]
            continue
        entering = [
            _affine(layer, name, parameters, x, before, threads)
            for x, before in zip(parts, streams, strict=True)
        ]
        streams = list(entering)
        if layer.norm is not None:
            first = normalize(entering[0], layer.norm)
            again = first.same if layer.norm == "batch" else lambda z: normalize(z, "layer").values
            values = [first.values, *(again(z) for z in entering[1:])]
            entering = [_learned(one, name, parameters) for one in values]
        parts = [applied(layer.activation, one, slope=False) for one in entering]
    return parts


def _products(
    layer: Dense, name: str, parameters: Parameters, x: Array, threads: int, keep_z: bool
) -> tuple[Array, Array]:
    """Return z, which is y where it is not kept, and y of a layer that the kernel runs whole."""
    phi = layer.activation
    y = np.empty((len(x), layer.units), np.float32)
    z = np.empty_like(y) if keep_z else None
    weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
    _core.layer_forward(x, weight, bias, phi.name, phi.parameter or 0.0, z, y, None, None, None, threads)
    return y if z is None else z, y


def _affine(
    layer: Dense, name: str, parameters: Parameters, x: Array, before: Array | None, threads: int
) -> Array:
    z = np.empty((len(x), layer.units), np.float32)
    weight, bias = parameters[f"{name}.weight"], parameters.get(f"{name}.bias")
    _core.layer_forward(x, weight, bias, "linear", 0.0, None, z, None, None, None, threads)
    if layer.branch is not None:
        assert before is not None
        z = before + np.float32(layer.branch) * z
    return z


def _through_activation(
    layer: Dense,
    name: str,
    parameters: Parameters,
    step: Pass,
    dy: Array,
    stream: Array | None,
    into: Parameters,
) -> Array:
    """Return the gradient by z, and write that of the normalization's parameters."""
    dz: Array = dy * applied(layer.activation, step.entering, slope=True)
    if step.normalized is not None:
        into[f"{name}.norm.weight"][...] = _down(dz * step.normalized.values)
        into[f"{name}.norm.bias"][...] = _down(dz)
        dz = step.normalized.backward(dz * parameters[f"{name}.norm.weight"])
    return dz if stream is None else dz + stream


def _learned(normalized: Array, name: str, parameters: Parameters) -> Array:
    result: Array = normalized * parameters[f"{name}.norm.weight"] + parameters[f"{name}.norm.bias"]
    return result


def _down(x: Array) -> Array:
    """Return the column sums, in float64 from the first row to the last, as the kernel's."""
    total: Array = np.add.accumulate(x, 0, np.float64)[-1].astype(np.float32)
    return total
