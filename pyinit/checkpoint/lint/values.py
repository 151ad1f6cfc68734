"""Rules on the numbers of one tensor: bounds that cut nothing, what rounds to zero, what is no number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from ...recipes.distributions import Constant
from ...stream.dtypes import resolve
from .finding import LintFinding
from .sentences import Numbers
from .subject import Seen, Subject

__all__ = ["empty_fans", "large_biases", "truncations", "underflows", "zero_norms"]

# of normal draws, 6e-9 lie beyond one of these bounds
_NOTHING = 5.8
_LOST, _MOST = 0.01, 0.5
_LARGE_BIAS, _SMALL_BIAS = 1.0, 0.5
_SHORTCUT = re.compile(r"downsample|shortcut|skip")


def truncations(subject: Subject) -> Iterator[LintFinding]:
    """Find truncated normals of which nothing is cut."""
    for tensor in subject.tensors:
        plan = tensor.plan
        if plan is None or plan.distribution != "truncated_normal":
            continue
        mean, std, lowest, highest = (float(number) for number in plan.numbers[:4])
        if std == 0:
            continue
        below, above = _rounded((mean - lowest) / std), _rounded((highest - mean) / std)
        # infinite bounds are meant to cut nothing
        if math.isfinite(below + above) and min(below, above) > _NOTHING:
            low, high = mean - 2 * std, mean + 2 * std
            numbers = {"below": below, "above": above, "mean": mean, "std": std, "low": low, "high": high}
            yield LintFinding("truncation", "warning", (tensor.name,), numbers)


def _rounded(number: float) -> float:
    """Return a number to six digits: bounds are rounded to the dtype."""
    return float(f"{number:.6g}")


def underflows(subject: Subject) -> Iterator[LintFinding]:
    """Find draws and constants that a dtype cannot hold, because they are too small."""
    for tensor in subject.tensors:
        if tensor.plan is None:
            continue
        kept = resolve(tensor.dtype)
        tiny = math.ldexp(1.0, kept.quantum)
        # a plan holds the rounded value
        value = float(tensor.recipe.value) if isinstance(tensor.recipe, Constant) else 0.0
        std = tensor.std
        if value != 0.0 and kept.round(value) == 0.0:
            constant: Numbers = {"value": value, "tiny": tiny, "dtype": tensor.dtype}
            yield LintFinding("underflow", "error", (tensor.name,), constant, "constant")
        if std is None or not 0.0 < std < math.inf:
            continue
        lost = _rounded(_lost(tensor, std, tiny / 2))
        if lost > _LOST:
            numbers: Numbers = {"std": std, "tiny": tiny, "dtype": tensor.dtype, "lost": lost}
            yield LintFinding("underflow", "error" if lost > _MOST else "warning", (tensor.name,), numbers)


def _lost(tensor: Seen, std: float, half: float) -> float:
    """Return the share of values of at most `half`, which are rounded to zero."""
    assert tensor.plan is not None
    if tensor.plan.distribution == "uniform":
        low, high = (float(number) for number in tensor.plan.numbers[:2])
        inside = max(min(high, half) - max(low, -half), 0.0)
        return inside / (high - low) if high > low else 0.0
    mean = tensor.plan.mean or 0.0
    root = std * math.sqrt(2)
    return (math.erf((half - mean) / root) + math.erf((half + mean) / root)) / 2


def empty_fans(subject: Subject) -> Iterator[LintFinding]:
    """Find kernels whose fan is 0, and numbers that are not finite."""
    for tensor in subject.tensors:
        plan = tensor.plan
        if len(tensor.shape) >= 2 and 0 in tensor.shape and (tensor.axes is not None or tensor.is_stack):
            shape = "x".join(map(str, tensor.shape))
            yield LintFinding("empty fan", "warning", (tensor.name,), {"shape": shape})
        for what in ("mean", "std", "gain"):
            value = None if plan is None else getattr(plan, what)
            if value is not None and not math.isfinite(value):
                numbers = {"what": what, "value": str(value)}
                yield LintFinding("not finite", "error", (tensor.name,), numbers)


def large_biases(subject: Subject) -> Iterator[LintFinding]:
    """Find random biases that outweigh what the weights make of a normalized input."""
    for tensor in subject.tensors:
        stem, _, last = tensor.name.rpartition(".")
        if last != "bias" or len(tensor.shape) != 1 or not tensor.std:
            continue
        weight = subject.by_name.get(f"{stem}.weight" if stem else "weight")
        std = _rounded(tensor.std)
        if weight is None or weight.std is None or weight.fans is None:
            if std >= _LARGE_BIAS:
                yield LintFinding("large bias", "warning", (tensor.name,), {"std": std}, "alone")
            continue
        beside = _rounded(weight.std * math.sqrt(weight.fans[0]))
        # a layer of one input has as much of each, by torch's default
        if std > 1.5 * beside:
            severity = "warning" if std >= _SMALL_BIAS else "info"
            yield LintFinding("large bias", severity, (tensor.name,), {"std": std, "beside": beside})


def zero_norms(subject: Subject) -> Iterator[LintFinding]:
    """Find norms that multiply by zero: not those that add one, nor the last one of a residual branch."""
    order = {tensor.name: at for at, tensor in enumerate(subject.tensors)}
    for tensor in subject.tensors:
        if not (tensor.is_norm and tensor.is_zero) or tensor.adds_one:
            continue
        others = _beside(tensor, subject)
        is_last = all(order[each.name] < order[tensor.name] for each in others)
        if others and is_last and not any(each.is_zero for each in others):
            continue
        is_alone = not others and any(each.is_norm and not each.is_zero for each in subject.tensors)
        yield LintFinding(
            "zero norm", "info" if is_alone else "warning", (tensor.name,), case="alone" * is_alone
        )


def _beside(tensor: Seen, subject: Subject) -> list[Seen]:
    """Return the other norms of a block, in order: of the block itself, or of its layers."""
    path = tensor.name.split(".")
    # block.bn3, or block.conv3.bn
    for depth in (2, 3):
        block = ".".join(path[:-depth]) + "."
        others = [
            each
            for each in subject.tensors
            if each.is_norm
            and each is not tensor
            and each.name.startswith(block)
            and each.name.count(".") == tensor.name.count(".")
            and not _SHORTCUT.search(each.name.removeprefix(block))
        ]
        if len(path) > depth and others:
            return others
    return []
