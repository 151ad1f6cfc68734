"""What a call of torch's asks for: which tensor is to be filled with which recipe."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import init

from ...errors import PyinitError
from ...recipes.distributions import Normal, TruncatedNormal, Uniform
from ...recipes.orthogonal import Orthogonal
from ...recipes.recipe import Recipe
from ...recipes.sparse import Sparse
from ..arguments import number

__all__ = [
    "FACTORIES",
    "METHODS",
    "Reader",
    "Request",
    "kaiming_uniform",
    "normal",
    "orthogonal",
    "read",
    "sparse",
    "truncated_normal",
    "truncated_normal_in_std",
    "uniform",
]


class Request(NamedTuple):
    """A draw that torch was asked for: where the values go, what they are, and whose numbers they are."""

    tensor: torch.Tensor
    recipe: Recipe
    generator: torch.Generator | None


Reader = Callable[..., Request]
"""Takes the arguments of a call, and raises where they are not valid."""


def read(reader: Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Request | None:
    """Return the request of a call, or None for a call that is torch's to answer, or to refuse in its words.

    A caller who gives a generator asks for that generator's numbers.
    """
    try:
        request = reader(*args, **kwargs)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, PyinitError):
        return None
    return request if request.generator is None else None


def normal(tensor: Any, mean: Any = 0.0, std: Any = 1.0, generator: Any = None) -> Request:
    """Read ``Tensor.normal_`` and ``torch.nn.init.normal_``."""
    return Request(tensor, Normal(mean=number(mean), std=number(std)), generator)


def uniform(tensor: Any, a: Any = 0.0, b: Any = 1.0, generator: Any = None) -> Request:
    """Read ``torch.nn.init.uniform_``."""
    return Request(tensor, Uniform(number(a), number(b)), generator)


def _uniform_method(tensor: Any, a: Any = 0.0, /, to: Any = 1.0, **others: Any) -> Request:
    # `from`, torch's name for the lower bound, is a keyword of Python
    return uniform(tensor, others.pop("from", a), to, **others)


def kaiming_uniform(
    tensor: Any,
    a: Any = 0,
    mode: Any = "fan_in",
    nonlinearity: Any = "leaky_relu",
    generator: Any = None,
) -> Request:
    """Read ``torch.nn.init.kaiming_uniform_``."""
    fan = init._calculate_correct_fan(tensor, mode)
    bound = math.sqrt(3.0) * (init.calculate_gain(nonlinearity, a) / math.sqrt(fan))
    return Request(tensor, Uniform(-bound, bound), generator)


def truncated_normal(
    tensor: Any, mean: Any = 0.0, std: Any = 1.0, a: Any = -2.0, b: Any = 2.0, generator: Any = None
) -> Request:
    """Read ``torch.nn.init.trunc_normal_``, whose bounds are values."""
    recipe = TruncatedNormal(
        mean=number(mean), std=number(std), low=number(a), high=number(b), unit="absolute"
    )
    return Request(tensor, recipe, generator)


def truncated_normal_in_std(
    tensor: Any, mean: Any = 0.0, std: Any = 1.0, a: Any = -2.0, b: Any = 2.0
) -> Request:
    """Read timm's ``trunc_normal_tf_``, whose bounds count standard deviations."""
    return Request(
        tensor,
        TruncatedNormal(mean=number(mean), std=number(std), low=number(a), high=number(b), unit="std"),
        None,
    )


def orthogonal(tensor: Any, gain: Any = 1, generator: Any = None) -> Request:
    """Read ``torch.nn.init.orthogonal_``."""
    return Request(tensor, Orthogonal(number(gain), layout="torch"), generator)


def sparse(tensor: Any, sparsity: Any, std: Any = 0.01, generator: Any = None) -> Request:
    """Read ``torch.nn.init.sparse_``, which counts zeros along the first axis."""
    return Request(tensor, Sparse(number(sparsity), number(std), layout="jax"), generator)


def _made_by(empty: Callable[..., torch.Tensor], recipe: Recipe) -> Reader:
    """Return the reader of a function that allocates, as `empty` does, what it then fills."""

    def reader(*args: Any, generator: Any = None, out: None = None, **kwargs: Any) -> Request:
        if out is not None:
            raise TypeError("torch has to resize what it is given")
        return Request(empty(*args, **kwargs), recipe, generator)

    return reader


def _normal_factory(
    mean: Any, std: Any, size: Any, *, generator: Any = None, out: None = None, **kwargs: Any
) -> Request:
    if out is not None or isinstance(mean, torch.Tensor) or isinstance(std, torch.Tensor):
        raise TypeError("torch draws each element with its own mean or std")
    return normal(torch.empty(size, **kwargs), mean, std, generator)


METHODS: dict[Callable[..., Any], Reader] = {
    torch.Tensor.normal_: normal,
    torch.Tensor.uniform_: _uniform_method,
}
"""Methods that draw into their tensor, and how their arguments are read."""

FACTORIES: dict[Callable[..., Any], Reader] = {
    torch.rand: _made_by(torch.empty, Uniform()),
    torch.randn: _made_by(torch.empty, Normal()),
    torch.rand_like: _made_by(torch.empty_like, Uniform()),
    torch.randn_like: _made_by(torch.empty_like, Normal()),
    torch.normal: _normal_factory,
}
"""Functions that draw into memory that they allocate."""
