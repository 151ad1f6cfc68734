"""NumPy on pyinit's stream: a bit generator for `numpy.random.Generator`, and the fills for Cython."""

from .philox import Philox4x32
from .seeding import KeySequence

__all__ = ["KeySequence", "Philox4x32"]
