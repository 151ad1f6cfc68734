"""torch.nn.init's functions whose numbers are given."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ...errors import ShapeError
from ...recipes.distributions import Constant, Normal, TruncatedNormal, Uniform
from ...recipes.recipe import Recipe
from ...recipes.sparse import Sparse
from .drawing import drawn, handed_on

__all__ = ["normal", "normal_", "sparse_", "trunc_normal_", "uniform", "uniform_"]


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor with uniform draws from [a, b).

    Parameters
    ----------
    tensor : torch.Tensor
        Of any shape.
    a, b : float
        Finite, a <= b.
    generator : torch.Generator, optional
        By default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    RecipeError
        If a > b, or a bound is not finite. Also a RuntimeError, as torch's.

    Examples
    --------
    >>> import torch
    >>> w = uniform_(torch.empty(3, 5), -1.0, 1.0)
    >>> bool(((w >= -1) & (w < 1)).all())
    True
    """
    if torch.overrides.has_torch_function_variadic(tensor):
        return handed_on(uniform_, tensor, a=a, b=b, generator=generator)
    return drawn(tensor, generator, uniform, a, b)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor with normal draws.

    Parameters
    ----------
    tensor : torch.Tensor
        Of any shape.
    mean : float
        Finite.
    std : float
        Finite, at least 0.
    generator : torch.Generator, optional
        By default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    RecipeError
        If the std is negative, or a number is not finite. Also a RuntimeError, as torch's.

    Examples
    --------
    >>> import torch
    >>> w = torch.nn.Parameter(torch.empty(3, 5, dtype=torch.bfloat16))
    >>> normal_(w, std=0.02) is w
    True
    """
    if torch.overrides.has_torch_function_variadic(tensor):
        return handed_on(normal_, tensor, mean=mean, std=std, generator=generator)
    return drawn(tensor, generator, normal, mean, std)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal draws kept inside [a, b].

    The bounds are values, not standard deviations, as in torch: with std 0.02 the default cuts at 100 std.

    Parameters
    ----------
    tensor : torch.Tensor
        Of any shape.
    mean : float
        Finite; of the normal before truncation.
    std : float
        Finite, above 0; of the normal before truncation.
    a, b : float
        a <= b. No value is ever outside them, in any dtype.
    generator : torch.Generator, optional
        By default the one that ``torch.manual_seed`` seeds.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    RecipeError
        If a number is not valid. Also a RuntimeError, as torch's.

    Warns
    -----
    UserWarning
        If the mean is more than 2 std outside [a, b], as torch warns; the values are right here, too.

    Examples
    --------
    >>> import torch
    >>> bool((trunc_normal_(torch.empty(1000)).abs() <= 2).all())
    True
    """
    outside = mean < a - 2 * std or mean > b + 2 * std
    if outside and not tensor.is_meta:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    return drawn(tensor, generator, _truncated, mean, std, a, b)


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a matrix with normal draws, ceil(sparsity * rows) of each column zero.

    Parameters
    ----------
    tensor : torch.Tensor
        Of 2 dimensions.
    sparsity : float
        Fraction of zeros, in [0, 1].
    std : float
        Of the elements that are not zero; finite, at least 0.
    generator : torch.Generator, optional
        By default the one that ``torch.manual_seed`` seeds; it decides where the zeros are, too.

    Returns
    -------
    torch.Tensor
        The same object.

    Raises
    ------
    ShapeError
        If the tensor does not have 2 dimensions.
    RecipeError
        If a number is not valid. Also a RuntimeError, as torch's.

    References
    ----------
    Martens, "Deep learning via Hessian-free optimization", ICML 2010.

    Examples
    --------
    >>> import torch
    >>> (sparse_(torch.empty(10, 3), sparsity=0.85) == 0).sum(0)
    tensor([9, 9, 9])
    """
    if tensor.ndimension() != 2:
        raise ShapeError(
            f"Only tensors with 2 dimensions are supported; got shape {tuple(tensor.shape)}. "
            "Initialize a view of 2 dimensions."
        )
    return drawn(tensor, generator, _sparse, sparsity, std)


def uniform(a: float, b: float) -> Recipe:
    """Return the recipe of torch's uniform draws, to which a = b is one value."""
    return Constant(a) if a == b else Uniform(a, b)


def normal(mean: float, std: float) -> Recipe:
    """Return the recipe of torch's normal draws."""
    return Normal(mean=mean, std=std)


def _truncated(mean: float, std: float, a: float, b: float) -> Recipe:
    return Constant(a) if a == b else TruncatedNormal(mean=mean, std=std, low=a, high=b, unit="absolute")


def _sparse(sparsity: float, std: float) -> Recipe:
    # torch counts zeros along the first axis
    return Sparse(sparsity, std, layout="jax")
