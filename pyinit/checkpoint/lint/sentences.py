"""Findings in words: the last step, which no program reads back."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["KINDS", "Numbers", "written"]

Numbers = Mapping[str, float | int | str | None]

#: From each kind to (the reason, the fix); a kind with several cases has "kind: case".
_TEXTS: dict[str, tuple[str, str]] = {
    "truncation": (
        "its bounds lie {below:.4g} std below and {above:.4g} std above the mean {mean:.4g} (std {std:.4g}): "
        "of normal draws less than one in a hundred million is cut",
        "bounds that count std: pi.truncated_normal(std={std:.4g}) cuts at 2 std; in torch, "
        "trunc_normal_(w, std={std:.4g}, a={low:.4g}, b={high:.4g})",
    ),
    "shard fan: known": (
        "{said} and {parts} ranks say that it is a part along axis {axis}, and std {std:.6g} is gain "
        "{gain:.4g} for fan {counted:.6g} of the part alone; the whole tensor has fan {fan:.6g}",
        "std {right:.6g}: count fans from the shape of the whole, as pyinit.torch.init does for such a "
        "parameter",
    ),
    "shard fan: said": (
        "{said} says that it may be a part along axis {axis}, and std {std:.6g} is gain {gain:.4g} for fan "
        "{counted:.6g} of its own shape: if there are several parts, the fan of the whole is larger",
        "count fans from the shape of the whole; nothing if there is one rank",
    ),
    "shard fan: number": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which is 1/{parts} of its fan {fan:.6g}: it "
        "may have been counted on one of {parts} shards",
        "if so, use std {right:.6g}, of the whole tensor's fan; if the std was chosen, nothing",
    ),
    "wrong fan: groups": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which counts all {groups} groups; an input "
        "feeds the outputs of its own group: fan {fan:.6g}",
        "std {right:.6g}: pi.he_normal(mode='fan_out', groups={groups}) counts one group; in torch, divide "
        "fan_out by the groups",
    ),
    "wrong fan: transposed": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which takes the axes of a transposed "
        "convolution for those of a plain one; each output has {fan:.6g} inputs",
        "std {right:.6g}: give transposed=True and the stride to a recipe of pyinit's",
    ),
    "wrong fan: axes": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which takes the outputs for inputs: it is "
        "stored the other way round; its fan is {fan:.6g}",
        "std {right:.6g}: leave the layout out, so that the owner decides, or name the one that it has",
    ),
    "wrong fan: fused": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which counts the outputs of all {parts} "
        "layers that it holds as those of one; each has fan {fan:.6g}",
        "std {right:.6g}: initialize each of the {parts} parts alone, or count inputs alone (fan_in)",
    ),
    "wrong fan: stack": (
        "std {std:.6g} is gain {gain:.4g} for fan {counted:.6g}, which counts an axis of its {matrices} "
        "separate matrices, or the other side of each, as a receptive field; a fan of one matrix is "
        "{fan:.6g}",
        "std {right:.6g}: give batch_axis=0, or initialize each matrix alone",
    ),
    "reused stream": (
        "each is drawn from the key of another one of them: their numbers are equal, or in proportion",
        "give each a key of its own, such as key.fold_in(name) with the name in the whole model",
    ),
    "reused stream: overlap": (
        "their streams have seed {seed} and begin {shift} blocks apart: the numbers of one are those of the "
        "other, moved",
        "make keys with fold_in, not by adding to an offset",
    ),
    "reused stream: tie": (
        "each has the key of another one of them: their numbers are equal, which is right only for one "
        "tensor that is written under several names",
        "if they are not tied, give each key.fold_in(its own name)",
    ),
    "saturation": (
        "std {std:.4g} with fan_in {fan_in:.6g} makes pre-activations of rms {rms:.4g} for inputs of mean "
        "square {square:.3g}: {flat:.0%} of them lie where {phi} is flat (slope under a tenth of the "
        "steepest)",
        "std {right:.4g}, where a layer keeps near inputs as far apart as they are (chi_1 = 1)",
    ),
    "zeros in series": (
        "'{first}' and '{second}' are both zero, and {way}: no gradient reaches either, ever",
        "draw one of them, such as '{first}', at random and keep the other zero",
    ),
    "unscaled residual": (
        "in {layers} layers the projections back to the residual stream have the scale of all others "
        "(std {std:.4g}), so that its variance grows with every layer",
        "divide their std by sqrt(2 x {layers}), to {right:.4g}, as GPT-2 does",
    ),
    "tied but drawn twice": (
        "the module's library ties '{first}' to '{second}', and they are two tensors here, each with a "
        "stream of its own: what tied them was undone, as by a wrapper that replaced one",
        "build under pyinit.torch.deferred(), and tie them again before the module is written or sharded",
    ),
    "tied but drawn twice: config": (
        "the configuration ties '{first}' to '{second}', and each is drawn from a stream of its own: a "
        "reader either drops one or takes them for untied",
        "write the embedding alone and name the tie, or set tie_word_embeddings to false",
    ),
    "zero norm": (
        "a norm whose scale is zero makes zero of everything, and nothing says that it adds one to its "
        "weight",
        "ones; zeros only for a norm that multiplies by 1 + weight, or for the last norm of a residual "
        "branch",
    ),
    "zero norm: alone": (
        "its scale is zero, that of other norms is not: right where it ends a residual branch, whose block "
        "then begins as the identity",
        "nothing if it ends a residual branch; ones elsewhere",
    ),
    "large bias": (
        "biases have std {std:.4g}; the weights' part of a pre-activation has {beside:.4g} for inputs of "
        "mean square 1: what is random but no function of the input prevails",
        "zeros, or a std well below {beside:.4g}",
    ),
    "large bias: alone": (
        "biases have std {std:.4g}, above that of a normalized signal",
        "zeros, or a std well below 1",
    ),
    "underflow": (
        "std {std:.3g} is near {tiny:.3g}, the smallest number of {dtype}: {lost:.0%} of the values are "
        "rounded to zero",
        "a dtype with more range (bfloat16, float32), or a larger std",
    ),
    "underflow: constant": (
        "{value:.3g} is below {tiny:.3g}, the smallest number of {dtype}: it is written as zero",
        "a dtype with more range (bfloat16, float32), or zeros where zero is meant",
    ),
    "empty fan": (
        "shape {shape} has no elements: its fan is 0, and gain / sqrt(fan) is no number in libraries that "
        "divide",
        "check the sizes that make an axis 0",
    ),
    "not finite": (
        "{what} is {value}: what is drawn is not a number",
        "check the fan and the gain that it was computed from",
    ),
}

KINDS = tuple(dict.fromkeys(text.partition(":")[0] for text in _TEXTS))
"""Every kind of finding."""


def written(kind: str, case: str, numbers: Numbers) -> tuple[str, str]:
    """Return the reason and the fix of a finding, as one sentence each."""
    reason, fix = _TEXTS[f"{kind}: {case}" if case else kind]
    return reason.format(**numbers), fix.format(**numbers)
