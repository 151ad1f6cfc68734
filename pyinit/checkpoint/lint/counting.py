"""Rules on fans: what a std says of the fan it was computed from, beside how the owner uses the weight.

A recipe of pyinit's says which fan it counted. A number alone, as torch's own calls leave it, is held against
known gains: gain / sqrt(fan) for a right fan explains it, and nothing is said then; or a known mistake does.
Rounded numbers, such as 0.02, were chosen and not computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ...recipes.orthogonal import Orthogonal
from ...recipes.scaling import FANS, VarianceScaling
from .finding import LintFinding
from .sentences import Numbers
from .subject import Seen, Subject

__all__ = ["shard_fans", "wrong_fans"]

#: Squares of the gains of torch's table and defaults: linear, relu, a uniform's 1/3, tanh, leaky_relu.
_GAINS = (1.0, 2.0, 1.0 / 3.0, 25.0 / 9.0, 2.0 / (1.0 + 0.01**2), 2.0 / (1.0 + 0.2**2))
_NEAR = 1e-6
_PARTS = (2, 4, 8, 16, 32, 64)
# torch's own ConvTranspose and MultiheadAttention, which nobody chose
_DEFAULT_GAIN = 1.0 / 3.0


@dataclass(frozen=True)
class _Mistake:
    """A way to count that is not the owner's: its fans, in the order in which it takes them."""

    case: str
    fan_in: float
    fan_out: float
    own_in: float
    own_out: float

    def fans(self) -> Iterator[tuple[float, float]]:
        """Yield each fan that a recipe may divide by, with what it should have been."""
        yield self.fan_in, self.own_in
        yield self.fan_out, self.own_out
        yield (self.fan_in + self.fan_out) / 2, (self.own_in + self.own_out) / 2


def wrong_fans(subject: Subject) -> Iterator[LintFinding]:
    """Find kernels whose std counts fans in a way that is not how their owner uses them."""
    for tensor in subject.tensors:
        std = tensor.std
        if std is None or not 0.0 < std < math.inf or not (tensor.fans or tensor.is_stack):
            continue
        if (found := _of_recipe(tensor, std) or _of_number(tensor, std)) is not None:
            case, gain, counted, fan = found
            numbers: Numbers = {
                "std": _digits(std),
                "gain": _digits(gain),
                "counted": _digits(counted),
                "fan": _digits(fan),
                "right": _digits(gain / math.sqrt(fan)),
                "groups": 1 if tensor.axes is None else tensor.axes.groups,
                "parts": tensor.parts,
                "matrices": tensor.shape[0],
            }
            yield LintFinding("wrong fan", _severity(tensor, case, gain), (tensor.name,), numbers, case)


def shard_fans(subject: Subject) -> Iterator[LintFinding]:
    """Find kernels whose std fits the fan of a part of the tensor, or of the part that the tensor is."""
    for tensor in subject.tensors:
        std = tensor.std
        if std is None or tensor.fans is None or not 0.0 < std < math.inf or tensor.axes is None:
            continue
        fan_in, fan_out = tensor.fans
        if tensor.split is not None:
            ins, outs = tensor.axes.channels(len(tensor.shape))
            axis = tensor.split.axis % len(tensor.shape)
            for axes, fan in ((ins, fan_in), (outs, fan_out)):
                gain = _gain_of_recipe(tensor, std, fan) or _explained(tensor, std, fan)
                if axis in axes and gain is not None:
                    numbers: Numbers = {
                        "said": tensor.split.said,
                        "axis": axis,
                        "std": _digits(std),
                        "gain": _digits(gain),
                        "counted": fan,
                    }
                    case, severity, parts = "said", "info", tensor.split.parts
                    if parts is not None:
                        case, severity = "known", "warning"
                        numbers = {
                            **numbers,
                            "fan": fan * parts,
                            "parts": parts,
                            "right": _digits(gain / math.sqrt(fan * parts)),
                        }
                    yield LintFinding("shard fan", severity, (tensor.name,), numbers, case)
                    break
            continue
        if _counts(tensor) or any(_explained(tensor, std, fan) for fan in _right(tensor)):
            continue
        if _of_number(tensor, std) is not None:
            continue
        for fan, parts in ((fan, parts) for fan in (fan_in, fan_out) for parts in _PARTS):
            gain = None if fan % parts else _explained(tensor, std, fan / parts)
            if gain is not None:
                numbers = {
                    "std": _digits(std),
                    "gain": _digits(gain),
                    "fan": fan,
                    "parts": parts,
                    "counted": fan / parts,
                    "right": _digits(gain / math.sqrt(fan)),
                }
                yield LintFinding("shard fan", "info", (tensor.name,), numbers, "number")
                break


def _digits(number: float) -> float:
    return float(f"{number:.6g}")


def _counts(tensor: Seen) -> bool:
    """Return whether the recipe says which fan it counted."""
    return isinstance(tensor.recipe, VarianceScaling | Orthogonal)


def _gain_of_recipe(tensor: Seen, std: float, fan: float) -> float | None:
    """Return the gain of a recipe that counted this fan."""
    plan = tensor.plan
    if plan is None or not plan.gain or not isinstance(tensor.recipe, VarianceScaling):
        return None
    return float(plan.gain) if math.isclose((plan.gain / std) ** 2, fan, rel_tol=_NEAR) else None


