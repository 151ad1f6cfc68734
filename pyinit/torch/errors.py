"""pyinit's errors; each is also of the type that torch raises for the same mistake."""

from __future__ import annotations

from ..errors import DTypeError, LayoutError, PyinitError, RecipeError

__all__ = [
    "TensorDTypeError",
    "TensorLayoutError",
    "TensorNumberError",
    "TensorRecipeError",
    "ThreadError",
    "TorchVersionError",
]


class TensorLayoutError(LayoutError, NotImplementedError):
    """The memory of a tensor cannot be written in place; torch raises a RuntimeError."""


class TensorDTypeError(DTypeError, NotImplementedError):
    """Pyinit cannot write a tensor of this dtype; torch raises NotImplementedError, a RuntimeError."""


class TensorNumberError(RecipeError, TypeError):
    """A value that should be a number is none; torch raises a TypeError."""


class TensorRecipeError(RecipeError, RuntimeError):
    """The numbers of a distribution are not valid; torch raises a RuntimeError."""


class TorchVersionError(PyinitError, ImportError):
    """A part that is needed is missing in this version of torch."""


class ThreadError(PyinitError, RuntimeError):
    """Another thread leaves a block than the one that entered it."""
