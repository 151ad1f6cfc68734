"""pyinit for Keras 3: its initializers, and any recipe as one, on pyinit's stream and every backend.

The tests run on the JAX, torch and NumPy backends. On another backend, tensors are drawn in host memory and
copied; this is not tested.
"""

from __future__ import annotations

from ..versions import require

require("keras")

from . import initializers
from .initializer import FromRecipe
from .seeds import from_key, to_key

__all__ = ["FromRecipe", "from_key", "initializers", "to_key"]
