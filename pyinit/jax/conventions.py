"""What Flax and Haiku make of a parameter of some name, where nobody says otherwise."""

from __future__ import annotations

from ..distributions import TruncatedNormal, ones, zeros
from ..orthogonality import Orthogonal
from ..recipe import Recipe
from ..rules import Rule
from ..scaling import VarianceScaling
from ..truncation import moments
from ..window import Shape

__all__ = ["conventional"]

_LECUN = VarianceScaling(1.0, "fan_in", "truncated_normal")
# [features, heads, width]: Flax counts the fans of the matrix [features, heads * width]
_TO_HEADS = VarianceScaling(1.0, "fan_in", "truncated_normal", in_axis=0, out_axis=(1, 2))
# rows are looked up, not multiplied: an embedding has variance 1 / features
_EMBEDDING = VarianceScaling(1.0, "fan_in", "normal", in_axis=-1, out_axis=-2)
# Haiku truncates at 2 std and does not correct the variance
_HAIKU = VarianceScaling(moments(-2.0, 2.0)[1], "fan_in", "truncated_normal")

_HEADS = Rule("*.query.kernel|*.key.kernel|*.value.kernel|query.kernel|key.kernel|value.kernel", _TO_HEADS)
_RULES = (
    Rule("*.h[ifgorzn].kernel", Orthogonal()),
    Rule("*.kernel|kernel", _LECUN),
    Rule("*.embedding|embedding", _EMBEDDING),
    Rule("*.lora_a|lora_a", VarianceScaling(2.0, "fan_in", "uniform")),
    Rule("*.w|w", _HAIKU),
    Rule("*.embeddings|embeddings", TruncatedNormal()),
    Rule("*.bias|bias|*.lora_b|lora_b", zeros()),
    # names so short or common that a matrix of that name may be something else
    Rule("*.scale|scale|*.var|var", ones(), no_kernels=True),
    Rule("*.mean|mean|*.count|count|*.b|b|*.offset|offset", zeros(), no_kernels=True),
)


def conventional(name: str, shape: Shape) -> Recipe | None:
    """Return the recipe by which Flax or Haiku makes a parameter of this name and shape, or None."""
    rules = (_HEADS, *_RULES) if len(shape) == 3 else _RULES
    return next((rule.recipe for rule in rules if rule.matches(name, is_kernel=len(shape) > 1)), None)
