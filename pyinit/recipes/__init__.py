"""What a weight should be: recipes, the fans they count, and the rules that say which tensor gets which.

The package is also a function: ``pi.recipes("gpt2", depth=12)`` returns the rules of a model,
``pi.recipes("deepnorm", depth=12)`` those of a scheme.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Recipes(ModuleType):
    """The package as a module that can be called."""

    def __call__(self, name: str, **options: Any) -> Any:
        # importing pyinit stays quick for those who name recipes themselves
        from .lookup import recipes

        return recipes(name, **options)


sys.modules[__name__].__class__ = _Recipes
