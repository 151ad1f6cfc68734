"""One line of the table of model recipes: a name, its rules, its formula, its source and its users."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import RecipeError
from ...stream.arguments import brief
from ..names import suggestion
from ..rules import Rule, as_rules

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """A model's recipe.

    Parameters
    ----------
    name : str
        What callers write.
    make : callable
        Its options, by name, -> rules, or (pattern, recipe) pairs, or a mapping.
    formula, source, used : str
        What it draws; where that is written, or which file does it; who uses it, and when.
    """

    name: str
    make: Callable[..., Any]
    formula: str = ""
    source: str = ""
    used: str = ""

    @property
    def options(self) -> tuple[inspect.Parameter, ...]:
        """The options of the recipe."""
        return tuple(inspect.signature(self.make).parameters.values())

    def rules(self, options: dict[str, Any]) -> tuple[Rule, ...]:
        """Return the rules.

        Raises
        ------
        RecipeError
            If an option is unknown or missing, or its value is not valid.
        """
        known = {option.name: option for option in self.options}
        for name in options:
            if name not in known:
                listed = ", ".join(known) or "no options"
                raise RecipeError(
                    f"the model recipe {self.name!r} takes {listed}; got {name}={brief(options[name])}. "
                    f"{suggestion(name, known) if known else 'Leave it out.'}"
                )
        for name, option in known.items():
            if option.default is inspect.Parameter.empty and options.get(name) is None:
                raise RecipeError(
                    f"the model recipe {self.name!r} needs {name}; got none. Write "
                    f"pyinit.recipes({self.name!r}, {name}=...)."
                )
            if name in options and name in _COUNTS and options[name] is not None:
                _check_count(self.name, name, options[name])
        made = self.make(**options)
        if not isinstance(made, Sequence) or isinstance(made, str):
            return as_rules(made)
        return as_rules(list(made))


_COUNTS = ("depth", "width", "heads", "head_dim", "hidden", "vocabulary", "states", "rank", "features")


def _check_count(model: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RecipeError(
            f"the model recipe {model!r} needs {name} as an integer of at least 1; got {brief(value)}. "
            "Correct it."
        )
