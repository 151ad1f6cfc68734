"""A layer's way forward and back: the fused kernel, or the kernel's product with NumPy around it.

The probe and the trainer both run it. A layer's *pre-activation* is what enters phi: z, or z normalized. Its
*gradient* is taken with respect to the pre-activation, along every path to the output. Behind a norm, the
gradient with respect to z differs: it is divided by the standard deviation of z, so it falls where weights
grow, although nothing else behind a norm depends on their size. The pre-activation has one scale whatever the
weights are, and theory's maps start from it.

Norms and skips are NumPy's, in operations that round alike everywhere; the products, which take the time, and
pyinit's own activations are the kernels'. So bits depend on neither threads nor instruction set, unless the
activation is a user's function: its bits are those that it returns on this machine.

What is not finite may warn: callers use `numpy.errstate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np

from ... import _core
from ...linalg.normalization import Normalized, normalize
from ...linalg.statistics import Moments, Question, statistics
from ...linalg.sums import total
from ...theory.activation import Activation
from ...theory.activation import activation as resolved
from . import fused
from .dense import Dense
from .fused import Array, Take, fresh

__all__ = [
    "Gradients",
    "Inside",
    "Parts",
    "Pass",
    "Questions",
    "applied",
    "backward",
    "forward",
    "inside",
    "is_fused",
    "parts_of",
    "silent_share",
    "stream_of",
]

_LINEAR = resolved("linear")


class Parts(NamedTuple):
    """A layer's parameters, or the places of their gradients; None for what is not there or not wanted.

    The weight is an array, or `Drawn`. Scale and shift are those of a norm; None stands for 1 and 0.
    """

    weight: Any
    bias: Array | None = None
    scale: Array | None = None
    shift: Array | None = None


class Questions(NamedTuple):
    """The statistics requested of a layer's pre-activation, activation and weight."""

    entering: Question
    activation: Question
    weight: Question


class Inside(NamedTuple):
    """z, what enters phi (z, or z normalized), and how it was normalized."""

    z: Array
    entering: Array
    normalized: Normalized | None


class Pass(NamedTuple):
    """A layer's input, intermediate values and output; the statistics that `Questions` requested."""

    x: Array
    inside: Inside
    activation: Array
    found: tuple[Moments, Moments, Moments] | None


class Gradients(NamedTuple):
    """Gradients with respect to the pre-activation, the input, and the z where the skip starts.

    `of_weight` holds the moments of the gradient with respect to the weight.
    """

    entering: Array
    inputs: Array | None
    stream: Array | None
    of_weight: Moments | None


def parts_of(parameters: Mapping[str, Array], at: int) -> Parts:
    """Return the parameters of layer `at` from those of its network, by name."""
    names = ("weight", "bias", "norm.weight", "norm.bias")
    return Parts(*(parameters.get(f"layers.{at}.{name}") for name in names))


def forward(
    layer: Dense,
    parts: Parts,
    x: Array,
    stream: Array | None,
    threads: int,
    *,
    ask: Questions | None = None,
    keep_z: bool = True,
    like: Normalized | None = None,
    take: Take = fresh,
) -> Pass:
    """Run a layer on rows; `stream` is the z of the layer before.

    Where z is not kept and the kernel runs the whole layer, y stands in its place. With `like`, a norm reuses
    the mean and variance of those rows. If the kernel runs the whole layer, `take` makes the arrays.
    """
    if is_fused(layer):
        wanted: tuple[Question | None, ...] = (None, None, None) if ask is None else ask
        made = fused.forward(
            x,
            parts.weight,
            layer.activation,
            bias=parts.bias,
            keep_z=keep_z,
            ask_z=wanted[0],
            ask_y=wanted[1],
            ask_weight=wanted[2],
            threads=threads,
            take=take,
        )
        z = made.y if made.z is None else made.z
        found = None if ask is None else cast("tuple[Moments, Moments, Moments]", made[2:])
        return Pass(x, Inside(z, z, None), made.y, found)
    z, of_weight = _product(layer, parts, x, threads, ask)
    within = inside(layer, parts, _joined(layer, z, stream), like)
    y = applied(layer.activation, within.entering, slope=False)
    if ask is None or of_weight is None:
        return Pass(x, within, y, None)
    of_y = replace(
        statistics(y, ask.activation, threads or None), dead=silent_share(layer, within.entering, y)
    )
    return Pass(x, within, y, (statistics(within.entering, ask.entering, threads or None), of_y, of_weight))


