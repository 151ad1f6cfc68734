"""One line of the table of model recipes: a name, its rules, its formula, its source and its users."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import RecipeError
from ...stream.arguments import brief, is_integer
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
    is_own : bool
        Whether it is pyinit's, in whose options a name means one thing.
    """

    name: str
    make: Callable[..., Any]
    formula: str = ""
    source: str = ""
    used: str = ""
    is_own: bool = True

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
        made = self.made(options, "model recipe", "recipes")
        is_listed = isinstance(made, Sequence) and not isinstance(made, str)
        return as_rules(list(made) if is_listed else made)

    def made(self, options: dict[str, Any], what: str, door: str) -> Any:
        """Return what the function makes of checked options; `what` and `door` word the errors."""
        known = {option.name: option for option in self.options}
        for name in options:
            if name not in known:
                listed = ", ".join(known) or "no options"
                raise RecipeError(
                    f"the {what} {self.name!r} takes {listed}; got {name}={brief(options[name])}. "
                    f"{suggestion(name, known) if known else 'Leave it out.'}"
                )
        for name, option in known.items():
            given = options.get(name)
            if option.default is inspect.Parameter.empty and given is None:
                raise RecipeError(
                    f"the {what} {self.name!r} needs {name}; got none. Write "
                    f"pyinit.{door}({self.name!r}, {name}=...)."
                )
            if not self.is_own:
                continue
            if name in _COUNTS and given is not None:
                if not is_integer(given) or given < 1:
                    raise RecipeError(
                        f"the {what} {self.name!r} needs {name} as an integer of at least 1; got "
                        f"{brief(given)}. Correct it."
                    )
                options = {**options, name: int(given)}
            if name in _FLAGS and not isinstance(given, bool | None):
                raise RecipeError(
                    f"the {what} {self.name!r} needs {name} as True or False; got {brief(given)}. Correct it."
                )
        return self.make(**options)

    def cells(self) -> tuple[str, ...]:
        """Return the line of the table."""
        shown = (
            f"`{option.name}`" if option.default is option.empty else f"`{option.name}={option.default!r}`"
            for option in self.options
        )
        return f"`{self.name}`", ", ".join(shown), self.formula, self.source, self.used


_COUNTS = frozenset(
    {
        *(
            "attention",
            "base_depth",
            "base_width",
            "decoder_depth",
            "depth",
            "features",
            "head_dim",
            "head_size",
            "heads",
            "hidden",
        ),
        *("patch_fan_in", "positions", "states", "vocabulary", "width"),
    }
)
_FLAGS = frozenset({"projected", "rescale", "tied", "zero_last"})
