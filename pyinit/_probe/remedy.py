"""What to do about a verdict: the recipe that suits, with its gain and std beside the layer's own."""

from __future__ import annotations

import math

from ..recipe import Recipe
from .facts import LayerFacts
from .measure import Measured
from .way import Facts, Family, is_weak, skips_heal, suggested, suited_std, way_out

__all__ = ["remedy", "written"]

# stds nearer than this are the same advice
_SAME = 0.05
# an input of this rms saturates what unit inputs do not
_LARGE = 3.0
# units of a layer that is to blame for others that are dead
_OFF = 0.9
_FAMOUS = {
    "fan_in": {2.0: "pi.he_normal()", 1.0: "pi.lecun_normal()"},
    "fan_avg": {1.0: "pi.glorot_normal()"},
}


def remedy(kind: str, facts: Facts, measured: Measured, at: int) -> str:
    """Return what to do, in words; nothing for a healthy layer."""
    if kind == "healthy":
        return ""
    scale = math.sqrt(measured.inputs.second_moment)
    if scale == 0.0:
        return "rows that are not all 0: no weights tell these apart."
    if kind == "dead":
        return _revived(facts, measured, at)
    if kind == "saturated" and at == 0 and scale > _LARGE:
        return f"standardize the input, whose rms is {scale:.3g}."
    if kind == "exploding" and any(one.layer.branch == 1.0 for one in facts):
        return 'residual="scaled", which divides each branch by the root of their number.'
    if kind in ("vanishing", "exploding") and any(one.layer.norm is not None for one in facts):
        return _behind_norm(kind, facts, scale, at)
    return _rescaled(kind, facts, measured.inputs.second_moment, at)


def _behind_norm(kind: str, facts: Facts, scale: float, at: int) -> str:
    """Return what helps where the scale of weights does not count."""
    has_skips = any(one.layer.branch is not None for one in facts)
    name = facts[at].layer.activation.name
    if kind == "vanishing" and is_weak(facts[at].layer.activation):
        return f'"tanh" or "relu" for {name}, which passes little on even of what is normalized.'
    if has_skips and scale > _LARGE:
        return f"standardize the input, whose rms is {scale:.3g}: beside it what branches add is little."
    skips = "" if has_skips else ', or residual="scaled"'
    return f"fewer layers{skips}: behind a normalization the scale of weights changes nothing."


def _rescaled(kind: str, facts: Facts, square: float, at: int) -> str:
    if kind == "symmetric":
        return _drawn(facts, square, at, at)
    way = way_out(facts, square)
    if way is None:
        return _other(facts, square, at)
    first = []
    if way.standardized:
        first.append(f"standardize the input, whose rms is {math.sqrt(square):.3g}")
    if way.unbiased:
        first.append("zero biases")
    to_blame = _to_blame(facts, at, way.recipe) if kind in ("vanishing", "exploding") else at
    if _excess(facts[to_blame], way.recipe) <= _SAME:
        if not first and any(_has_bias(one) for one in facts):
            return "zero biases."
        return "; ".join(first or ["wider or fewer layers: the std is already the one that suits"]) + "."
    return "; ".join([*first, _changed(facts, to_blame, at, way.recipe)])


def _drawn(facts: Facts, square: float, to_blame: int, at: int) -> str:
    """Return what to draw in place of weights that are no draws, and what else it takes."""
    way = way_out(facts, square)
    if way is not None:
        return _changed(facts, to_blame, at, way.recipe)
    return f"{_changed(facts, to_blame, at, suggested)} Then {_other(facts, square, at)}"


def _changed(facts: Facts, to_blame: int, at: int, family: Family) -> str:
    now = facts[to_blame].weight
    recipe, gain = family(facts[to_blame].layer.activation)
    std = suited_std(facts[to_blame], family)
    text = f"{written(recipe)}, gain {gain:.4g}: std {std:.3g} where this is {now.std:.3g}"
    if now.mean:
        text += f" about a mean of {now.mean:.3g}"
    return (f"in layers.{to_blame}, " if to_blame != at else "") + text + "."


def _other(facts: Facts, square: float, at: int) -> str:
    """Return what helps where no std does: skips, or another activation, if these do."""
    named = facts[at if at < len(facts) - 1 else max(at - 1, 0)].layer.activation.name
    ways = []
    if skips_heal(facts, square):
        ways.append('residual="scaled"')
    heal = [
        f'"{name}"' for name in ("tanh", "relu") if name != named and way_out(facts, square, name) is not None
    ]
    if heal:
        ways.append(f"{' or '.join(heal)} for {named}")
    why = f"no std keeps both signal and gradient of {named} through {len(facts)} layers."
    return f"{', or '.join(ways) or 'fewer layers'}: {why}"


def _revived(facts: Facts, measured: Measured, at: int) -> str:
    """Return what to do about layers that are off, or that none of a gradient reaches for one that is."""
    made = [one["activation"] for one in measured.layers]
    off = [i for i, one in enumerate(made) if one.second_moment == 0.0 or (one.dead or 0.0) >= _OFF]
    to_blame = off[0] if off else at
    where = f"in layers.{to_blame}, " if to_blame != at else ""
    if _excess(facts[to_blame], suggested) == math.inf:
        return _drawn(facts, measured.inputs.second_moment, to_blame, at)
    if _has_bias(facts[to_blame]):
        return f"{where}zero biases."
    if to_blame == 0 and abs(measured.inputs.mean) > math.sqrt(measured.inputs.variance):
        return f"standardize the input, whose mean is {measured.inputs.mean:.3g}."
    name = facts[to_blame].layer.activation.name
    if name == "relu":
        return f'{where}("leaky_relu", 0.01): no unit of it is ever off.'
    return f"{where}another activation than {name}: its weights and biases are not to blame."


def _has_bias(facts: LayerFacts) -> bool:
    return facts.bias.second_moment > 0.0


def _to_blame(facts: Facts, at: int, family: Family) -> int:
    """Return the nearest layer whose weights are far from what suits, at least half as far as any.

    The output's count only where all others suit: it cannot make up for them.
    """
    excess = [_excess(one, family) for one in facts]
    hidden = range(len(excess) - 1)
    pool = hidden if any(excess[one] > _SAME for one in hidden) else range(len(excess))
    most = max(excess[one] for one in pool)
    return min((one for one in pool if excess[one] >= most / 2), key=lambda one: abs(one - at))


def _excess(facts: LayerFacts, family: Family) -> float:
    """Return |ln| of a layer's std over the one that suits; a mean of the weights is beyond any."""
    now = facts.weight
    if now.std == 0.0 or now.mean != 0.0:
        return math.inf
    return abs(math.log(now.std / suited_std(facts, family)))


def written(recipe: Recipe) -> str:
    """Return a recipe as one writes it."""
    known = _FAMOUS.get(getattr(recipe, "mode", ""), {}).get(getattr(recipe, "scale", math.nan))
    return known or f"pi.{recipe!r}"
