"""pyinit for Keras 3: its initializers, and any recipe as one, on pyinit's stream and every backend."""

from __future__ import annotations

from . import initializers
from .initializer import FromRecipe
from .seeds import key

__all__ = ["FromRecipe", "initializers", "key"]
