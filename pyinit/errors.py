"""What bad input gets: one line that says what was needed, what came and what to do."""

from __future__ import annotations

__all__ = [
    "DTypeError",
    "DataError",
    "FormatError",
    "LayoutError",
    "PyinitError",
    "RecipeError",
    "SeedError",
    "ShapeError",
    "SpecError",
    "StateError",
]


class PyinitError(Exception):
    """The base of every error that pyinit raises on purpose, always before anything is written."""


class ShapeError(PyinitError, ValueError):
    """A shape, window or rank that cannot be filled as asked."""


class LayoutError(PyinitError, ValueError):
    """Memory that cannot be written in place, or axes that do not describe a weight."""


class DTypeError(PyinitError, TypeError):
    """A dtype that pyinit cannot write."""


class RecipeError(PyinitError, ValueError):
    """A number, name or option of a recipe that cannot be meant."""


class SeedError(PyinitError, ValueError):
    """A seed, offset or name that is not a key of the stream."""


class StateError(PyinitError, TypeError, ValueError):
    """A state, step or number of children that a random generator cannot take.

    NumPy's generators raise a TypeError for some of these and a ValueError for others; it is both.
    """


class SpecError(PyinitError, ValueError):
    """A model description with an unknown family, field or parameter name."""


class FormatError(PyinitError, ValueError):
    """A file that is not what its name or header claims."""


class DataError(PyinitError, ValueError):
    """A data set, file or row that cannot be read, or cannot be trained on."""
