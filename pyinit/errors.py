"""What bad input gets: one line that says what was needed, what came and what to do."""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "CallError",
    "DTypeError",
    "DataError",
    "DeviceError",
    "FormatError",
    "LabelError",
    "LayoutError",
    "MissingLibraryError",
    "PyinitError",
    "RecipeError",
    "SeedError",
    "ShapeError",
    "SpecError",
    "StateError",
    "UnsupportedDTypeError",
]


class PyinitError(Exception):
    """The base of every error that pyinit raises on purpose, always before anything is written."""


class ShapeError(PyinitError, ValueError):
    """A shape, window or rank that does not fit the recipe or the call."""


class LayoutError(PyinitError, ValueError):
    """Memory that cannot be written in place, or axes that do not describe a weight."""


class DTypeError(PyinitError, TypeError):
    """A dtype that pyinit cannot write."""


class DeviceError(PyinitError, RuntimeError):
    """A device, its driver or its compiler that is missing, cannot be used, or failed."""


class UnsupportedDTypeError(DTypeError, ValueError):
    """A dtype that an initializer of JAX or Keras cannot draw; of these some raise a ValueError for it."""


class RecipeError(PyinitError, ValueError):
    """A number, name or option of a recipe that is not valid."""


class CallError(RecipeError, TypeError):
    """A call that makes a recipe, with arguments that the recipe does not have.

    Python raises a TypeError for such a call; it is both.
    """


class ArgumentError(PyinitError, ValueError):
    """An argument that is no part of a recipe and is not valid, such as a number of threads."""


class LabelError(PyinitError, KeyError):
    """A label that is not in a comparison; as for any mapping, a KeyError."""

    def __str__(self) -> str:
        # a KeyError shows its text in quotes
        return Exception.__str__(self)


class MissingLibraryError(PyinitError, ImportError):
    """A library that is needed for one thing, such as matplotlib for pictures, is absent or too old."""


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
