"""torch.nn.init on pyinit's stream: the same names, arguments, warnings and errors.

What is not drawn (constants, identity, gains) is torch's own. Fans are counted as torch counts them, with its
mistakes for grouped and transposed convolutions; ``pyinit.he_normal(layout="torch", groups=...)`` and
``transposed=True, stride=...`` count them right.

A tensor that autograd knows to be computed, such as a parametrized weight, is refused, because torch loses
what is written there. Under ``torch.no_grad()`` autograd knows nothing, and the write is lost here, too.

torch's generator governs the draws: the one that is given, or else the one that `torch.manual_seed` seeds.
Each call takes one integer from it, which makes the key together with the generator's seed. The values are
pyinit's, not torch's: they are the same on every machine, for any number of threads and any strides, and they
do not depend on the size of the tensors that were drawn before. A meta or fake tensor has nothing to fill and
takes nothing. Each rank fills the part of a DTensor that it holds, without communication: seed the generators
of all ranks alike. Parameters that DeepSpeed's ZeRO-3, the first FSDP or Megatron have cut are filled so,
too, with the fans of the whole tensor; call on all ranks, in the same order.

Beyond torch, `orthogonal_` takes bfloat16, float16 and tensors without a flat view, and `sparse_` uses its
generator for the zeros, too. Some calls are refused for which torch writes infinities, zeros or other values
than requested: numbers that are not finite or leave the dtype's range, a negative std of `trunc_normal_` and
bounds beyond 37 std, a sparsity outside [0, 1]; and complex tensors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from torch import Tensor
from torch.nn import init as _torch
from torch.nn.init import calculate_gain

from ...recipes.distributions import Constant
from ...recipes.patterns import Identity
from ...recipes.recipe import Recipe
from ...stream.key import Key
from ..arguments import number
from ..meanings import correct_fan, fans
from ..partitions.holding import partition_of
from ..tensor import check_lasting, fill_under
from .distributions import normal_, sparse_, trunc_normal_, uniform_
from .orthogonal import orthogonal_
from .patterns import dirac_
from .scaling import kaiming_normal_, kaiming_uniform_, xavier_normal_, xavier_uniform_

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

_R = TypeVar("_R")
_P = ParamSpec("_P")


def _written(function: Callable[_P, Tensor], meant: Callable[_P, Recipe]) -> Callable[_P, Tensor]:
    """Return torch's function, which then refuses a tensor that does not keep what is written to it.

    Of a tensor of which this rank holds a part, the part is filled by the recipe that the call means.
    """

    @wraps(function)
    def written(*args: _P.args, **kwargs: _P.kwargs) -> Tensor:
        tensor = args[0] if args else kwargs.get("tensor")
        if isinstance(tensor, Tensor):
            if not tensor.is_meta and partition_of(tensor) is not None:
                return fill_under(tensor, meant(*args, **kwargs), lambda: Key(0))
            check_lasting(tensor)
        return function(*args, **kwargs)

    return written


constant_ = _written(_torch.constant_, lambda tensor, val: Constant(number(val)))
eye_ = _written(_torch.eye_, lambda tensor: Identity())
ones_ = _written(_torch.ones_, lambda tensor: Constant(1.0))
zeros_ = _written(_torch.zeros_, lambda tensor: Constant(0.0))


def _deprecated(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Return a function under torch's older name, which warns."""
    new = function.__name__
    old = new.removesuffix("_")

    def deprecated_init(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    deprecated_init.__doc__ = f"Call `{new}`, the name that replaces this one, with a FutureWarning."
    deprecated_init.__name__ = old
    return deprecated_init


constant = _deprecated(constant_)
eye = _deprecated(eye_)
uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)

# private in torch, and still called by name
_calculate_fan_in_and_fan_out = fans
_calculate_correct_fan = correct_fan
