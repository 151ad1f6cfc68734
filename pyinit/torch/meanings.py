"""The one table of torch's initializers: a call of torch's, its parameters, and the recipe they mean.

`pyinit.torch.init`, `accelerate` and the recorder of `materialize` read the same entries, so that one call
means one recipe at every door. Torch decides what that is: fans are those that torch counts, its mistakes for
grouped and transposed convolutions included, and equal bounds give one value.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, NamedTuple

import torch
from torch.nn.init import calculate_gain

from ..errors import RecipeError, ShapeError
from ..recipes.distributions import Constant, Normal, TruncatedNormal, Uniform
from ..recipes.orthogonal import Orthogonal
from ..recipes.patterns import Dirac
from ..recipes.recipe import Recipe
from ..recipes.sparse import Sparse
from .arguments import number
from .partitions.holding import whole_shape

__all__ = [
    "CALLS",
    "Meaning",
    "Reading",
    "correct_fan",
    "fans",
    "normal",
    "of_locals",
    "parameters_of",
    "truncated_normal",
    "uniform",
]


def _of_numbers(make: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """Return a recipe's maker that checks numbers; the plan of a recipe that was made before is cached."""
    made = lru_cache(maxsize=1024)(make)
    return wraps(make)(lambda *values: made(*map(number, values)))


@_of_numbers
def normal(mean: float, std: float) -> Recipe:
    """Return the recipe of normal draws."""
    return Normal(mean=mean, std=std)


@_of_numbers
def _between(low: float, high: float) -> Recipe:
    return Uniform(low, high)


def uniform(a: Any, b: Any) -> Recipe:
    """Return the recipe of uniform draws; equal bounds give one value, with its sign, as in torch."""
    return Constant(number(a)) if number(a) == number(b) else _between(a, b)


@_of_numbers
def _truncated(mean: float, std: float, low: float, high: float) -> Recipe:
    return TruncatedNormal(mean=mean, std=std, low=low, high=high, unit="absolute")


def truncated_normal(mean: Any, std: Any, a: Any, b: Any) -> Recipe:
    """Return the recipe of normal draws inside bounds, which are values; equal bounds give one value."""
    if number(a) != number(b):
        return _truncated(mean, std, a, b)
    # a mean or a std that is not valid is refused all the same
    TruncatedNormal(mean=number(mean), std=number(std))
    return Constant(number(a))


@_of_numbers
def truncated_normal_in_std(mean: float, std: float, a: float, b: float) -> Recipe:
    """Return the recipe of normal draws inside bounds that count standard deviations."""
    if a == b:
        TruncatedNormal(mean=mean, std=std)
        return Constant(mean + std * a)
    return TruncatedNormal(mean=mean, std=std, low=a, high=b, unit="std")


@_of_numbers
def orthogonal(gain: float) -> Recipe:
    """Return the recipe of a matrix with orthonormal rows or columns, times a gain."""
    return Orthogonal(gain, layout="torch")


@_of_numbers
def sparse(sparsity: float, std: float) -> Recipe:
    """Return the recipe of a sparse matrix; torch counts the zeros along the first axis."""
    return Sparse(sparsity, std, layout="jax")


def dirac(groups: int) -> Recipe:
    """Return the recipe of a kernel that passes its channels through."""
    return Dirac(groups=groups, layout="torch")


class Meaning(NamedTuple):
    """What a call means: a recipe's maker and the parameters it takes.

    The call's shape is checked by then, and its parameters are not: a meta tensor needs none of them.
    """

    make: Callable[..., Recipe]
    parameters: tuple[Any, ...]

    def recipe(self) -> Recipe:
        """Return the recipe, or raise a RecipeError if a parameter is not valid."""
        return self.make(*self.parameters)


Reading = Callable[..., Meaning]
"""Takes a call's tensor and parameters, under torch's names and with torch's defaults."""


def uniform_(tensor: Any, a: Any = 0.0, b: Any = 1.0) -> Meaning:
    """Read ``uniform_``."""
    return Meaning(uniform, (a, b))


def normal_(tensor: Any, mean: Any = 0.0, std: Any = 1.0) -> Meaning:
    """Read ``normal_``."""
    return Meaning(normal, (mean, std))


def trunc_normal_(tensor: Any, mean: Any = 0.0, std: Any = 1.0, a: Any = -2.0, b: Any = 2.0) -> Meaning:
    """Read ``trunc_normal_``, whose bounds are values."""
    return Meaning(truncated_normal, (mean, std, a, b))


def trunc_normal_tf_(tensor: Any, mean: Any = 0.0, std: Any = 1.0, a: Any = -2.0, b: Any = 2.0) -> Meaning:
    """Read timm's ``trunc_normal_tf_``, whose bounds count standard deviations."""
    return Meaning(truncated_normal_in_std, (mean, std, a, b))


