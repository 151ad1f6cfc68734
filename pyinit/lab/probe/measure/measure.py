"""One run of a network, forward and back, of which only statistics of each layer are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ....linalg.statistics import Axis, Moments, Question, statistics
from ....stream.key import Key
from ....stream.plan import Plan
from ...network.dense import Dense
from ...network.drawn import DISTRIBUTIONS, Drawn, Weight
from ...network.passes import (
    Parts,
    Pass,
    Questions,
    applied,
    backward,
    forward,
    inside,
    is_fused,
    stream_of,
)
from .axes import Axes, ends, reached, spanning
from .facts import LayerFacts
from .retrace import places_for, retraced, stops
from .spare import Spare

__all__ = ["Measured", "Output", "Progress", "measured"]

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]
Output = Callable[[Array], tuple[float | None, Array]]
"""Maps the output to (loss, gradient with respect to the output); the run may overwrite the gradient."""

# where histograms end, in standard deviations
_REACH = 5.0
# of an axis, and outside it
_FILLED = 0.25
_OUTSIDE = 0.01
# weights of up to so many numbers stay in memory from forward to back
_SMALL = 1 << 20


@dataclass(frozen=True)
class Measured:
    """What was measured: moments of the input and, by kind, of each layer; and the loss if there is one."""

    inputs: Moments
    layers: tuple[dict[str, Moments], ...]
    loss: float | None


@np.errstate(over="ignore", invalid="ignore")
def measured(
    facts: Sequence[LayerFacts],
    x: Array,
    key: Key,
    output: Output | None,
    axes: Axes,
    threads: int | None,
    progress: Progress | None,
) -> Measured:
    """Run a network on rows of float32, and back where there is an output's gradient.

    The forward run holds the arrays of two layers, however many there are. The backward run adds the
    pre-activations of every layer, or of some where there are many large ones (`retrace`); weights of up to
    2^20 numbers and those that cannot be drawn on the way; and, for one layer at a time, the gradient with
    respect to its weight, which is made band by band where the ends of its histogram are given.
    """
    layers, keep, members = [one.layer for one in facts], output is not None, threads or 0
    total = len(layers) * (2 if keep else 1)
    inputs = statistics(x, Question(axes.around("activation", x)), threads)
    found: list[dict[str, Moments]] = []
    parts: list[Parts] = []
    places = places_for(len(layers), 4 * len(x) * max(layer.units for layer in layers))
    to_keep = frozenset(stops(0, len(layers), places)) if keep else frozenset()
    kept: dict[int, Array] = {}
    entering, before, stream = x, inputs, None
    spare = Spare()
    for at, layer in enumerate(layers):
        weight = _weight(layer, at, key, threads)
        asked = _asked(facts[at], axes, weight, entering, before, found[-1] if found else None)
        own = Parts(weight, _bias(layer, at, key))
        made = forward(layer, own, entering, stream, members, ask=asked, take=spare.take)
        found.append(_refined(made, axes, threads))
        if keep:
            parts.append(own)
        if at in to_keep:
            kept[at] = made.inside.z
        entering, before = made.activation, found[-1]["activation"]
        following = layers[at + 1] if at + 1 < len(layers) else None
        stream = made.inside.z if following is not None and following.branch is not None else None
        if is_fused(layer) and following is not None and is_fused(following):
            # what the kernel filled is this run's own
            if at and is_fused(layers[at - 1]):
                spare.give(made.x)
            if at not in to_keep:
                spare.give(made.inside.z)
        # free this layer's arrays before the next layer allocates
        del made, weight, own
        if progress is not None:
            progress(at + 1, total)
    if output is None:
        return Measured(inputs, tuple(found), None)
    loss, dy = output(entering)
    del entering, stream, spare

    def run(first: int, stop: int, z: Array | None) -> Array:
        # at most two matrices at once: this is when memory peaks
        got = x if z is None else _activated(layers[first - 1], z)
        for at in range(first, stop):
            z = stream_of(layers[at], parts[at], got, z, members)
            got = _activated(layers[at], z, over=layers[at + 1].branch is None)
        return stream_of(layers[stop], parts[stop], got, z, members)

    ran = retraced(kept, places, run)
    z, skip = next(ran), None
    fixed = axes.fixed("weight gradient")
    ask = None if fixed is None else Question(fixed)
    for at in reversed(range(len(layers))):
        layer, own, earlier = layers[at], parts[at], next(ran, None)
        entering = x if earlier is None else _activated(layers[at - 1], earlier)
        dw = None if ask is not None else np.empty((layer.inputs, layer.units), np.float32)
        back = backward(
            layer,
            own,
            entering,
            inside(layer, own, z),
            dy,
            skip,
            Parts(dw),
            members,
            want_inputs=at > 0,
            over=True,
            ask_weight=ask,
        )
        axis = axes.around("gradient", back.entering)
        found[at]["gradient"] = statistics(back.entering, Question(axis), threads)
        found[at]["weight gradient"] = back.of_weight or _of_weight(dw, axes, threads)
        if back.inputs is not None and earlier is not None:
            dy, skip, z = back.inputs, back.stream, earlier
        # free these before the next layer allocates
        del back, entering, earlier, dw
        if progress is not None:
            progress(2 * len(layers) - at, total)
    return Measured(inputs, tuple(found), loss)


def _activated(layer: Dense, z: Array, *, over: bool = False) -> Array:
    """Return phi of z again, with the same bits: keeping it would take as much memory as z."""
    within = inside(layer, Parts(None), z)
    is_own = within.normalized is not None
    return applied(layer.activation, within.entering, slope=False, over=over or is_own)


def _of_weight(values: Array | None, axes: Axes, threads: int | None) -> Moments:
    assert values is not None
    return statistics(values, Question(axes.around("weight gradient", values)), threads)


def _refined(made: Pass, axes: Axes, threads: int | None) -> dict[str, Moments]:
    """Return the moments of a pass; a histogram is made again if its axis was far too wide or too narrow."""
    assert made.found is not None
    result = dict(zip(("pre-activation", "activation", "weight"), made.found, strict=True))
    for kind, values in (("pre-activation", made.inside.entering), ("activation", made.activation)):
        found = result[kind]
        bars = found.histogram
        if bars is None or axes.fixed(kind) is not None or not found.count:
            continue
        low, high = found.minimum, found.maximum
        first, last = ends(bars.axis)
        is_filled = high - low >= _FILLED * (last - first)
        if not is_filled or bars.below + bars.above > _OUTSIDE * found.count:
            again = statistics(values, Question(spanning(low, high, axes.bins)), threads)
            result[kind] = replace(found, histogram=again.histogram)
    return result


def _weight(layer: Dense, at: int, key: Key, threads: int | None) -> Weight:
    """Return the weight, or how to draw it where it is used if it is large and need not exist as a whole."""
    shape, name = (layer.inputs, layer.units), key.fold_in(f"layers.{at}.weight")
    plan = layer.recipe.plan_for(shape, "float32")
    if plan.distribution in DISTRIBUTIONS and layer.inputs * layer.units > _SMALL:
        return Drawn(plan, name)
    return layer.recipe(shape, key=name, threads=threads)


def _bias(layer: Dense, at: int, key: Key) -> Array | None:
    if layer.bias is None:
        return None
    return layer.bias((layer.units,), key=key.fold_in(f"layers.{at}.bias"))


def _asked(
    facts: LayerFacts,
    axes: Axes,
    weight: Weight,
    x: Array,
    entering: Moments,
    before: dict[str, Moments] | None,
) -> Questions:
    z_axis = _expected(facts, axes, x, entering, before)
    if isinstance(weight, Drawn):
        w_axis = axes.fixed("weight") or spanning(*_bounds(weight.plan), axes.bins)
    else:
        w_axis = axes.around("weight", weight)
    return Questions(
        Question(z_axis, facts.flat_ends), Question(_image(facts.layer, axes, z_axis)), Question(w_axis)
    )


def _bounds(plan: Plan) -> tuple[float, float]:
    if plan.bounds is not None:
        return plan.bounds
    mean, std = plan.mean or 0.0, plan.std or 0.0
    return mean - _REACH * std, mean + _REACH * std


def _expected(
    facts: LayerFacts, axes: Axes, x: Array, entering: Moments, before: dict[str, Moments] | None
) -> Axis:
    """Return the axis that the pre-activation is expected to need, before it is computed."""
    layer, weight, bias = facts.layer, facts.weight, facts.bias
    fixed = axes.fixed("pre-activation")
    if fixed is not None:
        return fixed
    if layer.norm is not None:
        return spanning(-_REACH, _REACH, axes.bins)
    square = weight.std**2 * layer.inputs * entering.second_moment + bias.std**2
    low = high = bias.mean
    if weight.mean:
        shared = weight.mean * _row_sums(x)
        low, high = low + float(shared.min()), high + float(shared.max())
    if layer.branch is not None and before is not None:
        square = layer.branch**2 * square + before["pre-activation"].second_moment
        low, high = layer.branch * low, layer.branch * high
    reach = _REACH * math.sqrt(square)
    if not (math.isfinite(low - reach) and math.isfinite(high + reach)):
        low, high, reach = -1e30, 1e30, 0.0
    return spanning(low - reach, high + reach, axes.bins)


def _row_sums(x: Array) -> Array:
    sums: Array = x.sum(axis=1, dtype=np.float64)
    return sums


def _image(layer: Dense, axes: Axes, z_axis: Axis) -> Axis:
    """Return the axis of the activation, from that of the pre-activation."""
    fixed = axes.fixed("activation")
    if fixed is not None:
        return fixed
    return spanning(*reached(layer.activation, *ends(z_axis)), axes.bins)
