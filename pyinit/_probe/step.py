"""One layer, forward and back: the fused kernel, or the kernel's product with NumPy around it.

Norms and skips are NumPy's, in operations that round alike everywhere; the products, which take the time, and
pyinit's own activations are the kernels'. So bits depend on neither threads nor instruction set, unless the
activation is a user's function: its bits are those that it returns on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import layer as kernel
from ..activation import Activation
from ..dense import Dense, said
from ..moments import Axis, Moments, Question, statistics
from ..normalization import Normalized, normalize
from .saturation import flat_ends

__all__ = ["Asked", "Gradients", "Step", "again", "applied", "backward", "forward", "is_fused", "z_again"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Asked:
    """Where the histograms of a layer lie."""

    entering: Axis
    activation: Axis
    weight: Axis


@dataclass(frozen=True)
class Step:
    """What a layer made: phi, z, what entered phi (z, or z normalized), and statistics."""

    y: Array
    z: Array
    entering: Array
    moments: dict[str, Moments]


@dataclass(frozen=True)
class Gradients:
    """By what enters phi, by the weight, by what the layer got, and by the z that its skip starts from.

    Of the weight either the gradient, or its statistics where they were asked for.
    """

    entering: Array
    weight: Array | None
    of_weight: Moments | None
    inputs: Array | None
    skip: Array | None


def forward(
    layer: Dense,
    x: Array,
    weight: kernel.Weight,
    bias: Array | None,
    skip: Array | None,
    asked: Asked,
    threads: int | None,
) -> Step:
    """Run a layer on rows of float32; `skip` is the z of the layer before."""
    ask_z = Question(asked.entering, flat_ends(layer.activation))
    ask_y, ask_weight = Question(asked.activation), Question(asked.weight)
    if is_fused(layer):
        made = kernel.forward(
            x,
            weight,
            layer.activation,
            bias=bias,
            keep_z=True,
            ask_z=ask_z,
            ask_y=ask_y,
            ask_weight=ask_weight,
            threads=threads,
        )
        found = {"pre-activation": made.of_z, "activation": made.of_y, "weight": made.of_weight}
        assert made.z is not None
        return Step(made.y, made.z, made.z, _all(found))
    made = kernel.forward(x, weight, "linear", bias=bias, ask_weight=ask_weight, threads=threads)
    z = _joined(layer, made.y, skip)
    normalized = _normalized(layer, z)
    entering = z if normalized is None else normalized.values
    y = applied(layer.activation, entering, slope=False)
    silent = (y == 0).all(axis=0) | (applied(layer.activation, entering, slope=True) == 0).all(axis=0)
    of_y = statistics(y, ask_y, threads)
    found = {
        "pre-activation": statistics(entering, ask_z, threads),
        "activation": replace(of_y, dead=float(silent.mean())),
        "weight": made.of_weight,
    }
    return Step(y, z, entering, _all(found))


def again(layer: Dense, z: Array, *, over: bool = False) -> Array:
    """Return phi once more, bit for bit; `over` where z may be written over."""
    normalized = _normalized(layer, z)
    if normalized is not None:
        return applied(layer.activation, normalized.values, slope=False, over=True)
    return applied(layer.activation, z, slope=False, over=over)


def z_again(
    layer: Dense, x: Array, weight: kernel.Weight, bias: Array | None, skip: Array | None, threads: int | None
) -> Array:
    """Return z once more, bit for bit."""
    return _joined(layer, kernel.forward(x, weight, "linear", bias=bias, threads=threads).y, skip)


def _joined(layer: Dense, made: Array, skip: Array | None) -> Array:
    """Return z: what a layer's product made, added to the skip where there is one."""
    if layer.branch is None or skip is None:
        return made
    with np.errstate(over="ignore", invalid="ignore"):
        z: Array = skip + np.float32(layer.branch) * made
    return z


def backward(
    layer: Dense,
    x: Array,
    weight: kernel.Weight,
    z: Array,
    dy: Array,
    stream: Array | None,
    want_inputs: bool,
    ask_weight: Question | None,
    threads: int | None,
) -> Gradients:
    """Return the gradients of a layer from that of its activation; `stream` comes by a skip after it.

    `z` and `dy` are written over.
    """
    keep = ask_weight is None
    if is_fused(layer) and stream is None:
        made = kernel.backward(
            x,
            weight,
            layer.activation,
            z,
            dy,
            want_dx=want_inputs,
            keep_dw=keep,
            reuse=True,
            ask_dw=ask_weight,
            threads=threads,
        )
        return Gradients(made.dz, made.dw, made.of_dw, made.dx, None)
    entering, dz = _to_z(layer, z, dy, stream)
    with np.errstate(over="ignore", invalid="ignore"):
        branch = dz if layer.branch is None else np.float32(layer.branch) * dz
    made = kernel.backward(
        x, weight, "linear", z, branch, want_dx=want_inputs, keep_dw=keep, ask_dw=ask_weight, threads=threads
    )
    return Gradients(entering, made.dw, made.of_dw, made.dx, None if layer.branch is None else dz)


def _to_z(layer: Dense, z: Array, dy: Array, stream: Array | None) -> tuple[Array, Array]:
    """Return the gradients by what enters phi and by z, which are one without a norm."""
    normalized = _normalized(layer, z)
    with np.errstate(over="ignore", invalid="ignore"):
        inner = dy * applied(layer.activation, z if normalized is None else normalized.values, slope=True)
        dz = inner if normalized is None else normalized.backward(inner)
        if stream is not None:
            dz = dz + stream
    return dz if normalized is None else inner, dz


def _normalized(layer: Dense, z: Array) -> Normalized | None:
    if layer.norm is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return normalize(z, layer.norm)


def is_fused(layer: Dense) -> bool:
    """Return whether the kernel runs the whole layer."""
    return layer.norm is None and layer.branch is None and _is_named(layer.activation)


def _is_named(phi: Activation) -> bool:
    return not isinstance(said(phi), Activation)


def applied(phi: Activation, x: Array, *, slope: bool, over: bool = False) -> Array:
    """Return phi of float32, or phi', by the kernel where it has phi; `over` where x may be written over."""
    if _is_named(phi):
        given = np.ascontiguousarray(x)
        out = given if over else np.empty_like(given)
        kernel_of = _core.slope if slope else _core.activate
        kernel_of(phi.name, phi.parameter or 0.0, given, out)
        return out
    function = phi.slope if slope else phi.value
    with np.errstate(all="ignore"):
        return function(x.astype(np.float64)).astype(np.float32)


def _all(found: dict[str, Moments | None]) -> dict[str, Moments]:
    return {kind: moments for kind, moments in found.items() if moments is not None}
