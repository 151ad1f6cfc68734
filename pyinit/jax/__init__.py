"""pyinit for JAX: initializers, a model's own initialization recorded, and trees filled without compiling."""

from __future__ import annotations

from ..versions import require

require("jax")

from . import initializers
from .haiku import for_haiku
from .initializer import Initializer, initializer
from .keys import from_key, to_key
from .recording import init
from .tree import init_tree

__all__ = [
    "Initializer",
    "for_haiku",
    "from_key",
    "init",
    "init_tree",
    "initializer",
    "initializers",
    "to_key",
]