def xavier_uniform_(tensor: Any, gain: Any = 1.0) -> Meaning:
    """Read ``xavier_uniform_``."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return Meaning(uniform, (-bound, bound))


def xavier_normal_(tensor: Any, gain: Any = 1.0) -> Meaning:
    """Read ``xavier_normal_``."""
    return Meaning(normal, (0.0, _xavier_std(tensor, gain)))


def kaiming_uniform_(
    tensor: Any, a: Any = 0, mode: Any = "fan_in", nonlinearity: Any = "leaky_relu"
) -> Meaning:
    """Read ``kaiming_uniform_``."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return Meaning(uniform, (-bound, bound))


def kaiming_normal_(
    tensor: Any, a: Any = 0, mode: Any = "fan_in", nonlinearity: Any = "leaky_relu"
) -> Meaning:
    """Read ``kaiming_normal_``."""
    return Meaning(normal, (0.0, _kaiming_std(tensor, a, mode, nonlinearity)))


def orthogonal_(tensor: Any, gain: Any = 1) -> Meaning:
    """Read ``orthogonal_``, which flattens all axes but the first."""
    shape = whole_shape(tensor)
    if len(shape) < 2:
        raise ShapeError(
            "Only tensors with 2 or more dimensions are supported; got shape "
            f"{shape}. Use normal_ for a vector."
        )
    return Meaning(orthogonal, (gain,))


def sparse_(tensor: Any, sparsity: Any, std: Any = 0.01) -> Meaning:
    """Read ``sparse_``."""
    shape = whole_shape(tensor)
    if len(shape) != 2:
        raise ShapeError(
            f"Only tensors with 2 dimensions are supported; got shape {shape}. "
            "Initialize a view of 2 dimensions."
        )
    return Meaning(sparse, (sparsity, std))


def dirac_(tensor: Any, groups: Any = 1) -> Meaning:
    """Read ``dirac_``."""
    shape = whole_shape(tensor)
    if len(shape) not in (3, 4, 5):
        raise ShapeError(
            f"Only tensors with 3, 4, or 5 dimensions are supported; got shape {shape}. "
            "Use eye_ for a matrix."
        )
    if shape[0] % groups != 0:
        raise ShapeError(
            f"dim 0 must be divisible by groups; got {shape[0]} outputs and {groups} groups. Check groups."
        )
    return Meaning(dirac, (groups,))


CALLS: dict[str, Reading] = {
    "uniform_": uniform_,
    "normal_": normal_,
    "trunc_normal_": trunc_normal_,
    "trunc_normal_tf_": trunc_normal_tf_,
    "xavier_uniform_": xavier_uniform_,
    "xavier_normal_": xavier_normal_,
    "kaiming_uniform_": kaiming_uniform_,
    "kaiming_normal_": kaiming_normal_,
    "orthogonal_": orthogonal_,
    "sparse_": sparse_,
    "dirac_": dirac_,
}
"""Every call that has a recipe, by torch's name; `trunc_normal_tf_` is timm's."""


def parameters_of(reading: Reading) -> tuple[str, ...]:
    """Return the names of a call's parameters, the tensor first."""
    return tuple(inspect.signature(reading).parameters)


def of_locals(reading: Reading, values: Mapping[str, Any]) -> Meaning:
    """Read a call from the local variables of torch's function."""
    return reading(*(values[name] for name in parameters_of(reading)))


def fans(tensor: torch.Tensor) -> tuple[int, int]:
    """Return fan_in and fan_out of a whole tensor as torch counts them."""
    if tensor.dim() < 2 and len(whole_shape(tensor)) < 2:
        raise ShapeError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions; got shape "
            f"{tuple(tensor.shape)}. Use normal_ with a std, or uniform_ with bounds."
        )
    outputs, inputs, *kernel = whole_shape(tensor)
    field = math.prod(kernel)
    return inputs * field, outputs * field


def correct_fan(tensor: torch.Tensor, mode: Any) -> int:
    """Return the fan of a mode, which may be in upper or lower case."""
    valid = ["fan_in", "fan_out"]
    if mode.lower() not in valid:
        raise RecipeError(f"Mode {mode.lower()} not supported, please use one of {valid}")
    return fans(tensor)[valid.index(mode.lower())]


def _xavier_std(tensor: torch.Tensor, gain: Any) -> Any:
    fan_in, fan_out = fans(tensor)
    return gain * math.sqrt(2.0 / float(fan_in + fan_out))


def _kaiming_std(tensor: torch.Tensor, a: Any, mode: Any, nonlinearity: Any) -> float:
    # in torch's order, so that the same one of two mistakes is named
    fan = correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)
