"""Networks seen before they learn, trained from several initializations, and played with in the lab.

The package is also a function: ``pi.lab(...)`` shows the lab in a notebook cell.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Lab(ModuleType):
    """The package as a module that can be called."""

    def __call__(self, *args: Any, **settings: Any) -> Any:
        # most of what imports a part of this package has no use for the page
        from .notebook.show import lab

        return lab(*args, **settings)


sys.modules[__name__].__class__ = _Lab
