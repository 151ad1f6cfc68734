"""pyinit's errors, each also of the type that torch raises for the same mistake."""

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
    """A tensor whose memory cannot be written in place; torch raises a RuntimeError."""


class TensorDTypeError(DTypeError, NotImplementedError):
    """A tensor of a dtype that pyinit cannot write; torch raises NotImplementedError, a RuntimeError."""


class TensorNumberError(RecipeError, TypeError):
    """What is no number where one is needed; torch raises a TypeError."""


class TensorRecipeError(RecipeError, RuntimeError):
    """Numbers of a distribution that are not valid; torch raises a RuntimeError."""


class TorchVersionError(PyinitError, ImportError):
    """A part of torch that this version does not have."""


class ThreadError(PyinitError, RuntimeError):
    """A block that another thread leaves than the one that entered it."""
