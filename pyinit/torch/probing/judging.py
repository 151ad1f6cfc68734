"""Verdicts on modules that are no plain chain, from measured numbers alone, by the judge of `pyinit.probe`.

The signal is the pre-activation. It is judged for layers with an activation, and for the last layer unless
that is attention or recurrent; other layers add to a skip or are averaged by attention, and may be small. The
signal is compared with the rms of the input, or with 1 if that is the milder comparison. Gradients are
compared among the layers with an activation, with the last of these as the reference, because such layers
have the same place in their blocks; the queries of attention get a much smaller gradient than its values, by
design. An input of ids counts as 1, and so does a normalized signal. A layer whose output is 0 is not dead if
its weights get a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...lab.probe.measure.saturation import saturated_from
from ...lab.probe.measure.spread import spread_of
from ...lab.probe.verdict.cure import suggested
from ...lab.probe.verdict.evidence import FEW, is_silent, rms
from ...lab.probe.verdict.judge import Evidence, Finding, Signal
from ...lab.probe.verdict.remedy import SAME, Fit, nearest_of_the_worst
from ...lab.probe.verdict.sentences import Wording, verdicts
from ...lab.probe.verdict.verdict import Cause, Remedy, Verdict
from ...theory.activation import activation
from ...theory.law import Spread
from .calls import Call
from .layers import is_fused

__all__ = ["MODULES", "judged"]

MODULES = Wording("module {name}", "torch.nn.LeakyReLU({slope:g})")
"""The wording for a module of torch, whose layers have names."""


def judged(
    calls: Sequence[Call], names: Sequence[str], inputs: float, *, went_back: Callable[[Call], bool]
) -> tuple[tuple[Verdict, ...], Verdict]:
    """Return a verdict on each call, and one on the module.

    `inputs` is the input's rms; `went_back` says of a call whether a backward pass would have come to it if
    the output depended on it.
    """
    layers = [_evidence(call, calls, inputs, went_back(call)) for call in calls]
    fits = [_fit(call) for call in calls]
    return verdicts(layers, names, lambda finding: _remedy(finding, calls, names, fits), MODULES)


def _evidence(call: Call, calls: Sequence[Call], inputs: float, went_back: bool) -> Evidence:
    at, phi, entering = call.index, call.nonlinearity.phi, call.moments["pre-activation"]
    signal, norm = _signal(call, inputs, at == len(calls) - 1), _norm(call)
    last = _norm(next((one for one in reversed(calls) if _has_phi(one)), call))
    cause: Cause
    if norm is None:
        cause = "unused" if went_back else "keeps its signal"
    else:
        cause = "alive" if signal is None else "keeps its size"
    return Evidence(
        at,
        call.moments,
        Finding("healthy", cause, at),
        call.nonlinearity.name if phi is None else phi.name,
        None if phi is None or entering.saturated is None else saturated_from(phi),
        idle=_idle(call),
        is_symmetric=_is_symmetric(call, calls),
        signal=signal,
        unreached=Finding("dead", "no gradient", at) if norm == 0.0 else None,
        gradient_ratio=norm / last if _has_phi(call) and norm is not None and last else None,
    )


def _idle(call: Call) -> Finding | None:
    made, of_weight = call.moments["activation"], call.moments.get("weight gradient")
    if made.second_moment == 0.0:
        learns = of_weight.second_moment > 0.0 if of_weight else _is_constant(call)
        if learns:
            return Finding("healthy", "waits for a step", call.index)
        return Finding("dead", "zero output", call.index)
    return Finding("dead", "silent units", call.index, made.dead or 0.0) if is_silent(made) else None


def _is_symmetric(call: Call, calls: Sequence[Call]) -> bool:
    if call.units == 1 or call.index == len(calls) - 1 or call.moments["weight"].mean == 0.0:
        return False
    return _is_constant(call) and _is_constant(calls[call.index + 1])


def _signal(call: Call, inputs: float, is_last: bool) -> Signal | None:
    """Return the rms to judge, the name of what it enters, and the values to compare it with."""
    if not (_has_phi(call) or (is_last and not is_fused(call.module))):
        return None
    where = call.nonlinearity.name if _has_phi(call) else "the output"
    low, high = (1.0, 1.0) if call.norm else (min(inputs, 1.0), max(inputs, 1.0))
    if call.units >= FEW or call.norm or call.skips or call.entering is None:
        return Signal(rms(call.moments["pre-activation"]), where, low, high)
    square = call.inputs * call.moments["weight"].second_moment * call.entering
    return Signal(math.sqrt(square), where, low, high)


def _remedy(
    finding: Finding, calls: Sequence[Call], names: Sequence[str], fits: Sequence[Fit]
) -> Remedy | None:
    if finding.kind == "healthy":
        return None
    # ids select rows, so that any std is right
    excess = [0.0 if call.entering is None else fit.excess for call, fit in zip(calls, fits, strict=True)]
    to_blame = finding.at
    if finding.kind in ("exploding", "vanishing"):
        to_blame = nearest_of_the_worst(excess, range(len(calls)), finding.at)
    if excess[to_blame] > SAME:
        return fits[to_blame].remedy(names[to_blame])
    name = calls[finding.at].nonlinearity.name
    if finding.kind == "dead" and name == "relu":
        return Remedy(activations=(("leaky_relu", 0.01),), activation=name, why="no unit is ever off")
    if finding.kind == "dead":
        return Remedy(other="look at what enters it", why="weights are not to blame")
    return Remedy(other="a normalization, or a skip", why="the std suits already")


def _fit(call: Call) -> Fit:
    """Return a layer's recommended recipe and its present spread; the mean of drawn weights is chance."""
    recipe, gain = suggested(call.nonlinearity.phi or activation("linear"))
    std = spread_of(recipe, (call.inputs, call.units)).std
    return Fit(recipe, gain, std, Spread(0.0, call.moments["weight"].std, True))


def _is_constant(call: Call) -> bool:
    weight = call.moments["weight"]
    return weight.minimum == weight.maximum


def _has_phi(call: Call) -> bool:
    return call.nonlinearity.name != "linear"


def _norm(call: Call) -> float | None:
    gradient = call.moments.get("gradient")
    return None if gradient is None else math.sqrt(gradient.second_moment * gradient.count)