def _of_recipe(tensor: Seen, std: float) -> tuple[str, float, float, float] | None:
    """Return case, gain, the fan that a recipe counted and the right one, where these differ."""
    plan, recipe = tensor.plan, tensor.recipe
    if plan is None or not plan.gain or not _counts(tensor):
        return None
    counted, gain = (plan.gain / std) ** 2, abs(plan.gain)
    if isinstance(recipe, Orthogonal):
        # a whole with orthonormal columns gives each part the norm of one among them
        if tensor.parts == 1 or tensor.fans is None:
            return None
        fan = max(tensor.fans)
        return None if counted < fan * (1 + _NEAR) else ("fused", gain, counted, fan)
    assert isinstance(recipe, VarianceScaling)
    if tensor.fans is None:
        right = [fan for pair in _stacked(tensor) for fan in pair[:2]]
        is_right = any(math.isclose(counted, fan, rel_tol=_NEAR) for fan in (*right, sum(right[:2]) / 2))
        return None if is_right else ("stack", gain, counted, tensor.shape[1])
    fan_in, fan_out = tensor.fans
    fan = FANS[recipe.mode](fan_in, fan_out)
    if math.isclose(counted, fan, rel_tol=_NEAR):
        return None
    for mistake in _mistakes(tensor):
        if any(math.isclose(counted, wrong, rel_tol=_NEAR) for wrong, _ in mistake.fans()):
            return mistake.case, gain, counted, fan
    return "axes", gain, counted, fan


def _of_number(tensor: Seen, std: float) -> tuple[str, float, float, float] | None:
    """Return case, gain, the fan that a std alone shows and the right one, if a known mistake explains it."""
    if _counts(tensor) or any(_explained(tensor, std, fan) for fan in _right(tensor)):
        return None
    for mistake in _mistakes(tensor):
        for wrong, fan in mistake.fans():
            gain = _explained(tensor, std, wrong)
            if gain is not None and not math.isclose(wrong, fan, rel_tol=_NEAR):
                return mistake.case, gain, wrong, fan
    return None


def _explained(tensor: Seen, std: float, fan: float) -> float | None:
    """Return the known gain with which a fan explains a std, if one does and the std was not just chosen."""
    for number in _stds(tensor, std):
        if math.isclose(number, float(f"{number:.2g}"), rel_tol=1e-7):
            return None
        for square in _GAINS:
            if math.isclose(number**2 * fan, square, rel_tol=_NEAR):
                return math.sqrt(square)
    return None


def _stds(tensor: Seen, std: float) -> Iterator[float]:
    """Yield the std of the weights and, where they were truncated, that of the normal before it."""
    yield std
    if tensor.plan is not None and tensor.plan.distribution == "truncated_normal":
        yield float(tensor.plan.numbers[1])


def _right(tensor: Seen) -> Iterator[float]:
    """Yield the fans that a recipe may divide by: of inputs, of outputs, their mean."""
    # what torch counts as fan_in of a kernel that is turned is its fan_out
    pairs = [tensor.fans] if tensor.fans is not None else _stacked(tensor)
    for fan_in, fan_out in pairs:
        yield fan_in
        if not _is_turned(tensor):
            yield fan_out
        yield (fan_in + fan_out) / 2


def _stacked(tensor: Seen) -> list[tuple[float, float]]:
    """Return the fans of one matrix of a stack; which side is which is not known."""
    return [(float(tensor.shape[1]), float(tensor.shape[2]))] if tensor.is_stack else []


def _is_turned(tensor: Seen) -> bool:
    """Return whether a kernel is stored (in, out), which torch's functions take for (out, in)."""
    if tensor.axes is None:
        return False
    return tensor.axes.transposed or (len(tensor.shape) == 2 and tensor.axes.layout == "jax")


def _mistakes(tensor: Seen) -> Iterator[_Mistake]:
    """Yield the known ways to count this tensor wrongly."""
    if tensor.is_stack and tensor.fans is None:
        matrices, rows, columns = (float(n) for n in tensor.shape)
        # torch: axis 1 times the rest, axis 0 times the rest; Keras and JAX: the first axis is the field
        yield _Mistake("stack", rows * columns, matrices * columns, rows, columns)
        yield _Mistake("stack", matrices * rows, matrices * columns, rows, columns)
        return
    if tensor.axes is None or tensor.fans is None:
        return
    fan_in, fan_out = tensor.fans
    axes, shape = tensor.axes, tensor.shape
    if axes.transposed:
        field = math.prod(shape[2:])
        if axes.layout == "torch":
            yield _Mistake("transposed", shape[1] * field, shape[0] * field, fan_in, fan_out)
        return
    if axes.groups > 1:
        yield _Mistake("groups", fan_in, fan_out * axes.groups, fan_in, fan_out)
    if tensor.parts > 1:
        yield _Mistake("fused", fan_in, fan_out * tensor.parts, fan_in, fan_out)
    if _is_turned(tensor):
        outputs = fan_out * tensor.parts
        yield _Mistake("axes", outputs, fan_in, fan_in, fan_out)


def _severity(tensor: Seen, case: str, gain: float) -> str:
    """Return "info" for what torch's own layers do by default, and nobody chose."""
    is_default = case == "transposed" and math.isclose(gain**2, _DEFAULT_GAIN, rel_tol=_NEAR)
    return "info" if is_default or tensor.name.endswith("in_proj_weight") else "warning"