def stream_of(layer: Dense, parts: Parts, x: Array, stream: Array | None, threads: int) -> Array:
    """Return z alone, of the same bits as `forward`'s."""
    return _joined(layer, _product(layer, parts, x, threads, None)[0], stream)


def inside(layer: Dense, parts: Parts, z: Array, like: Normalized | None = None) -> Inside:
    """Return z and what it becomes before phi."""
    if layer.norm is None:
        return Inside(z, z, None)
    normalized = normalize(z, layer.norm) if like is None else replace(like, values=like.same(z))
    entering = normalized.values
    if parts.scale is not None and parts.shift is not None:
        entering = entering * parts.scale + parts.shift
    return Inside(z, entering, normalized)


def backward(
    layer: Dense,
    parts: Parts,
    x: Array,
    within: Inside,
    dy: Array,
    stream: Array | None,
    into: Parts,
    threads: int,
    *,
    want_inputs: bool = True,
    over: bool = False,
    ask_weight: Question | None = None,
) -> Gradients:
    """Return the gradients of a layer from that of its activation, and write its parameters' into `into`.

    `stream` is what comes back to z by a skip after it. `over` where z and dy may be written over.
    """
    z, normalized = within.z, within.normalized
    if is_fused(layer) and stream is None:
        back = fused.backward(
            x,
            parts.weight,
            layer.activation,
            z,
            dy,
            dw=into.weight,
            db=into.bias,
            want_dx=want_inputs,
            over=over,
            ask_dw=ask_weight,
            threads=threads,
        )
        return Gradients(back.dz, back.dx, None, back.of_dw)
    entering: Array = dy * applied(layer.activation, within.entering, slope=True)
    dz = entering
    if normalized is not None:
        if into.scale is not None and into.shift is not None:
            into.scale[...] = _down(entering * normalized.values)
            into.shift[...] = _down(entering)
        dz = normalized.backward(entering if parts.scale is None else entering * parts.scale)
    if stream is not None:
        dz = dz + stream
    branch = dz if layer.branch is None else np.float32(layer.branch) * dz
    back = fused.backward(
        x,
        parts.weight,
        _LINEAR,
        z,
        branch,
        dw=into.weight,
        db=into.bias,
        want_dx=want_inputs,
        ask_dw=ask_weight,
        threads=threads,
    )
    return Gradients(
        dz if normalized is None else entering,
        back.dx,
        None if layer.branch is None else dz,
        back.of_dw,
    )


def is_fused(layer: Dense) -> bool:
    """Return whether the kernel runs the whole layer."""
    return layer.norm is None and layer.branch is None and layer.activation.is_builtin


def applied(phi: Activation, x: Array, *, slope: bool, over: bool = False) -> Array:
    """Return phi of float32, or phi', by the kernel where it has phi; `over` where x may be written over."""
    if phi.is_builtin:
        given = np.ascontiguousarray(x)
        out = given if over else np.empty_like(given)
        kernel = _core.slope if slope else _core.activate
        kernel(phi.name, phi.parameter or 0.0, given, out)
        return out
    function = phi.slope if slope else phi.value
    with np.errstate(all="ignore"):
        return function(x.astype(np.float64)).astype(np.float32)


def silent_share(layer: Dense, entering: Array, y: Array) -> float:
    """Return the share of units that are zero in every row, or whose slope is."""
    slopes = applied(layer.activation, entering, slope=True)
    silent = (y == 0).all(axis=0) | (slopes == 0).all(axis=0)
    return int(np.count_nonzero(silent)) / layer.units


def _product(
    layer: Dense, parts: Parts, x: Array, threads: int, ask: Questions | None
) -> tuple[Array, Moments | None]:
    made = fused.forward(
        x,
        parts.weight,
        _LINEAR,
        bias=parts.bias,
        ask_weight=None if ask is None else ask.weight,
        threads=threads,
    )
    return made.y, made.of_weight


def _joined(layer: Dense, product: Array, stream: Array | None) -> Array:
    """Return z: what a layer's product made, added to the skip where there is one."""
    if layer.branch is None:
        return product
    assert stream is not None
    z: Array = stream + np.float32(layer.branch) * product
    return z


def _down(x: Array) -> Array:
    """Return the column sums, in float64 from the first row to the last, as the kernel's."""
    sums: Array = total(x).astype(np.float32)
    return sums
