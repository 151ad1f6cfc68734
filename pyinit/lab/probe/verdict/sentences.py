"""Findings and remedies in words: the last step to a verdict, which no program reads back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....recipes.famous import name_of
from ....recipes.recipe import Recipe
from .judge import Evidence, Finding, finding, summary
from .verdict import Cause, Remedy, Verdict, Why

__all__ = ["NETWORK", "Wording", "verdicts", "written"]

_REASONS: dict[Cause, str] = {
    "not finite": "{amount:.0f} numbers of its {what} are not finite.",
    "zero output": "it makes 0 for every row.",
    "silent units": "{amount:.0%} of its units are silent for every row.",
    "no gradient": "no gradient comes back to it.",
    "equal weights": "all its weights are {amount:.4g}, so all units are and stay the same.",
    "flat activation": "{amount:.0%} of what enters {what} is where it is flat (rms {beside:.3g}).",
    "large signal": "what enters {what} has rms {amount:.3g}, the input {beside:.3g}.",
    "small signal": "what enters {what} has rms {amount:.3g}, the input {beside:.3g}.",
    "lost signal": "what layers before it left is below float32's range.",
    "large gradient": "the gradient that comes back is {amount:.3g} times the last layer's.",
    "small gradient": "the gradient that comes back is {amount:.2g} of the last layer's.",
    "lost gradient": "the gradient that comes back is below float32's range.",
    "zero weights": "its weights are 0 but get a gradient: one step makes numbers of them.",
    "zero weights, not run back": "its weights are 0; only a run back shows whether they get a gradient.",
    "waits for a step": "it makes 0, but its weights wait for a step.",
    "waits for the input": "what enters it is 0 until a layer before it, whose weights are 0, has made a "
    "step.",
    "waits for the gradient": "no gradient comes back until a layer after it, whose weights are 0, has made "
    "a step.",
    "keeps its size": "what enters it and what comes back keep their size.",
    "keeps its signal": "what enters it keeps its size.",
    "unused": "what enters it keeps its size; the output does not depend on it.",
    "alive": "its numbers are finite, and its units alive.",
}
_WHYS: dict[Why, str] = {
    "": "",
    "no weights tell rows of 0 apart": ": no weights tell these apart",
    "scaled skips divide the branches": ", which divides each branch by the root of their number",
    "the activation passes little on": ", which passes little on even of what is normalized",
    "the input outweighs the branches": ": beside it what branches add is little",
    "normalization hides the scale": ": behind a normalization the scale of weights changes nothing",
    "the std suits already": ": the std is already the one that suits",
    "no std keeps both": ": no std keeps both signal and gradient of {activation} through {layers} layers",
    "no unit is ever off": ": no unit of it is ever off",
    "weights and biases are not to blame": ": its weights and biases are not to blame",
    "weights are not to blame": ": its weights are not to blame",
}


@dataclass(frozen=True)
class Wording:
    """How layers and activations are called: {name} of a layer, {slope} of leaky_relu."""

    layer: str
    leaky_relu: str


NETWORK = Wording("{name}", '("leaky_relu", {slope:g})')
"""As in a network of pyinit's, whose layers are called "layers.0"."""


def verdicts(
    layers: Sequence[Evidence],
    names: Sequence[str],
    remedy: Callable[[Finding], Remedy | None],
    wording: Wording = NETWORK,
) -> tuple[tuple[Verdict, ...], Verdict]:
    """Return a verdict on each layer, and one on the whole; `remedy` says what would help."""
    findings = [finding(one) for one in layers]
    own = tuple(_verdict(one, names, remedy(one), wording) for one in findings)
    decisive = summary(layers, findings)
    if decisive is None:
        went_back = any("gradient" in one.moments for one in layers)
        what = "signal and gradient keep their" if went_back else "the signal keeps its"
        return own, Verdict("healthy", f"{what} size in every layer.")
    label, reason = wording.layer.format(name=names[decisive.at]), _reason(decisive)
    if decisive.affected:
        reason = f"{decisive.affected} of {len(layers)} layers; {label}: {reason}"
    elif decisive.cause == "not finite":
        reason = f"not finite from {label} on: {reason}"
    else:
        reason = f"{label}: {reason}"
    deciding = own[decisive.at]
    return own, Verdict(decisive.kind, reason, deciding.fix, deciding.layer, decisive.cause, deciding.remedy)


def _verdict(found: Finding, names: Sequence[str], remedy: Remedy | None, wording: Wording) -> Verdict:
    name = names[found.at]
    fix = "" if remedy is None else _fix(remedy, name, wording)
    return Verdict(found.kind, _reason(found), fix, name, found.cause, remedy)


def _reason(found: Finding) -> str:
    return _REASONS[found.cause].format(amount=found.amount, beside=found.beside, what=found.what)


def _fix(remedy: Remedy, own: str, wording: Wording) -> str:
    """Return a remedy in words, for the layer that is judged."""
    where = ""
    if remedy.layer not in (None, own):
        where = f"in {wording.layer.format(name=remedy.layer)}, "
    steps = []
    if remedy.standardize is not None:
        steps.append(f"standardize the input, whose {remedy.standardize} is {remedy.input_size:.3g}")
    if remedy.zero_biases:
        steps.append("zero biases")
    if remedy.recipe is not None:
        steps.append(_drawn(remedy))
    if steps:
        steps[-1] = where + steps[-1]
    choices = [text for text in (_other(remedy), _residual(remedy), _activations(remedy, wording)) if text]
    if choices and not steps:
        choices[0] = where + choices[0]
    sentences = [text for text in ("; ".join(steps), ", or ".join(choices)) if text]
    why = _WHYS[remedy.why].format(activation=remedy.activation, layers=remedy.layers)
    return f"{'. Then '.join(sentences)}{why}."


def _drawn(remedy: Remedy) -> str:
    assert remedy.recipe is not None
    text = f"{written(remedy.recipe)}, gain {remedy.gain:.4g}: std {remedy.std:.3g} where this is "
    about = f" about a mean of {remedy.now_mean:.3g}" if remedy.now_mean else ""
    return f"{text}{remedy.now_std:.3g}{about}"


def _other(remedy: Remedy) -> str:
    is_named = remedy.other == "another activation"
    return f"{remedy.other} than {remedy.activation}" if is_named else remedy.other


def _residual(remedy: Remedy) -> str:
    return 'residual="scaled"' if remedy.residual else ""


def _activations(remedy: Remedy, wording: Wording) -> str:
    names = [f'"{one}"' for one in remedy.activations if isinstance(one, str)]
    if names:
        return f"{' or '.join(names)} for {remedy.activation}"
    return " or ".join(
        wording.leaky_relu.format(slope=one[1]) for one in remedy.activations if isinstance(one, tuple)
    )


def written(recipe: Recipe) -> str:
    """Return the code that makes a recipe, by its famous name if it has one."""
    name = name_of(recipe)
    return f"pi.{recipe!r}" if name is None else f"pi.{name}()"
