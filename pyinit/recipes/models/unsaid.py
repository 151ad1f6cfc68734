"""The end of a model's rules: a tensor of which they say nothing is refused by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...errors import RecipeError
from ...stream.dtypes import DType
from ...stream.plan import Plan
from ...stream.window import Shape
from ..recipe import Recipe
from ..rules import Rule

__all__ = ["Unsaid", "refused", "unsaid"]


@dataclass(frozen=True, repr=False)
class Unsaid(Recipe):
    """Makes nothing: the recipe of a model does not say what the tensor is, or cannot make it.

    Parameters
    ----------
    model : str
        The name of the model's recipe.
    why : str
        What is wrong with the tensor.
    """

    verb: ClassVar[str] = "unsaid"
    is_refusal: ClassVar[bool] = True
    model: str
    why: str

    def make_plan(self, shape: Shape, dtype: DType) -> Plan:
        """Refuse."""
        raise RecipeError(
            f"the model recipe {self.model!r} {self.why}; got one of shape {shape}. Put a rule for it before "
            f"the recipe's: [(name, recipe), *pyinit.recipes({self.model!r}, ...)]."
        )


def unsaid(model: str) -> Rule:
    """Return the last rule of a model: what no other rule matches is refused."""
    return Rule("*", Unsaid(model, "does not say what this tensor is"), optional=True)


def refused(model: str, match: str, why: str) -> Rule:
    """Return the rule that refuses the tensors of a pattern."""
    return Rule(match, Unsaid(model, why), optional=True)
