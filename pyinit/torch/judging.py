"""Verdicts on modules that are no plain chain, by measured numbers alone, in `pyinit.probe`'s words.

Checked in this order, the first that holds is a layer's verdict, and the first that holds of any layer is the
module's:

========== ===============================================================================================
exploding  numbers that are not finite
dead       only 0 for every row, and weights that get no gradient; or at least 90 % of units silent for every
           row; or a gradient that is 0
symmetric  all weights are one number other than 0, and all of the next layer too
saturated  as `pyinit.probe`
exploding  a signal of rms more than 10 times that of the input, or 1 if that is more; or a gradient whose
           norm is more than 10 times that of the last layer with an activation
vanishing  the same, less than a tenth; of the input's rms, or 1 if that is less
healthy    none of these
========== ===============================================================================================

The signal is what enters the activation; it is judged of layers that have one, and of the last, unless that
is an attention or recurrent: others add to a skip, or are averaged by attention, and may well be small.
Gradients are compared of layers with an activation, which stand alike in their blocks: an attention's queries
get far less than its values, by design. An input of ids counts as 1, as does what is normalized.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._probe.remedy import written
from .._probe.saturation import saturated_from
from .._probe.verdict import DEAD, EXPLODED, VANISHED, Kind, Verdict
from .._probe.way import suggested
from .._probe.weights import spread_of
from ..activation import activation
from ..moments import Moments
from .calls import Call
from .weights import is_fused

__all__ = ["judged"]

# of fewer units the rms is largely chance
_FEW = 8
# |ln| of a ratio of stds below which they are the same advice
_SAME = 0.05
_ORDER: tuple[Kind, ...] = ("dead", "symmetric", "saturated", "exploding", "vanishing")


def judged(
    calls: Sequence[Call], names: Sequence[str], inputs: float, *, went_back: bool
) -> tuple[tuple[Verdict, ...], Verdict]:
    """Return a verdict on each call, and one on the module; `inputs` is the rms of the input."""
    verdicts = []
    for call in calls:
        kind, reason = _of_call(call, calls, inputs, went_back)
        verdicts.append(Verdict(kind, reason, _fix(kind, call, calls, names)))
    return tuple(verdicts), _of_all(calls, names, verdicts)


def _of_call(call: Call, calls: Sequence[Call], inputs: float, went_back: bool) -> tuple[Kind, str]:
    found = call.moments
    for kind, numbers in found.items():
        if numbers.nonfinite:
            return "exploding", f"{numbers.nonfinite} numbers of its {kind} are not finite."
    made, gradient, by_weight = found["activation"], found.get("gradient"), found.get("weight gradient")
    weight = found["weight"]
    if made.second_moment == 0.0:
        learns = by_weight.second_moment > 0.0 if by_weight else _is_constant(weight)
        if learns:
            return "healthy", "it makes 0, but its weights wait for a step."
        return "dead", "it makes 0 for every row."
    if made.dead is not None and made.dead >= DEAD:
        return "dead", f"{made.dead:.0%} of its units are silent for every row."
    after = calls[call.index + 1] if call.index + 1 < len(calls) else None
    is_last = after is None
    are_constant = after is not None and _is_constant(weight) and _is_constant(after.moments["weight"])
    if call.units > 1 and weight.mean and are_constant:
        return "symmetric", f"all its weights are {weight.mean:.4g}, so all units are and stay the same."
    phi, entering = call.nonlinearity.phi, found["pre-activation"]
    if phi is not None and entering.saturated is not None and entering.saturated >= saturated_from(phi):
        reason = f"{entering.saturated:.0%} of what enters {phi.name} is where it is flat"
        return "saturated", f"{reason} (rms {_rms(entering):.3g})."
    signal = _signal(call, is_last)
    if signal is not None:
        size, where = signal
        low, high = (1.0, 1.0) if call.norm else (min(inputs, 1.0), max(inputs, 1.0))
        if size > EXPLODED * high:
            return "exploding", f"what enters {where} has rms {size:.3g}, the input {high:.3g}."
        if size < VANISHED * low:
            return "vanishing", f"what enters {where} has rms {size:.3g}, the input {low:.3g}."
    if gradient is None:
        if went_back:
            return "healthy", "what enters it keeps its size; the output does not depend on it."
        return "healthy", "what enters it keeps its size."
    norm, last = _norm(call), _norm(next((one for one in reversed(calls) if _has_phi(one)), call))
    if norm == 0.0:
        return "dead", "no gradient comes back to it."
    if _has_phi(call) and norm is not None and last:
        if norm > EXPLODED * last:
            return "exploding", f"the gradient that comes back is {norm / last:.3g} times the last layer's."
        if norm < VANISHED * last:
            return "vanishing", f"the gradient that comes back is {norm / last:.2g} of the last layer's."
    if signal is None:
        return "healthy", "its numbers are finite, and its units alive."
    return "healthy", "what enters it and what comes back keep their size."


def _signal(call: Call, is_last: bool) -> tuple[float, str] | None:
    """Return the rms that is judged, and what it enters."""
    if not (_has_phi(call) or (is_last and not is_fused(call.module))):
        return None
    where = call.nonlinearity.name if _has_phi(call) else "the output"
    if call.units >= _FEW or call.norm or call.skips or call.entering is None:
        return _rms(call.moments["pre-activation"]), where
    square = call.inputs * call.moments["weight"].second_moment * call.entering.second_moment
    return math.sqrt(square), where


def _of_all(calls: Sequence[Call], names: Sequence[str], verdicts: Sequence[Verdict]) -> Verdict:
    first = _first_not_finite(calls)
    if first is not None:
        at, count, numbers = first
        reason = f"not finite from module {names[at]} on: {count} numbers of its {numbers} are not finite."
        return Verdict("exploding", reason, verdicts[at].fix)
    for kind in _ORDER:
        hit = [at for at, verdict in enumerate(verdicts) if verdict.kind == kind]
        if hit:
            hardest = verdicts[hit[0]]
            reason = f"{len(hit)} of {len(calls)} layers; module {names[hit[0]]}: {hardest.reason}"
            return Verdict(kind, reason, hardest.fix)
    return Verdict("healthy", "signal and gradient keep their size in every layer.")


def _first_not_finite(calls: Sequence[Call]) -> tuple[int, int, str] | None:
    """Return call, count and kind of the first numbers that are not finite: forward, then back."""
    forward = [(call, kind) for call in calls for kind in ("weight", "pre-activation", "activation")]
    back = [(call, kind) for call in reversed(calls) for kind in ("gradient", "weight gradient")]
    for call, kind in forward + back:
        numbers = call.moments.get(kind)
        if numbers is not None and numbers.nonfinite:
            return call.index, numbers.nonfinite, kind
    return None


def _fix(kind: Kind, call: Call, calls: Sequence[Call], names: Sequence[str]) -> str:
    if kind == "healthy":
        return ""
    to_blame = call
    if kind in ("exploding", "vanishing"):
        most = max(map(_excess, calls))
        # the nearest of those that are at least half as far off as any
        pool = [one for one in calls if _excess(one) >= most / 2]
        to_blame = min(pool, key=lambda one: abs(one.index - call.index))
    if _excess(to_blame) > _SAME:
        recipe, gain, std = _suited(to_blame)
        where = "" if to_blame is call else f"in module {names[to_blame.index]}, "
        now = to_blame.moments["weight"].std
        return f"{where}{recipe}, gain {gain:.4g}: std {std:.3g} where this is {now:.3g}."
    if kind == "dead" and call.nonlinearity.name == "relu":
        return "torch.nn.LeakyReLU(0.01): no unit of it is ever off."
    if kind == "dead":
        return "look at what enters it: its weights are not to blame."
    return "a normalization, or a skip: the std is already the one that suits."


def _suited(call: Call) -> tuple[str, float, float]:
    """Return the recipe that suits a layer, its gain and its std."""
    recipe, gain = suggested(call.nonlinearity.phi or activation("linear"))
    std = spread_of(recipe, (call.inputs, call.units)).std
    return written(recipe), gain, std


def _excess(call: Call) -> float:
    """Return |ln| of the std of a layer's weights over the one that suits; ids choose rows, so any suits."""
    if call.entering is None:
        return 0.0
    now = call.moments["weight"].std
    return abs(math.log(now / _suited(call)[2])) if math.isfinite(now) and now > 0.0 else math.inf


def _is_constant(numbers: Moments) -> bool:
    return numbers.minimum == numbers.maximum


def _has_phi(call: Call) -> bool:
    return call.nonlinearity.name != "linear"


def _rms(numbers: Moments) -> float:
    return math.sqrt(numbers.second_moment)


def _norm(call: Call) -> float | None:
    found = call.moments.get("gradient")
    return None if found is None else math.sqrt(found.second_moment * found.count)
