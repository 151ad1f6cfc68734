"""The request of a torch call: which tensor is to be filled with which recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from ...errors import PyinitError
from ...recipes.recipe import Recipe
from .. import meanings
from ..meanings import Reading, parameters_of

__all__ = ["FACTORIES", "METHODS", "Reader", "Request", "reader_of", "requested"]


class Request(NamedTuple):
    """A requested draw: the tensor for the values, their recipe, and the generator whose numbers they are."""

    tensor: torch.Tensor
    recipe: Recipe
    generator: torch.Generator | None


Reader = Callable[..., Request]
"""Takes the arguments of a call, and raises an error if they are not valid."""


def requested(reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
    """Return the request of a call, or None for a call that torch has to answer or to refuse.

    A caller who gives a generator wants that generator's numbers.
    """
    try:
        request = reader(*args, **kwargs)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, AttributeError, PyinitError):
        return None
    return request if request.generator is None else None


def reader_of(reading: Reading) -> Reader:
    """Return the reader of a function whose last parameter is the generator."""
    count = len(parameters_of(reading))

    def reader(*args: Any, generator: Any = None, **kwargs: Any) -> Request:
        if len(args) > count:
            *args, generator = args  # type: ignore[assignment]
        tensor = args[0] if args else kwargs["tensor"]
        return Request(tensor, reading(*args, **kwargs).recipe(), generator)

    return reader


def _method(reading: Reading) -> Reader:
    """Return the reader of a tensor's method, which takes the generator by its name alone."""

    def reader(tensor: Any, *args: Any, generator: Any = None, **kwargs: Any) -> Request:
        return Request(tensor, reading(tensor, *args, **kwargs).recipe(), generator)

    return reader


def _uniform_method(tensor: Any, a: Any = 0.0, /, to: Any = 1.0, **others: Any) -> Request:
    # `from`, torch's name for the lower bound, is a keyword of Python
    return _method(meanings.uniform_)(tensor, others.pop("from", a), to, **others)


def _made_by(empty: Callable[..., torch.Tensor], recipe: Recipe) -> Reader:
    """Return the reader of a function that allocates a tensor, as `empty` does, and fills it."""

    def reader(*args: Any, generator: Any = None, out: None = None, **kwargs: Any) -> Request:
        if out is not None:
            raise TypeError("torch has to resize the given tensor")
        return Request(empty(*args, **kwargs), recipe, generator)

    return reader


def _normal_factory(
    mean: Any, std: Any, size: Any, *, generator: Any = None, out: None = None, **kwargs: Any
) -> Request:
    if out is not None or isinstance(mean, torch.Tensor) or isinstance(std, torch.Tensor):
        raise TypeError("torch draws each element with its own mean or std")
    return Request(torch.empty(size, **kwargs), meanings.normal(mean, std), generator)


METHODS: dict[Callable[..., Any], Reader] = {
    torch.Tensor.normal_: _method(meanings.normal_),
    torch.Tensor.uniform_: _uniform_method,
}
"""The readers of methods that draw into their tensor."""

FACTORIES: dict[Callable[..., Any], Reader] = {
    torch.rand: _made_by(torch.empty, meanings.uniform(0.0, 1.0)),
    torch.randn: _made_by(torch.empty, meanings.normal(0.0, 1.0)),
    torch.rand_like: _made_by(torch.empty_like, meanings.uniform(0.0, 1.0)),
    torch.randn_like: _made_by(torch.empty_like, meanings.normal(0.0, 1.0)),
    torch.normal: _normal_factory,
}
"""The readers of functions that draw into memory that they allocate."""
